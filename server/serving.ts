import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Turns } from '../db/postgres/turns.ts';
import { ForbiddenError } from '../security/authenticate.ts';
import type { Caller } from '../security/caller.ts';
import type { Answer } from './answer.ts';
import type { AuthenticateRequest } from './auth-failures.ts';
import type { ServeBody } from './bodies.ts';
import { announcedBytes, isForm, type ReadBody, readBody } from './body.ts';
import { ServedCall } from './call.ts';
import type { AnyCall } from './contract.ts';
import { joinCrowd } from './crowd.ts';
import type { Handler, Operation } from './operations.ts';
import type { Pace } from './pacing.ts';
import type { Request, Response, Route } from './routing.ts';
import { send, sendRows } from './sending.ts';

interface Parts {
  readonly handler: Handler;
  /** Undefined: the operation is public. */
  readonly authenticate: AuthenticateRequest | undefined;
  readonly bodyBytes: number;
  readonly serveBody: ServeBody;
  /** Answers that are sent row by row. */
  readonly lists: Turns;
  readonly pace: Pick<Pace, 'callerServed' | 'turn'>;
}

/** The limit of a form, and of a body without credentials: a callback holds little more than a code and a state. */
const SMALL_BODY_BYTES = 65_536;

/** Serves one operation. Credentials come before the body, so an anonymous caller cannot learn how a body is judged. */
export function operationRoute(operation: Operation, parts: Parts): Route {
  const { operationId, method, path, role, mediaTypes, security } = operation;
  const isForPeople = security.length === 0 || security.some((schemes) => schemes.length === 0);
  const { authenticate, bodyBytes, serveBody, pace } = parts;
  return {
    method,
    path,
    async serve(request, response) {
      response.locals.operationId = operationId;
      response.locals.isForPeople = isForPeople;
      const caller = await authenticate?.(request);
      response.locals.organizationId = caller?.organizationId;
      response.locals.userId = caller?.userId;
      if (caller === undefined) await pace.turn(request, response.locals);
      else {
        pace.callerServed();
        joinCrowd(request, caller.organizationId);
      }
      if (role !== undefined && caller?.role !== role) throw new ForbiddenError();
      const serve = (read?: ReadBody) => handle(operation, parts, { request, response, caller, read });
      if (mediaTypes.length === 0) return serve();
      const isSmall = caller === undefined || isForm(request);
      const maxBytes = isSmall ? Math.min(bodyBytes, SMALL_BODY_BYTES) : bodyBytes;
      await serveBody(request, caller?.organizationId, announcedBytes(request, maxBytes), async () => {
        const read = await readBody(request, mediaTypes, maxBytes);
        await serve(read);
        return read.isLarge;
      });
    },
  };
}

interface Received {
  readonly request: Request;
  readonly response: Response;
  readonly caller: Caller | undefined;
  readonly read: ReadBody | undefined;
}

async function handle(
  { readPath, readQuery, validate }: Operation,
  { handler, lists }: Parts,
  { request, response, caller, read }: Received,
): Promise<void> {
  const call = new ServedCall(request, response, caller, {
    path: readPath(request.params),
    query: readQuery(request.url),
    mediaType: read?.mediaType,
    body: read?.body,
  });
  if (read?.isLarge === true) await nextTurn();
  validate(call);
  if (read?.isLarge === true) await nextTurn();
  // The call has the handler's type, because that type and the validation follow from the same operation.
  const answer = await handler(call as never);
  const { rows } = answer;
  if (rows === undefined) send(response, answer);
  else await lists.run(caller?.organizationId ?? '', 1, () => sendRows(response, answer, rows));
}

/** A route whose requests wait for their turn first. */
export const withoutCaller =
  (turn: Pace['turn']) =>
  (route: Route): Route => ({
    ...route,
    async serve(request, response) {
      await turn(request, response.locals);
      await route.serve(request, response);
    },
  });

/** A page outside the contract. It takes no body. */
export interface ServicePage extends Pick<Route, 'method' | 'path'> {
  readonly serve: (call: PageCall) => Promise<Answer>;
}

export interface PageCall extends AnyCall {
  readonly path: Readonly<Record<string, unknown>>;
  readonly request: Pick<Request, 'headersDistinct' | 'url'>;
}

const NO_INPUT = { query: {}, mediaType: undefined, body: undefined };

export const pageRoute = ({ method, path, serve }: ServicePage): Route => ({
  method,
  path,
  async serve(request, response) {
    response.locals.isForPeople = true;
    const call = new ServedCall(request, response, undefined, { path: request.params, ...NO_INPUT });
    send(response, await serve(call));
  },
});
