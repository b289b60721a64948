import type { SpanContext } from '@opentelemetry/api';
import type { Request, Response } from './routing.ts';

/** What is known of a request when it is over. */
export interface Ended {
  readonly seconds: number;
  readonly span: SpanContext | undefined;
}

/**
 * The attributes of a request, in its log line and its span. Names are those of OpenTelemetry's semantic conventions; what
 * they lack has the prefix `tokenhold.`. No path, query, header or body: they are text of the caller, and some are secrets.
 */
export function requestFields({ method }: Pick<Request, 'method'>, response: Response, ended?: Ended) {
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
    'http.server.request.duration': ended?.seconds,
    trace_id: ended?.span?.traceId,
    span_id: ended?.span?.spanId,
  };
}
