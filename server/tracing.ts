import { context, propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { NextFunction } from 'express';
import { requestFields } from './fields.ts';
import type { Request, Response } from './routing.ts';

/**
 * Makes a span for each request, in the trace that the caller's `traceparent` names (W3C Trace Context). Its attributes are
 * those of the log line. `tracestate` is dropped, because it is text of the caller.
 * Without a registered provider of spans, this does nothing.
 */
export function traceRequests(request: Request, response: Response, next: NextFunction): void {
  const { traceparent } = request.headers;
  const parent = propagation.extract(ROOT_CONTEXT, { traceparent });
  const span = trace.getTracer('tokenhold').startSpan(request.method, { kind: SpanKind.SERVER }, parent);
  response.once('close', () => {
    const { route } = response.locals;
    if (route !== undefined) span.updateName(`${request.method} ${route}`);
    span.setAttributes(requestFields(request, response));
    if (response.statusCode >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
    span.end();
  });
  context.with(trace.setSpan(parent, span), next);
}
