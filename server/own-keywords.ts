/** The part of a schema that ajv judges at one place, without the places below it. */
import type { ErrorObject } from 'ajv';
import type { Path } from './findings.ts';
import { type Schema, withoutNull } from './schema.ts';

/** Keywords that are judged at the places below, or in the walk over them. */
const OF_OTHER_PLACES = new Set([
  'properties',
  'patternProperties',
  'additionalProperties',
  'unevaluatedProperties',
  'required',
  'items',
  'prefixItems',
  'unevaluatedItems',
  'allOf',
]);

/** The part of a schema that concerns its place alone; null stays allowed where the schema allows it. */
export function ownKeywords(given: Schema): Schema {
  const { schema, branches } = withoutNull(given);
  const isUnion = (given.anyOf === undefined) !== (given.oneOf === undefined);
  if (branches.length > 0 && !isUnion) return {}; // Several types: each branch says all.
  const own: Schema = Object.fromEntries(
    Object.entries(schema).filter(([keyword]) => !OF_OTHER_PLACES.has(keyword)),
  );
  const isNullable = isUnion || given.type !== schema.type;
  return isNullable && own.type !== undefined ? { ...own, type: [own.type, 'null'].flat() } : own;
}

/** The path of ajv's finding below a place. It ends before a name that the schema does not declare: that is caller's text. */
export function declaredPath(schema: Schema, { instancePath, params }: ErrorObject): Path {
  const missing: unknown = params['missingProperty'];
  const names = instancePath
    .split('/')
    .slice(1)
    .map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'));
  const path: string[] = [];
  let there: Schema | undefined = schema;
  for (const name of typeof missing === 'string' ? [...names, missing] : names) {
    const properties: Schema['properties'] = there && withoutNull(there).schema.properties;
    if (properties === undefined || !Object.hasOwn(properties, name)) break;
    path.push(name);
    there = properties[name];
  }
  return path;
}
