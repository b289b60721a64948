import type { Operation as Described, Document } from 'openapi-backend';
import { isCredentialScheme, type Security } from '../security/authenticate.ts';
import type { Role } from '../security/caller.ts';
import type { AnyReply } from './answer.ts';
import { type DialectParts, dialect } from './dialect.ts';
import { type LoadedOperation, loadDocument, type RequestBody } from './document.ts';
import { asObject, type Parameter, pathReader, queryReader } from './parameters.ts';
import type { Judge } from './places.ts';
import { isSchema } from './schema.ts';
import { type Unvalidated, validation } from './validation.ts';

export { readContract } from './document.ts';

/** The media types of request bodies that the service can read. */
const READABLE = ['application/json', 'application/x-www-form-urlencoded'];

/** The inputs of a request before they are judged. */
export interface Input extends Unvalidated {
  /** The media type that the body was read as. Undefined: there is no body, or the operation does not take its type. */
  readonly mediaType: string | undefined;
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
  /** Reads the decoded path parameters as the types that the contract states. */
  readonly readPath: (texts: Readonly<Record<string, unknown>>) => Input['path'];
  /** Reads the declared query parameters of a request target as the types that the contract states. */
  readonly readQuery: (target: string) => Input['query'];
  /** The media types of the bodies that it takes. Empty: it takes none. */
  readonly mediaTypes: readonly string[];
  /** @throws ApiError 422 with one entry for each wrong place */
  readonly validate: (input: Input) => void;
}

/** The function that serves an operation. Its call has the operation's own type, which only the compiler knows. */
export type Handler = (call: never) => Promise<AnyReply>;

export interface OperationParts extends DialectParts {
  /** The document of `generated/`. The generator has checked it. */
  readonly contract: Document;
  /** One for each operation of the document, by its id. */
  readonly handlers: Readonly<Record<string, Handler>>;
}

/**
 * The operations of the contract, compiled, each with its handler.
 * @throws Error that names every operation without a handler, or one whose schemas cannot be compiled
 */
export async function loadOperations(
  parts: OperationParts,
): Promise<readonly (Operation & { readonly handler: Handler })[]> {
  const { contract, handlers } = parts;
  const ajv = dialect(parts);
  const loaded = await loadDocument(contract, ajv);
  const unserved = loaded
    .map(({ described }) => described)
    .filter(({ operationId = '' }) => !Object.hasOwn(handlers, operationId));
  if (unserved.length > 0) {
    const names = unserved.map(
      ({ operationId, method, path }) => `${operationId} (${method.toUpperCase()} ${path})`,
    );
    throw new Error(`operations without a handler: ${names.join(', ')}`);
  }
  return loaded.flatMap((one) => {
    const handler = handlers[one.described.operationId ?? ''];
    return handler === undefined ? [] : [{ ...operation(one, contract, { ajv }), handler }];
  });
}

/** Compiles every schema of requests, as the start does. @throws Error that names the operation */
export async function compileAll(contract: Document, parts: DialectParts): Promise<void> {
  const ajv = dialect(parts);
  for (const one of await loadDocument(contract, ajv)) operation(one, contract, { ajv });
}

function operation(
  { described, compile }: LoadedOperation,
  { security = [] }: Document,
  judge: Pick<Judge, 'ajv'>,
): Operation {
  const path = parametersOf(described, 'path');
  const query = parametersOf(described, 'query');
  const schemas = { path: asObject(path), query: asObject(query) };
  const bodies = bodiesOf(described).map(({ mediaType, schema, requestBody }) => {
    const isBodyRequired = requestBody.required === true;
    return [
      mediaType,
      validation(compile(requestBody), { ...schemas, body: schema, isBodyRequired }, judge),
    ] as const;
  });
  const byMediaType = new Map(bodies);
  // A body of another type is judged, and so refused, by the schema of the first type.
  const otherwise =
    bodies[0]?.[1] ??
    validation(compile(undefined), { ...schemas, body: undefined, isBodyRequired: false }, judge);
  return {
    operationId: described.operationId ?? '',
    method: described.method.toUpperCase(),
    path: described.path,
    security: securityOf({ security, ...described }),
    role: roleOf(described),
    readPath: pathReader(path),
    readQuery: queryReader(query),
    mediaTypes: bodies.map(([mediaType]) => mediaType),
    validate: (input) => (byMediaType.get(input.mediaType ?? '') ?? otherwise)(input),
  };
}

function securityOf({ security = [], operationId }: Pick<Described, 'security' | 'operationId'>): Security {
  return security.map((alternative) =>
    Object.keys(alternative).map((name) => {
      if (!isCredentialScheme(name)) throw new Error(`${operationId}: unknown security scheme ${name}`);
      return name;
    }),
  );
}

/** The role that `x-role` requires, an extension of our overlay. */
function roleOf(described: Described): Role | undefined {
  const role = 'x-role' in described ? described['x-role'] : undefined;
  if (role !== undefined && role !== 'admin') throw new Error(`unknown x-role of ${described.operationId}`);
  return role;
}

function parametersOf({ parameters = [] }: Described, place: 'path' | 'query'): readonly Parameter[] {
  return parameters.flatMap((parameter) =>
    'in' in parameter && parameter.in === place && isSchema(parameter.schema)
      ? [{ name: parameter.name, isRequired: parameter.required === true, schema: parameter.schema }]
      : [],
  );
}

/** Each body that the operation takes: its media type, its schema, and a request body of this type alone. */
function bodiesOf({ requestBody }: Described) {
  if (requestBody === undefined || !('content' in requestBody)) return [];
  return READABLE.flatMap((mediaType) => {
    const content = requestBody.content[mediaType];
    if (!isSchema(content?.schema)) return [];
    const alone: RequestBody = { ...requestBody, content: { [mediaType]: content } };
    return [{ mediaType, schema: content.schema, requestBody: alone }];
  });
}
