import { randomUUID } from 'node:crypto';
import { IncomingMessage, ServerResponse } from 'node:http';
import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import { type Authenticate, ForbiddenError, UnauthenticatedError } from '../security/authenticate.ts';
import { type Answer, bodyText, commonFields, fields } from './answer.ts';
import { type AuthenticateRequest, limitFailures, type TrustProxy } from './auth-failures.ts';
import { ClientGoneError, readJson } from './body.ts';
import type { Handlers, OperationId } from './contract.ts';
import { CONTENT_SECURITY_POLICY, docsPages, type Page } from './docs.ts';
import { ApiError, toAnswer } from './errors.ts';
import { describeError, type Logger } from './log.ts';
import type { Metrics } from './metrics.ts';
import { loadOperations, type Operation, type OperationParts, type Unvalidated } from './operations.ts';
import { refuseInexactPaths, refuseUnmetDemands } from './refusals.ts';
import { traceRequests } from './tracing.ts';

export interface AppParts extends OperationParts {
  readonly authenticate: Authenticate;
  /** Whether a request could be served now. */
  readonly isReady: () => Promise<boolean>;
  readonly log: Logger;
  /** Whether each request makes a span. */
  readonly isTracing: boolean;
  readonly metrics: Pick<Metrics, 'observe' | 'observeFailure'>;
  readonly trustProxy: TrustProxy;
  readonly limits: Limits;
}

/** Documented in the README under the settings of the same names. */
export interface Limits {
  readonly bodyBytes: number;
  readonly headerCount: number;
  /** Of one address, answered 401; beyond them 429. 0: no limit. */
  readonly authFailuresPerMinute: number;
}

/** What the log tells of a request. Nothing here is the caller's text, but for a request id of harmless characters. */
interface Facts {
  requestId: string;
  route?: string;
  operationId?: OperationId;
  organizationId?: string;
}

type Reply = ServerResponse & Pick<Response<unknown, Facts & Record<string, unknown>>, 'req' | 'locals'>;

/** The whole HTTP surface: the contract's operations, and the health of the process. */
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
  mount(app, await servedPaths(parts));
  app.use(() => {
    throw new ApiError(404, 'Not Found');
  });
  app.use(answerErrors(parts));
  return app;
}

type Serve = (request: Request, response: Reply) => Promise<void>;

/** How a path is served, by method. */
type Methods = Readonly<Record<string, Serve>>;

async function servedPaths(parts: AppParts): Promise<ReadonlyMap<string, Methods>> {
  const paths = new Map<string, Methods>([
    ['/healthz', health(async () => true)],
    ['/readyz', health(parts.isReady)],
  ]);
  for (const [path, page] of docsPages(parts.contract)) paths.set(path, show(page));
  const authenticate = limitFailures(
    parts.authenticate,
    parts.limits.authFailuresPerMinute,
    parts.trustProxy,
  );
  for (const operation of await loadOperations(parts)) {
    const { path, method } = operation;
    paths.set(path, { ...paths.get(path), [method]: serve(operation, { ...parts, authenticate }) });
  }
  return paths;
}

/**
 * Paths without parameters are looked up at once, however many there are; those with some are for Express to match, and
 * come second (OpenAPI 3.1, Paths Object).
 */
function mount(app: Express, paths: ReadonlyMap<string, Methods>): void {
  const served = [...paths].map(([path, methods]) => [path, servePath(path, methods)] as const);
  const isTemplate = (path: string) => path.includes('{');
  const concrete = new Map(served.filter(([path]) => !isTemplate(path)));
  app.use((request: Request, response: Reply, next: NextFunction) => {
    const [path = ''] = request.url.split('?', 1);
    const serveConcrete = concrete.get(path);
    return serveConcrete === undefined ? next() : serveConcrete(request, response);
  });
  app.use(refuseInexactPaths);
  for (const [path, serveTemplate] of served.filter(([path]) => isTemplate(path))) {
    app.all(path.replaceAll('{', ':').replaceAll('}', ''), serveTemplate);
  }
}

/** Serves one path: its methods, and 405 for all others, `HEAD` and `OPTIONS` included. */
function servePath(path: string, methods: Methods): Serve {
  const allow = Object.keys(methods).join(', ');
  return async (request, response) => {
    response.locals.route = path;
    const serveMethod = Object.hasOwn(methods, request.method) ? methods[request.method] : undefined;
    if (serveMethod === undefined) throw new ApiError(405, 'Method Not Allowed', { Allow: allow });
    await serveMethod(request, response);
  };
}

interface ServeParts extends Pick<AppParts, 'handlers' | 'limits'> {
  readonly authenticate: AuthenticateRequest;
}

/** Credentials first, then the body: an anonymous caller learns nothing of how a body is judged. */
function serve<Id extends OperationId>(operation: Operation<Id>, parts: ServeParts): Serve {
  const handler: Handlers<OperationId>[Id] = parts.handlers[operation.operationId];
  return async (request, response) => {
    response.locals.operationId = operation.operationId;
    const caller = await parts.authenticate(request, operation.schemes);
    response.locals.organizationId = caller.organizationId;
    if (operation.role !== undefined && caller.role !== operation.role) throw new ForbiddenError();
    const input: Unvalidated = {
      path: request.params,
      query: declaredQuery(request.url, operation.queryNames),
      body: operation.takesBody ? await readJson(request, parts.limits.bodyBytes) : undefined,
    };
    operation.validate(input);
    const reply = await handler({ ...input, caller, requestId: response.locals.requestId });
    send(response, { status: Number(reply.status), headers: {}, body: reply.body });
  };
}

/** The last value of each declared parameter; all others are ignored, whatever they hold. */
function declaredQuery(url: string, names: readonly string[]): Record<string, string> {
  if (names.length === 0) return {};
  const given = new URLSearchParams(url.slice(url.indexOf('?') + 1 || url.length));
  return Object.fromEntries(
    names.flatMap((name) =>
      given
        .getAll(name)
        .slice(-1)
        .map((value) => [name, value]),
    ),
  );
}

function health(isHealthy: () => Promise<boolean>): Methods {
  const check: Serve = async (_request, response) => {
    if (!(await isHealthy())) throw new ApiError(503, 'Service Unavailable', { 'Retry-After': '5' });
    send(response, { status: 200, headers: {}, body: { status: 'ok' } });
  };
  return { GET: check, HEAD: check };
}

function show({ type, content }: Page): Methods {
  const headers = {
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(content),
    'Content-Security-Policy': CONTENT_SECURITY_POLICY,
  };
  const serve: Serve = async (_request, response) => {
    response.writeHead(200, { ...headers, ...commonFields(response.locals.requestId) }).end(content);
  };
  return { GET: serve, HEAD: serve };
}

function send(response: Reply, answer: Answer): void {
  const text = bodyText(answer);
  response.writeHead(answer.status, fields(answer, text, response.locals.requestId));
  if (answer.headers['Connection'] === 'close' && !response.req.complete) linger(response, text);
  else response.end(text);
}

/**
 * Ends a connection whose client is still sending: what arrives is read for a moment and thrown away, because a socket
 * that is closed over unread data is reset, and the client would lose the answer (RFC 9112, section 9.6).
 */
function linger(response: Reply, text: string): void {
  const { req: request } = response;
  const { socket } = request;
  response.write(text, () => socket.end());
  request.resume();
  const cut = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once('close', () => clearTimeout(cut));
}

const LINGER_MS = 2_000;

function answerErrors({ log, metrics }: Pick<AppParts, 'log' | 'metrics'>) {
  // Express knows an error handler by its four parameters.
  return (error: unknown, _request: IncomingMessage, response: Reply, _next: NextFunction): void => {
    if (error instanceof ClientGoneError) return void response.destroy();
    if (error instanceof UnauthenticatedError) metrics.observeFailure(error);
    const answer = toAnswer(error);
    const { requestId, operationId } = response.locals;
    if (answer.status >= 500)
      log.error({ requestId, operationId, error: describeError(error) }, 'request failed');
    if (response.headersSent) response.destroy();
    else send(response, answer);
  };
}

const REQUEST_ID = /^[A-Za-z0-9._-]{1,128}$/;

/** What comes first for every request: it gets a name, is observed until it is over, and must be one that can be served. */
function receive({ log, metrics, limits }: Pick<AppParts, 'log' | 'metrics' | 'limits'>) {
  return (request: IncomingMessage, response: Reply, next: NextFunction): void => {
    response.locals.requestId = requestId(request);
    observe(request, response, { log, metrics });
    refuseUnmetDemands(request, limits);
    next();
  };
}

function requestId({ headers }: IncomingMessage): string {
  const given = headers['x-request-id'];
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
}

/** Logs and measures a request when it is over. */
function observe(
  { method }: IncomingMessage,
  response: Reply,
  { log, metrics }: Pick<AppParts, 'log' | 'metrics'>,
): void {
  const start = performance.now();
  response.once('close', () => {
    const { requestId, route, operationId, organizationId } = response.locals;
    const elapsed = performance.now() - start;
    const durationMs = Math.round(elapsed * 1000) / 1000;
    // Without an answer the client went away first.
    const status = response.headersSent ? response.statusCode : undefined;
    log.info({ method, route, operationId, status, durationMs, requestId, organizationId }, 'request');
    metrics.observe({ operationId, status, seconds: elapsed / 1000 });
  });
}
