import { randomUUID } from 'node:crypto';
import { context, trace } from '@opentelemetry/api';
import type { NextFunction } from 'express';
import { UnauthenticatedError } from '../security/authenticate.ts';
import { clientAddress, type TrustProxy } from './auth-failures.ts';
import { ClientGoneError } from './body.ts';
import { ApiError, toAnswer } from './errors.ts';
import { isHealthPath } from './health.ts';
import { describeError, type Logger } from './log.ts';
import type { Metrics } from './metrics.ts';
import { refuseUnmetDemands } from './refusals.ts';
import type { Request, Response } from './routing.ts';
import { send } from './sending.ts';

export interface Observers {
  readonly log: Logger;
  readonly metrics: Pick<Metrics, 'observe' | 'observeFailure'>;
}

interface Parts extends Observers {
  readonly trustProxy: TrustProxy;
  readonly limits: { readonly headerCount: number };
  /** Aborted when the service stops. */
  readonly stopping: AbortSignal;
}

/** The first step of every request: gives it an id, observes it to its end, and refuses it if it cannot be served. */
export function receive({ limits, stopping, trustProxy, ...observers }: Parts) {
  const addressOf = clientAddress(trustProxy);
  return (request: Request, response: Response, next: NextFunction): void => {
    response.locals.requestId = requestId(request);
    response.locals.stopping = stopping;
    observe(request, response, observers, addressOf(request));
    refuseUnmetDemands(request, limits);
    next();
  };
}

const REQUEST_ID = /^[A-Za-z0-9._-]{1,128}$/;

function requestId({ headers }: Request): string {
  const given = headers['x-request-id'];
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
}

/** Logs and measures a request when it is over. */
function observe(
  { method }: Request,
  response: Response,
  { log, metrics }: Observers,
  address: string | undefined,
): void {
  const traceId = trace.getSpanContext(context.active())?.traceId;
  const start = performance.now();
  response.on('close', () => {
    const { requestId, route, operationId, organizationId, userId } = response.locals;
    const elapsed = performance.now() - start;
    const durationMs = Math.round(elapsed * 1000) / 1000;
    // Without an answer, the client went away.
    const status = response.headersSent ? response.statusCode : undefined;
    const line = {
      method,
      route,
      operationId,
      status,
      durationMs,
      requestId,
      organizationId,
      'user.id': userId,
      'client.address': address,
      trace_id: traceId,
    };
    if (isHealthPath(route)) log.debug(line, 'request');
    else log.info(line, 'request');
    metrics.observe({ operationId, status, seconds: elapsed / 1000 });
  });
}

/** Answers an error. If an answer has begun, the connection is cut: half an answer must not look like a whole one. */
export function answerErrors({ log, metrics }: Observers) {
  // Express knows an error handler by its four parameters.
  return (error: unknown, _request: Request, response: Response, _next: NextFunction): void => {
    if (error instanceof ClientGoneError) return void response.destroy();
    if (error instanceof UnauthenticatedError) metrics.observeFailure(error);
    const answer = toAnswer(error);
    const { requestId, operationId } = response.locals;
    // An ApiError is a decision of ours, and the line of the request has its status.
    if (answer.status >= 500 && !(error instanceof ApiError))
      log.error({ requestId, operationId, error: describeError(error) }, 'request failed');
    if (response.headersSent) response.destroy();
    else send(response, answer);
  };
}
