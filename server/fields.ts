import type { Request, Response } from './routing.ts';

/**
 * The attributes of a request, in its log line and its span. Names are those of OpenTelemetry's semantic conventions; what
 * they lack has the prefix `tokenhold.`. No path, query, header or body: they are text of the caller, and some are secrets.
 */
export function requestFields({ method }: Pick<Request, 'method'>, response: Response) {
  const { route, operationId, requestId, organizationId, userId, clientAddress } = response.locals;
  return {
    'http.request.method': method,
    'http.route': route,
    // Without an answer, the client went away.
    'http.response.status_code': response.headersSent ? response.statusCode : undefined,
    'client.address': clientAddress,
    'user.id': userId,
    'tokenhold.operation': operationId,
    'tokenhold.organization.id': organizationId,
    'tokenhold.request.id': requestId,
  };
}
