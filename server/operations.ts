import { readFileSync } from 'node:fs';
import type { ErrorObject, ValidateFunction } from 'ajv';
import standardFormats from 'ajv-formats';
import { type Operation as Described, type Document, OpenAPIBackend } from 'openapi-backend';
import type { CredentialScheme } from '../security/authenticate.ts';
import type { Role } from '../security/caller.ts';
import type { Handlers, Input, OperationId } from './contract.ts';
import { ApiError } from './errors.ts';
import { fieldErrors, type Schema, withoutNull } from './validation.ts';

/** What a request says, before anybody has looked whether it may. */
export interface Unvalidated {
  readonly path: Readonly<Record<string, unknown>>;
  readonly query: Readonly<Record<string, unknown>>;
  readonly body: unknown;
}

/** An operation of the contract, ready to be served. */
export interface Operation<Id extends OperationId> {
  readonly operationId: Id;
  /** In capitals. */
  readonly method: string;
  /** The template, with parameters in braces. */
  readonly path: string;
  /** The credentials that the contract accepts here. */
  readonly schemes: ReadonlySet<CredentialScheme>;
  /** Who may ask for it; undefined: any caller. */
  readonly role: Role | undefined;
  readonly queryNames: readonly string[];
  readonly takesBody: boolean;
  /** @throws ApiError 422 with one entry for each wrong place */
  readonly validate: (input: Unvalidated) => asserts input is Unvalidated & Input<Id>;
}

export interface OperationParts {
  /** The document of `generated/`. */
  readonly contract: Document;
  /** Those of the document that JSON Schema does not know, by name. */
  readonly formats: Readonly<Record<string, (value: string) => boolean>>;
  readonly handlers: Handlers<OperationId>;
}

export const readContract = (): Document =>
  JSON.parse(readFileSync(new URL('../generated/openapi.json', import.meta.url), 'utf8'));

/**
 * The operations of the contract, checked and compiled by openapi-backend. Its `handleRequest` is not used:
 * it parses each request three times, and before the credentials are known.
 */
export async function loadOperations({
  contract,
  formats,
  handlers,
}: OperationParts): Promise<Operation<OperationId>[]> {
  const api = new OpenAPIBackend({
    definition: contract,
    strict: true,
    ajvOpts: { allErrors: true, strictNumbers: true, ownProperties: true },
    customizeAjv(ajv) {
      for (const [name, validate] of Object.entries(formats)) ajv.addFormat(name, validate);
      return standardFormats.default(ajv);
    },
  });
  await api.init();
  const isServed = (id = ''): id is OperationId => Object.hasOwn(handlers, id);
  return api.router.getOperations().map((described) => {
    const { operationId } = described;
    if (!isServed(operationId)) throw new Error(`no handler for ${operationId} ${described.path}`);
    return operation(operationId, described, api.validator.getRequestValidatorsForOperation(operationId));
  });
}

function operation<Id extends OperationId>(
  operationId: Id,
  described: Described,
  validators: readonly ValidateFunction[],
): Operation<Id> {
  const schemas = {
    path: parameterSchema(described, 'path'),
    query: parameterSchema(described, 'query'),
    body: bodySchema(described),
  };
  return {
    operationId,
    method: described.method.toUpperCase(),
    path: described.path,
    schemes: new Set(described.security?.flatMap(Object.keys).filter(isCredentialScheme)),
    role: roleOf(described),
    queryNames: Object.keys(schemas.query.properties ?? {}),
    takesBody: schemas.body !== undefined,
    validate({ path, query, body }) {
      const request = { path, query, requestBody: body };
      const errors = validators.flatMap((validate) => (validate(request) ? [] : findings(validate)));
      const found = [
        ...fieldErrors(schemas.path, path, 'path', below('/path', errors)),
        ...fieldErrors(schemas.query, query, 'query', below('/query', errors)),
        ...(schemas.body ? fieldErrors(schemas.body, body, 'body', below('/requestBody', errors)) : []),
      ];
      if (found.length > 0) throw new ApiError(422, found);
    },
  };
}

/** ajv goes in the schema's order as we do, so the rest of half a million would never be told. */
const MAX_FINDINGS = 10_000;
const findings = ({ errors }: ValidateFunction): readonly ErrorObject[] =>
  errors?.slice(0, MAX_FINDINGS) ?? [];

const isCredentialScheme = (name: string): name is CredentialScheme =>
  name === 'ApiKey' || name === 'BearerAuth';

/** What `x-role` says, an extension of our overlay. */
function roleOf(described: Described): Role | undefined {
  const role = 'x-role' in described ? described['x-role'] : undefined;
  if (role !== undefined && role !== 'admin') throw new Error(`unknown x-role of ${described.operationId}`);
  return role;
}

const isSchema = (value: unknown): value is Schema => typeof value === 'object' && value !== null;

/** The parameters of one place as the properties of one object, which is how ajv sees them too. */
function parameterSchema({ parameters = [] }: Described, place: 'path' | 'query'): Schema {
  const declared = parameters.flatMap((parameter) =>
    'in' in parameter && parameter.in === place && isSchema(parameter.schema)
      ? [[parameter.name, parameter.schema] as const]
      : [],
  );
  return withoutNull({ type: 'object', properties: Object.fromEntries(declared) });
}

function bodySchema({ requestBody }: Described): Schema | undefined {
  if (requestBody === undefined || !('content' in requestBody)) return undefined;
  const schema = requestBody.content['application/json']?.schema;
  return isSchema(schema) ? withoutNull(schema) : undefined;
}

/** The errors under one part of the request, with paths that count from there. An absent body is an error of the whole. */
function below(prefix: string, errors: readonly ErrorObject[]): ErrorObject[] {
  return errors
    .filter(({ instancePath, params }) =>
      instancePath === ''
        ? `/${params['missingProperty']}` === prefix
        : `${instancePath}/`.startsWith(`${prefix}/`),
    )
    .map((error) => ({ ...error, instancePath: error.instancePath.slice(prefix.length) }));
}
