/** The security of operations, as the generator reads it from the document. */
import { operationsOf } from './describe.ts';
import { isObject, type Json, type JsonObject, listAt, objectAt, replaceAt } from './json.ts';

/** The credentials that the service can check. */
const SCHEMES = ['ApiKey', 'BearerAuth'];

/** The document with our names of security schemes. `x-published-as` of a scheme holds the published name. */
export function renameSchemes(document: JsonObject): JsonObject {
  const ours = new Map(
    Object.entries(objectAt(document, 'components', 'securitySchemes')).flatMap(([name, scheme]) => {
      const { 'x-published-as': published } = objectAt(scheme);
      return typeof published === 'string' ? [[published, name] as const] : [];
    }),
  );
  const renamed = (security: Json | undefined) =>
    Array.isArray(security) ? security.map((requirement: Json) => renameKeys(requirement, ours)) : security;
  return operationsOf(document).reduce<JsonObject>(
    (changed, { path, method }) =>
      objectAt(replaceAt(changed, ['paths', path, method.toLowerCase(), 'security'], renamed)),
    objectAt(replaceAt(document, ['security'], renamed)),
  );
}

/**
 * Adds the parameters that `components` marks: with `x-of-caller`, to every operation that has a caller; with
 * `x-of-operation`, to the operation with that id.
 */
export function addOurParameters(document: JsonObject): JsonObject {
  const ours = Object.entries(objectAt(document, 'components', 'parameters'));
  return operationsOf(document)
    .filter(({ operation }) => listAt(operation, 'security').length > 0)
    .reduce<JsonObject>((changed, { id, path, method, operation }) => {
      const added = ours
        .filter(([, parameter]) => isOf(objectAt(parameter), id))
        .map(([name]) => ({ $ref: `#/components/parameters/${name}` }));
      const parameters = [...listAt(operation, 'parameters'), ...added];
      const at = ['paths', path, method.toLowerCase()];
      return objectAt(replaceAt(changed, at, () => ({ ...operation, parameters })));
    }, document);
}

const isOf = (parameter: JsonObject, operationId: string): boolean =>
  parameter['x-of-caller'] === true || parameter['x-of-operation'] === operationId;

const renameKeys = (requirement: Json, ours: ReadonlyMap<string, string>): Json =>
  isObject(requirement)
    ? Object.fromEntries(
        Object.entries(requirement).map(([name, scopes]) => [ours.get(name) ?? name, scopes]),
      )
    : requirement;

export interface Security {
  /** The alternatives, each with the schemes that must all hold. An alternative without schemes: credentials are optional. */
  readonly alternatives: readonly (readonly string[])[];
  /** The document says `security: []`. */
  readonly isPublic: boolean;
}

/**
 * What an operation requires: its own list, or the document's (OpenAPI 3.1, Operation Object). The document's `[]` does not
 * count: only an operation itself can say that it is public, so that a forgotten list opens none.
 * @throws Error for a missing list, a scheme that the service cannot check, and scopes
 */
export function securityOf(operation: JsonObject, document: JsonObject): Security {
  const { security } = operation;
  const list = security === undefined ? listAt(document, 'security') : security;
  if (!Array.isArray(list) || (security === undefined && list.length === 0))
    throw new Error('states no security. If it is public, let it say `security: []`');
  return { alternatives: list.map(schemesOf), isPublic: list.length === 0 };
}

function schemesOf(requirement: Json): readonly string[] {
  return Object.keys(objectAt(requirement)).map((name) => {
    if (!SCHEMES.includes(name))
      throw new Error(`wants the security scheme "${name}", which the service cannot check`);
    if (listAt(requirement, name).length > 0)
      throw new Error(`wants scopes of ${name}, which the service cannot check`);
    return name;
  });
}
