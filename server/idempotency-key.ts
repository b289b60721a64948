import type { IncomingHttpHeaders } from 'node:http';
import { ApiError, keyError } from './errors.ts';

/** A string of RFC 8941: printable ASCII in double quotes. A backslash escapes a quote or a backslash. */
const STRING = /^"((?:[ !#-[\]-~]|\\["\\]){1,510})"$/;
/** Many clients leave the quotes out. */
const BARE = /^[!#-+\--:<-[\]-~]+$/;
const MAX_LENGTH = 255;

const MALFORMED = `the key must be 1 to ${MAX_LENGTH} printable ASCII characters in double quotes`;

/**
 * Reads `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-07, section 2.1). Node joins repeated fields with a
 * comma and a blank, which is neither form.
 * @returns undefined: there is none
 * @throws ApiError 422
 */
export function readIdempotencyKey(headers: IncomingHttpHeaders): string | undefined {
  const given = headers['idempotency-key'];
  if (typeof given !== 'string') return undefined;
  const key = STRING.exec(given)?.[1]?.replaceAll(/\\(.)/g, '$1') ?? BARE.exec(given)?.[0];
  if (key === undefined || key.length > MAX_LENGTH) throw new ApiError(422, [keyError(MALFORMED)]);
  return key;
}
