/** The OpenAPI document: its operations with the validators of their requests. */
import { readFileSync } from 'node:fs';
import type { ValidateFunction } from 'ajv';
import type { Ajv2020 } from 'ajv/dist/2020.js';
import { type Operation as Described, type Document, OpenAPIBackend } from 'openapi-backend';

export const readContract = (): Document =>
  JSON.parse(readFileSync(new URL('../generated/openapi.json', import.meta.url), 'utf8'));

export type RequestBody = Exclude<Described['requestBody'], undefined>;

export interface LoadedOperation {
  /** References are resolved. */
  readonly described: Described;
  /** The validators of a request with this body, made by openapi-backend. */
  readonly compile: (requestBody: RequestBody | undefined) => readonly ValidateFunction[];
}

/**
 * The operations of a document. openapi-backend's `handleRequest` is not used: it parses each request three times, before
 * the credentials are known.
 */
export async function loadDocument(definition: Document, ajv: Ajv2020): Promise<readonly LoadedOperation[]> {
  const api = new OpenAPIBackend({
    definition,
    strict: true,
    quick: true, // Its own check knows only OpenAPI 3.0.
    customizeAjv: () => ajv,
  });
  await api.init();
  return api.router.getOperations().map((shared) => {
    // A copy without shared parts: openapi-backend would turn them into references that ajv cannot always follow.
    const described: Described = JSON.parse(JSON.stringify(shared));
    return {
      described,
      compile(requestBody) {
        const { requestBody: _all, ...rest } = described;
        const alone = requestBody === undefined ? rest : Object.assign({}, rest, { requestBody });
        return named(described, () => api.validator.buildRequestValidatorsForOperation(alone) ?? []);
      },
    };
  });
}

/** @throws Error that names the operation whose schemas cannot be compiled */
function named<T>({ method, path }: Described, compile: () => T): T {
  try {
    return compile();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`${method.toUpperCase()} ${path}: ${reason}`);
  }
}
