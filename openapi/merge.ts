/** Adds our document of the companion operations to the published one. The published operations and schemas win. */
import { operationsOf } from './describe.ts';
import { type Json, type JsonObject, objectAt, replaceAt } from './json.ts';

/**
 * The document with the operations and schemas of `fragment` that it lacks. Operations with the same id are the same, since
 * the two documents may name path parameters differently.
 */
export function addFragment(document: JsonObject, fragment: JsonObject, name: string): JsonObject {
  const ids = new Set(operationsOf(document).map(({ id }) => id));
  const withPaths = operationsOf(fragment)
    .filter(({ id }) => !ids.has(id))
    .reduce<JsonObject>(
      (whole, { path, method, operation }) =>
        placed(whole, ['paths', path, method.toLowerCase()], operation, `${name}: ${method} ${path}`),
      document,
    );
  return Object.entries(objectAt(fragment, 'components', 'schemas'))
    .filter(([schema]) => !Object.hasOwn(objectAt(withPaths, 'components', 'schemas'), schema))
    .reduce<JsonObject>(
      (whole, [schema, value]) =>
        placed(whole, ['components', 'schemas', schema], value, `${name}: ${schema}`),
      withPaths,
    );
}

function placed(document: JsonObject, at: readonly string[], value: Json, what: string): JsonObject {
  const changed = replaceAt(document, at, (there) => {
    if (there !== undefined) throw new Error(`${what} is there under another operationId`);
    return value;
  });
  return objectAt(changed);
}

/** The document without schemas that nothing refers to and without paths that have no operation. */
export function pruned(document: JsonObject): JsonObject {
  const schemas = objectAt(document, 'components', 'schemas');
  const used = new Set<string>();
  const follow = (value: Json | undefined): void => {
    for (const [, name = ''] of JSON.stringify(value ?? null).matchAll(
      /"#\/components\/schemas\/([^"/]+)"/g,
    )) {
      if (used.has(name)) continue;
      used.add(name);
      follow(schemas[name]);
    }
  };
  follow({ ...document, components: { ...objectAt(document, 'components'), schemas: {} } });
  const kept = Object.fromEntries(Object.entries(schemas).filter(([name]) => used.has(name)));
  const paths = Object.fromEntries(
    Object.entries(objectAt(document, 'paths')).filter(([, item]) => Object.keys(objectAt(item)).length > 0),
  );
  return { ...document, paths, components: { ...objectAt(document, 'components'), schemas: kept } };
}
