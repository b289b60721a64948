import { IncomingMessage, ServerResponse } from 'node:http';
import express, { type Express } from 'express';
import { createTurns } from '../db/postgres/turns.ts';
import type { Authenticator } from '../security/authenticate.ts';
import { type AuthenticateRequest, limitFailures, type TrustProxy } from './auth-failures.ts';
import { createBodies } from './bodies.ts';
import { isForm } from './body.ts';
import { docsRoutes } from './docs.ts';
import { healthRoutes } from './health.ts';
import { answerErrors, type Observers, receive } from './observing.ts';
import { loadOperations, type Operation, type OperationParts } from './operations.ts';
import { createPace, type Pace } from './pacing.ts';
import { mount, type Route } from './routing.ts';
import { operationRoute, pageRoute, type ServicePage, withoutCaller } from './serving.ts';
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

/** docs/operations.md describes the settings of the same names. */
export interface Limits {
  readonly bodyBytes: number;
  readonly headerCount: number;
  /** How many failures of one address get 401. Further ones get 429. 0: no limit. */
  readonly authFailuresPerMinute: number;
}

/** The whole HTTP surface: the contract's operations, the pages, the document and the health of the process. */
export async function createApp(parts: AppParts): Promise<Express> {
  const app = express();
  // Express replaces the prototype of each message, which costs more than all its routing. With Node's own prototypes it
  // has nothing to replace. The methods that Express adds to messages (`res.send`, `req.ip`) do not exist here.
  Object.assign(app, { request: IncomingMessage.prototype, response: ServerResponse.prototype });
  app.disable('x-powered-by');
  app.enable('case sensitive routing');
  app.enable('strict routing');

  if (parts.isTracing) app.use(traceRequests);
  const pace = createPace(parts.trustProxy);
  const pages = [...docsRoutes(parts.contract), ...(parts.pages ?? []).map(pageRoute)];
  mount(app, receive(parts), [
    ...healthRoutes(parts.isReady).map(withoutCaller(pace.probe)),
    ...pages.map(withoutCaller(pace.turn)),
    ...(await operationRoutes(parts, pace)),
  ]);
  app.use(answerErrors({ ...parts, pace }));
  return app;
}

/** Answers of any length, a page of each in memory. */
const LISTS = { perTenant: 2, total: 8, waiting: 100, patienceMs: 10_000 };

async function operationRoutes(parts: AppParts, pace: Pace): Promise<readonly Route[]> {
  const { limits, authenticator } = parts;
  const limited = limitFailures(limits.authFailuresPerMinute, parts.trustProxy);
  const [serveBody, lists] = [createBodies(parts.trustProxy), createTurns(LISTS)];
  return (await loadOperations(parts)).map(({ handler, ...operation }) =>
    operationRoute(operation, {
      handler,
      authenticate: authenticated(operation, (security) => limited(authenticator(security))),
      bodyBytes: limits.bodyBytes,
      serveBody,
      lists,
      pace,
    }),
  );
}

/**
 * Authenticates as the operation's security says; undefined: it is public. Where credentials are optional and a form is
 * taken beside JSON, only the form, which a browser posts, may come without them.
 */
function authenticated(
  { security, mediaTypes }: Pick<Operation, 'security' | 'mediaTypes'>,
  by: (security: Operation['security']) => AuthenticateRequest,
): AuthenticateRequest | undefined {
  if (security.length === 0) return undefined;
  const stated = by(security);
  const credentials = security.filter((schemes) => schemes.length > 0);
  if (mediaTypes.length < 2 || credentials.length === security.length) return stated;
  const required = by(credentials);
  return (request) => (isForm(request) ? stated : required)(request);
}
