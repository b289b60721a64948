import { readFileSync } from 'node:fs';
import type { ErrorObject, ValidateFunction } from 'ajv';
import standardFormats from 'ajv-formats';
import {
  type Operation as Described,
  type Document,
  OpenAPIBackend,
  type OpenAPIValidator,
} from 'openapi-backend';
import { isCredentialScheme, type Security } from '../security/authenticate.ts';
import type { Role } from '../security/caller.ts';
import type { AnyReply } from './answer.ts';
import { ApiError } from './errors.ts';
import { fieldErrors, type Schema, withoutNull } from './validation.ts';

type RequestBody = Exclude<Described['requestBody'], undefined>;

/** The media types of request bodies that the service can read. */
const READABLE = ['application/json', 'application/x-www-form-urlencoded'];

/** The inputs of a request before they are judged. */
export interface Input {
  readonly path: Readonly<Record<string, unknown>>;
  readonly query: Readonly<Record<string, unknown>>;
  /** The operation's media type that the body was read as; undefined: there is no body, or it is none that is taken. */
  readonly mediaType: string | undefined;
  readonly body: unknown;
}

/** An operation of the contract, ready to be served. */
export interface Operation {
  readonly operationId: string;
  /** In capitals. */
  readonly method: string;
  /** The template, with parameters in braces. */
  readonly path: string;
  /** The alternatives, each with the schemes that must all hold. Empty: public. */
  readonly security: Security;
  /** The role that the caller must have; undefined: any. */
  readonly role: Role | undefined;
  readonly queryNames: readonly string[];
  /** Of the bodies that it takes. Empty: it takes none. */
  readonly mediaTypes: readonly string[];
  /** @throws ApiError 422 with one entry for each wrong place */
  readonly validate: (input: Input) => void;
}

/** What serves an operation: it is called with the operation's own type of call, which only the compiler knows. */
export type Handler = (call: never) => Promise<AnyReply>;

export interface OperationParts {
  /** The document of `generated/`. */
  readonly contract: Document;
  /** The formats of the document that JSON Schema does not know, by name. */
  readonly formats: Readonly<Record<string, (value: string) => boolean>>;
  /** One for each operation of the document, by its id. */
  readonly handlers: Readonly<Record<string, Handler>>;
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
}: OperationParts): Promise<(Operation & { readonly handler: Handler })[]> {
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
  const described = api.router.getOperations();
  const unserved = described.filter(({ operationId = '' }) => !Object.hasOwn(handlers, operationId));
  if (unserved.length > 0) {
    const names = unserved.map(({ operationId, method, path }) => `${operationId} (${method} ${path})`);
    throw new Error(`operations without a handler: ${names.join(', ')}`);
  }
  return described.flatMap((one) => {
    const handler = handlers[one.operationId ?? ''];
    const secured = { security: contract.security ?? [], ...one };
    return handler === undefined ? [] : [{ ...operation(secured, api.validator), handler }];
  });
}

function operation(described: Described, validator: OpenAPIValidator): Operation {
  const { operationId = '' } = described;
  const schemas = { path: parameterSchema(described, 'path'), query: parameterSchema(described, 'query') };
  const bodies = bodiesOf(described);
  const compile = (requestBody: RequestBody | undefined) =>
    validator.buildRequestValidatorsForOperation(
      requestBody === undefined ? described : Object.assign({}, described, { requestBody }),
    ) ?? [];
  const unread = { schema: bodies[0]?.schema, validators: compile(bodies[0]?.requestBody) };
  const read = new Map(
    bodies.map(({ mediaType, schema, requestBody }) => [
      mediaType,
      { schema, validators: compile(requestBody) },
    ]),
  );
  return {
    operationId,
    method: described.method.toUpperCase(),
    path: described.path,
    security: securityOf(described),
    role: roleOf(described),
    queryNames: Object.keys(schemas.query.properties ?? {}),
    mediaTypes: bodies.map(({ mediaType }) => mediaType),
    validate({ path, query, body, mediaType }) {
      const { schema, validators } = read.get(mediaType ?? '') ?? unread;
      const request = { path, query, requestBody: body };
      const errors = validators.flatMap((validate) => (validate(request) ? [] : findings(validate)));
      const found = [
        ...fieldErrors(schemas.path, path, 'path', below('/path', errors)),
        ...fieldErrors(schemas.query, query, 'query', below('/query', errors)),
        ...(schema ? fieldErrors(schema, body, 'body', below('/requestBody', errors)) : []),
      ];
      if (found.length > 0) throw new ApiError(422, found);
    },
  };
}

/** ajv goes in the schema's order as we do, so the rest of half a million would never be told. */
const MAX_FINDINGS = 10_000;
const findings = ({ errors }: ValidateFunction): readonly ErrorObject[] =>
  errors?.slice(0, MAX_FINDINGS) ?? [];

function securityOf({ security = [], operationId }: Described): Security {
  return security.map((alternative) =>
    Object.keys(alternative).map((name) => {
      if (!isCredentialScheme(name)) throw new Error(`${operationId}: unknown security scheme ${name}`);
      return name;
    }),
  );
}

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

/** Each body that the operation takes: its media type, its schema, and a request body of this type alone. */
function bodiesOf({ requestBody }: Described) {
  if (requestBody === undefined || !('content' in requestBody)) return [];
  return READABLE.flatMap((mediaType) => {
    const content = requestBody.content[mediaType];
    if (!isSchema(content?.schema)) return [];
    const alone: RequestBody = { ...requestBody, content: { [mediaType]: content } };
    return [{ mediaType, schema: withoutNull(content.schema), requestBody: alone }];
  });
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
