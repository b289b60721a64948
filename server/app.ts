import { IncomingMessage, ServerResponse } from 'node:http';
import express, { type Express } from 'express';
import type { Authenticator } from '../security/authenticate.ts';
import { limitFailures, type TrustProxy } from './auth-failures.ts';
import { docsRoutes } from './docs.ts';
import { healthRoutes } from './health.ts';
import { answerErrors, type Observers, receive } from './observing.ts';
import { loadOperations, type OperationParts } from './operations.ts';
import { mount, type Route } from './routing.ts';
import { operationRoute, pageRoute, type ServicePage } from './serving.ts';
import { traceRequests } from './tracing.ts';

export interface AppParts extends OperationParts, Observers {
  readonly authenticator: Authenticator;
  /** Pages beside the contract. */
  readonly pages?: readonly ServicePage[];
  /** Whether a request could be served now. */
  readonly isReady: () => Promise<boolean>;
  /** Whether each request makes a span. */
  readonly isTracing: boolean;
  readonly trustProxy: TrustProxy;
  readonly limits: Limits;
  /** Aborted when the service stops: waiting calls end, and every answer closes its connection. */
  readonly stopping: AbortSignal;
}

/** Documented under the settings of the same names. */
export interface Limits {
  readonly bodyBytes: number;
  readonly headerCount: number;
  /** Of one address, answered 401; beyond them 429. 0: no limit. */
  readonly authFailuresPerMinute: number;
}

/** The whole HTTP surface: the contract's operations, the pages, the document and the health of the process. */
export async function createApp(parts: AppParts): Promise<Express> {
  const app = express();
  // Express gives each message a prototype of its own, which costs more than all its routing, unless it is the one that
  // the message has. So what Express adds to messages (`res.send`, `req.ip`) is not there.
  Object.assign(app, { request: IncomingMessage.prototype, response: ServerResponse.prototype });
  app.disable('x-powered-by');
  app.enable('case sensitive routing');
  app.enable('strict routing');

  if (parts.isTracing) app.use(traceRequests);
  app.use(receive(parts));
  mount(app, [
    ...healthRoutes(parts.isReady),
    ...docsRoutes(parts.contract),
    ...(parts.pages ?? []).map(pageRoute),
    ...(await operationRoutes(parts)),
  ]);
  app.use(answerErrors(parts));
  return app;
}

async function operationRoutes(parts: AppParts): Promise<readonly Route[]> {
  const { limits, authenticator } = parts;
  const limited = limitFailures(limits.authFailuresPerMinute, parts.trustProxy);
  return (await loadOperations(parts)).map(({ handler, ...operation }) =>
    operationRoute(operation, {
      handler,
      authenticate: operation.security.length === 0 ? undefined : limited(authenticator(operation.security)),
      bodyBytes: limits.bodyBytes,
    }),
  );
}
