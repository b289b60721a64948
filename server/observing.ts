import { context, trace } from '@opentelemetry/api';
import express, { type NextFunction } from 'express';
import { randomId } from '../crypto/uuid.ts';
import { UnauthenticatedError } from '../security/authenticate.ts';
import { clientAddress, type TrustProxy } from './auth-failures.ts';
import { ClientGoneError } from './body.ts';
import { ApiError, asPage, toAnswer } from './errors.ts';
import { requestFields } from './fields.ts';
import { isHealthPath } from './health.ts';
import { errorFields, type Logger } from './log.ts';
import type { Metrics } from './metrics.ts';
import type { Pace } from './pacing.ts';
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
  const observe = createObserver(observers);
  return (request: Request, response: Response): void => {
    // Complete from the start: Express's own object is a hash table, which grows four times until it has these.
    response.locals = {
      requestId: requestId(request),
      stopping,
      route: undefined,
      allow: undefined,
      operationId: undefined,
      isForPeople: false,
      organizationId: undefined,
      userId: undefined,
      clientAddress: addressOf(request),
    };
    observe(request, response);
    refuseUnmetDemands(request, limits);
  };
}

const REQUEST_ID = /^[A-Za-z0-9._-]{1,128}$/;

function requestId({ headers }: Request): string {
  const given = headers['x-request-id'];
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomId();
}

/** How long the line of a request may wait, in milliseconds. */
const LINE_WAITS_MS = 1;

/**
 * Logs and measures each request when it is over. Lines are written several at a time, because the next request of a
 * connection should not wait for the line of the one before, and because writing many in a row takes less time.
 */
function createObserver({ log, metrics }: Observers) {
  let ended: (() => void)[] = [];

  function flush(): void {
    const all = ended;
    ended = [];
    for (const write of all) write();
  }

  return (request: Request, response: Response): void => {
    const span = trace.getSpanContext(context.active());
    const start = performance.now();
    response.on('close', () => {
      const seconds = Math.round((performance.now() - start) * 1000) / 1e6;
      const line = requestFields(request, response, { seconds, span });
      const { route, operationId } = response.locals;
      const count = ended.push(() => {
        if (isHealthPath(route)) log.debug(line, 'request');
        else log.info(line, 'request');
        metrics.observe({ operationId, status: line['http.response.status_code'], seconds });
      });
      if (count === 1) setTimeout(flush, LINE_WAITS_MS);
    });
  };
}

/**
 * Answers an error. A refused request without a caller waits for its turn. If an answer has begun, the connection is cut:
 * half an answer must not look like a whole one.
 */
export function answerErrors({ log, metrics, pace }: Observers & { readonly pace: Pick<Pace, 'turn'> }) {
  function answerError(error: unknown, request: Request, response: Response): void {
    const answer = toAnswer(error);
    // An ApiError is a decision of ours, and the line of the request has its status.
    if (answer.status >= 500 && !(error instanceof ApiError))
      log.error({ ...requestFields(request, response), ...errorFields(error) }, 'request failed');
    if (response.headersSent) response.destroy();
    else send(response, isReadByPerson(request, response) ? asPage(answer) : answer);
  }

  // Express knows an error handler by its four parameters.
  return (error: unknown, request: Request, response: Response, next: NextFunction): void => {
    if (error instanceof ClientGoneError) return void response.destroy();
    if (error instanceof UnauthenticatedError) metrics.observeFailure(error);
    const isRefused = response.locals.organizationId === undefined && toAnswer(error).status < 500;
    const turn = isRefused ? pace.turn(request, response.locals) : undefined;
    if (turn === undefined) answerError(error, request, response);
    else turn.then(() => answerError(error, request, response)).catch(next);
  };
}

/** Browsers prefer `text/html` to JSON. Clients that do not state a preference get JSON. */
const isReadByPerson = (request: Request, { locals }: Response): boolean =>
  locals.isForPeople && express.request.accepts.call(request, 'json', 'html') === 'html';
