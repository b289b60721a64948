/** Finds the parts of a request's schema that the validation would not enforce. */
import { isObject, type Json, type JsonObject, listAt, objectAt } from './json.ts';

const LOCAL = '#/components/';

/** The value that a reference leads to. Other values stay as they are. @throws Error for a reference that leads nowhere */
export function resolve(value: Json | undefined, document: JsonObject): Json | undefined {
  if (!isObject(value) || typeof value['$ref'] !== 'string') return value;
  const { $ref: reference } = value;
  if (!reference.startsWith(LOCAL))
    throw new Error(`the reference ${reference} is not served: only ${LOCAL}... is`);
  const names = reference
    .slice(2)
    .split('/')
    .map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'));
  const found = names.reduce<Json | undefined>(
    (inner, name) => (isObject(inner) ? inner[name] : undefined),
    document,
  );
  if (found === undefined) throw new Error(`the reference ${reference} leads nowhere`);
  return resolve(found, document);
}

/** Keywords of JSON Schema or OpenAPI that nothing enforces in a request. */
const UNSERVED = [
  'readOnly',
  'contentEncoding',
  'contentMediaType',
  'contentSchema',
  '$id',
  '$anchor',
  '$defs',
  '$dynamicRef',
  '$dynamicAnchor',
  'nullable',
];
const OF_SCHEMA = [
  'items',
  'contains',
  'additionalProperties',
  'propertyNames',
  'not',
  'if',
  'then',
  'else',
  'unevaluatedItems',
  'unevaluatedProperties',
];
const OF_LIST = ['allOf', 'anyOf', 'oneOf', 'prefixItems'];
const OF_MAP = ['properties', 'patternProperties', 'dependentSchemas'];

/** @returns a predicate for each problem, such as `.name has the keyword readOnly, which is not served` */
export function schemaProblems(schema: Json | undefined, document: JsonObject): readonly string[] {
  const problems: string[] = [];
  walk(schema, '', [], (at, found) => {
    for (const problem of ownProblems(found, document)) problems.push(`${at} ${problem}`.trim());
  });
  return problems;

  function walk(
    value: Json | undefined,
    at: string,
    above: readonly string[],
    look: (at: string, found: JsonObject) => void,
  ): void {
    if (!isObject(value)) return;
    const { $ref: reference } = value;
    if (typeof reference === 'string') {
      if (above.includes(reference))
        problems.push(`${at} refers to itself (${reference}), which is not served`.trim());
      else walk(resolve(value, document), at, [...above, reference], look);
      return;
    }
    look(at, value);
    for (const keyword of OF_SCHEMA) walk(value[keyword], keyword === 'items' ? `${at}[]` : at, above, look);
    for (const keyword of OF_LIST) for (const inner of listAt(value, keyword)) walk(inner, at, above, look);
    for (const keyword of OF_MAP) {
      for (const [name, inner] of Object.entries(objectAt(value, keyword)))
        walk(inner, `${at}.${name}`, above, look);
    }
  }
}

function ownProblems(schema: JsonObject, document: JsonObject): readonly string[] {
  const unserved = UNSERVED.filter((keyword) => schema[keyword] !== undefined && schema[keyword] !== false);
  return [
    ...unserved.map((keyword) => `has the keyword ${keyword}, which is not served`),
    ...(schema['format'] === 'binary' ? ['has the format binary, which is not served'] : []),
    ...(isCostly(schema, document)
      ? ['wants unique items that are no scalars: state maxItems, 1000 at most']
      : []),
    ...discriminatorProblems(schema, document),
  ];
}

/** `uniqueItems` compares each item with each other one. */
function isCostly({ uniqueItems, items, maxItems }: JsonObject, document: JsonObject): boolean {
  if (uniqueItems !== true || (typeof maxItems === 'number' && maxItems <= 1000)) return false;
  const { type } = objectAt(resolve(items, document));
  return !['string', 'integer', 'number', 'boolean'].some((scalar) => scalar === type);
}

function discriminatorProblems(schema: JsonObject, document: JsonObject): readonly string[] {
  const { discriminator } = schema;
  if (discriminator === undefined) return [];
  const { propertyName, mapping } = objectAt(discriminator);
  const branches = [...listAt(schema, 'oneOf'), ...listAt(schema, 'anyOf')].filter(
    (branch) => objectAt(branch)['type'] !== 'null',
  );
  const tags = branches.map((branch) => tagsOf(branch, String(propertyName), document));
  if (branches.length === 0 || tags.some((found) => found.length === 0)) {
    return [`has a discriminator "${propertyName}" that not every branch states as const or enum`];
  }
  const unknown = Object.keys(objectAt(mapping)).filter((tag) => !tags.flat().includes(tag));
  return unknown.map((tag) => `maps the tag "${tag}", which no branch states`);
}

function tagsOf(branch: Json, name: string, document: JsonObject): readonly Json[] {
  const schema = objectAt(resolve(branch, document));
  const { const: only, enum: several } = objectAt(resolve(objectAt(schema, 'properties')[name], document));
  const own = only === undefined ? (Array.isArray(several) ? several : []) : [only];
  return own.length > 0 ? own : listAt(schema, 'allOf').flatMap((part) => tagsOf(part, name, document));
}
