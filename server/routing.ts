import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Express, Request as ExpressRequest, Response as ExpressResponse, NextFunction } from 'express';
import { ApiError } from './errors.ts';
import { refuseInexactPaths } from './refusals.ts';

/** The facts that are kept of a request. None is text of the caller, except a request id of harmless characters and the user. */
export interface Facts {
  requestId: string;
  /** Aborted when the service stops. */
  stopping: AbortSignal;
  /** The path as the contract writes it. */
  route: string | undefined;
  /** The methods of the paths that matched and that lack the request's. */
  allow: string[] | undefined;
  operationId: string | undefined;
  /** Whether a browser may come here, so that errors are pages for a person. */
  isForPeople: boolean;
  organizationId: string | undefined;
  userId: string | undefined;
  clientAddress: string | undefined;
  /** Set on a request without a caller that has had its turn. */
  hadTurn?: true;
}

export type Request = IncomingMessage & Pick<ExpressRequest, 'params'> & { url: string; method: string };
export type Response = ServerResponse &
  Pick<ExpressResponse<unknown, Facts & Record<string, unknown>>, 'req' | 'locals'>;

export type Serve = (request: Request, response: Response) => Promise<void>;

export interface Route {
  /** In capitals. */
  readonly method: string;
  /** Parameters are in braces, each a whole segment. */
  readonly path: string;
  readonly serve: Serve;
}

/** The first step of every request. */
export type Receive = (request: Request, response: Response) => void;

/**
 * Mounts the routes. One look-up finds a path without parameters, and such a path comes first (OpenAPI 3.1, Paths Object).
 * If it lacks the method, a path with parameters that also matches is tried. If no path has the method, the answer is 405
 * with the methods of all paths that matched.
 */
export function mount(app: Express, receive: Receive, routes: readonly Route[]): void {
  const dispatchers = [...new Set(routes.map(({ path }) => path))].map(
    (path) => [path, dispatch(path, routes)] as const,
  );
  const isTemplate = ([path]: readonly [string, Dispatch]) => path.includes('{');
  const concrete = new Map(dispatchers.filter((one) => !isTemplate(one)));
  app.use((request: Request, response: Response, next: NextFunction) => {
    receive(request, response);
    const end = request.url.indexOf('?');
    const serve = concrete.get(end < 0 ? request.url : request.url.slice(0, end));
    return serve === undefined ? next() : serve(request, response, next);
  });
  app.use(refuseInexactPaths);
  for (const [path, serve] of dispatchers.filter(isTemplate)) {
    app.all(path.replaceAll('{', ':').replaceAll('}', ''), serve);
  }
  app.use(({ url }: Request, { locals }: Response) => {
    if (locals.allow === undefined || NEEDLESS_ESCAPE.test(url)) throw new ApiError(404, 'Not Found');
    throw new ApiError(405, 'Method Not Allowed', { Allow: [...new Set(locals.allow)].join(', ') });
  });
}

/** An escape of a letter, a digit or U+0000. No client needs one, and `%69mport` must not pass for `import`. */
const NEEDLESS_ESCAPE = /^[^?]*%(?:3\d|[46][1-9a-f]|[57][0-9a]|00)/i;

type Dispatch = (request: Request, response: Response, next: NextFunction) => Promise<void> | void;

/** Serves one path by its methods. `HEAD` and `OPTIONS` are served where a route names them. */
function dispatch(path: string, routes: readonly Route[]): Dispatch {
  const own = routes.filter((route) => route.path === path);
  const methods = new Map(own.map(({ method, serve }) => [method, serve]));
  return (request, response, next) => {
    response.locals.route = path;
    const serve = methods.get(request.method);
    if (serve !== undefined) return serve(request, response);
    response.locals.allow = [...(response.locals.allow ?? []), ...methods.keys()];
    return next();
  };
}
