/** Tells in words how two documents differ: operations, fields, answers, security. */
import { type Described, operationsOf } from './describe.ts';
import { equal, isObject, type Json, type JsonObject, listAt, objectAt, short } from './json.ts';

/** @returns a line for each change, in the order of the new document; none: no request or answer differs */
export function changes(before: JsonObject, after: JsonObject): readonly string[] {
  const old = new Map(operationsOf(before).map((one) => [one.id, one]));
  const now = operationsOf(after);
  const ids = new Set(now.map(({ id }) => id));
  return [
    ...now.flatMap((one) => {
      const earlier = old.get(one.id);
      return earlier === undefined ? [`new operation ${named(one)}`] : operationChanges(earlier, one);
    }),
    ...[...old.values()].filter(({ id }) => !ids.has(id)).map((one) => `operation ${named(one)} is gone`),
    ...schemaSetChanges(objectAt(before, 'components', 'schemas'), objectAt(after, 'components', 'schemas')),
    ...['parameters', 'responses', 'securitySchemes'].flatMap((kind) =>
      setChanges(`shared ${kind}`, objectAt(before, 'components', kind), objectAt(after, 'components', kind)),
    ),
  ];
}

const named = ({ id, method, path }: Described): string => `${id} (${method} ${path})`;

function operationChanges(before: Described, after: Described): readonly string[] {
  const route = (one: Described) => `${one.method} ${one.path}`;
  const moved = route(before) === route(after) ? [] : [`moves from ${route(before)} to ${route(after)}`];
  const security = (one: Described) => securityWords(one.operation['security']);
  const secured =
    security(before) === security(after) ? [] : [`security: ${security(before)}, now ${security(after)}`];
  return [
    ...moved,
    ...secured,
    ...roleChange(before.operation, after.operation),
    ...setChanges('parameter', parameters(before), parameters(after)),
    ...setChanges('request body', bodies(before), bodies(after)),
    ...setChanges('answer', objectAt(before.operation, 'responses'), objectAt(after.operation, 'responses')),
  ].map((change) => `${after.id}: ${change}`);
}

function roleChange({ 'x-role': before }: JsonObject, { 'x-role': after }: JsonObject): readonly string[] {
  return equal(before, after) ? [] : [`role: ${before ?? 'any'}, now ${after ?? 'any'}`];
}

const securityWords = (security: Json | undefined): string => {
  if (!Array.isArray(security)) return "the document's own";
  const list: readonly Json[] = security;
  if (list.length === 0) return 'public';
  return list.map((one) => Object.keys(objectAt(one)).join(' and ') || 'nothing').join(', or ');
};

const parameters = ({ operation, pathItem }: Described): JsonObject =>
  Object.fromEntries(
    [...listAt(pathItem, 'parameters'), ...listAt(operation, 'parameters')].map((parameter) => {
      const { name, in: place, $ref: reference } = objectAt(parameter);
      return [reference === undefined ? `${name} (${place})` : String(reference), parameter];
    }),
  );

const bodies = ({ operation }: Described): JsonObject => {
  const { content, required = false } = objectAt(operation, 'requestBody');
  return Object.fromEntries(
    Object.entries(objectAt(content)).map(([mediaType, value]) => [
      mediaType,
      { ...objectAt(value), required },
    ]),
  );
};

/** The named parts that are new, gone or different. */
function setChanges(kind: string, before: JsonObject, after: JsonObject): readonly string[] {
  return [
    ...Object.entries(after).flatMap(([name, value]) => {
      const earlier = before[name];
      if (earlier === undefined) return [`new ${kind} ${name}`];
      return differences(earlier, value).map((difference) => `${kind} ${name}: ${difference}`);
    }),
    ...Object.keys(before)
      .filter((name) => after[name] === undefined)
      .map((name) => `${kind} ${name} is gone`),
  ];
}

function schemaSetChanges(before: JsonObject, after: JsonObject): readonly string[] {
  return Object.entries(after).flatMap(([name, schema]) => {
    const earlier = before[name];
    if (!isObject(earlier) || !isObject(schema)) return [];
    const fields = setChanges('field', objectAt(earlier, 'properties'), objectAt(schema, 'properties'));
    const { properties: _before, required: wasRequired = [], ...ownBefore } = earlier;
    const { properties: _after, required = [], ...own } = schema;
    const names = (list: Json) => (Array.isArray(list) ? list : []);
    return [
      ...fields,
      ...names(required)
        .filter((field: Json) => !names(wasRequired).includes(field))
        .map((field: Json) => `field ${field} is now required`),
      ...names(wasRequired)
        .filter((field: Json) => !names(required).includes(field))
        .map((field: Json) => `field ${field} is no longer required`),
      ...differences(ownBefore, own),
    ].map((change) => `schema ${name}: ${change}`);
  });
}

/** Keywords for people, which change no request and no answer. */
const WORDS = new Set(['title', 'summary', 'description', 'example', 'examples']);

/** The innermost differences of two values, each with its place. */
function differences(before: Json, after: Json, at = ''): readonly string[] {
  if (equal(before, after)) return [];
  if (isObject(before) && isObject(after)) {
    return [...new Set([...Object.keys(before), ...Object.keys(after)])]
      .filter((name) => !WORDS.has(name))
      .flatMap((name) => {
        const place = at === '' ? name : `${at}.${name}`;
        const [earlier, now] = [before[name], after[name]];
        if (earlier === undefined) return now === undefined ? [] : [`${place} is now ${short(now)}`];
        return now === undefined ? [`${place} ${short(earlier)} is gone`] : differences(earlier, now, place);
      });
  }
  return [`${at === '' ? '' : `${at} `}${short(before)}, now ${short(after)}`];
}
