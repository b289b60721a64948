/** Refusals that come before routing. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { NextFunction, Request } from 'express';
import { linesOf } from '../security/header-lines.ts';
import { ApiError } from './errors.ts';

/** Refuses what Node would refuse without our header fields (RFC 9112, 3.2; RFC 9110, 10.1.1). @throws ApiError */
export function refuseUnmetDemands(
  request: IncomingMessage,
  { headerCount }: { readonly headerCount: number },
): void {
  // Node's own limit silently drops the later ones, credentials among them.
  if (request.rawHeaders.length > 2 * headerCount) {
    throw new ApiError(431, 'Request Header Fields Too Large', { Connection: 'close' });
  }
  if (request.httpVersion === '1.1' && linesOf(request, 'host')?.length !== 1) {
    throw new ApiError(400, 'Bad Request', { Connection: 'close' });
  }
  const { expect } = request.headers;
  if (expect !== undefined && expect.toLowerCase() !== '100-continue')
    throw new ApiError(417, 'Expectation Failed');
}

/** RFC 3986 path characters, up to the query. `req.url` itself is unchecked text of the client. */
const EXACT_PATH = /^\/[\w\-.~!$&'()*+,;=:@%/]*(?=\?|$)/;

/** Exact paths only, so that no router interprets `\`, `#`, an absolute URL or odd escapes in its own way. */
export function refuseInexactPaths(request: Request, _response: ServerResponse, next: NextFunction): void {
  const path = EXACT_PATH.exec(request.url)?.[0];
  if (path === undefined || !isDecodable(path)) throw new ApiError(404, 'Not Found');
  next();
}

function isDecodable(path: string): boolean {
  try {
    return !path.includes('%') || decodeURIComponent(path) !== '';
  } catch {
    return false;
  }
}
