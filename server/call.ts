import type { Caller } from '../security/caller.ts';
import { ClientGoneError } from './body.ts';
import type { AnyCall } from './contract.ts';
import { readIdempotencyKey } from './idempotency-key.ts';
import type { Request, Response } from './routing.ts';

/** The reason of a call's signal when the service stops. */
export class StoppingError extends Error {}

interface Given {
  readonly path: Readonly<Record<string, unknown>>;
  readonly query: Readonly<Record<string, unknown>>;
  readonly mediaType: string | undefined;
  readonly body: unknown;
}

/**
 * The argument of every handler. The type of the handler says which of the fields it has. It is a class, because the
 * getter of a class costs nothing for a request that does not read it.
 */
export class ServedCall implements AnyCall, Given {
  readonly request: Request;
  readonly #response: Response;
  #signal: AbortSignal | undefined;
  readonly caller: Caller | undefined;
  readonly requestId: string;
  readonly path: Given['path'];
  readonly query: Given['query'];
  readonly mediaType: Given['mediaType'];
  readonly body: unknown;

  constructor(request: Request, response: Response, caller: Caller | undefined, given: Given) {
    this.request = request;
    this.#response = response;
    this.caller = caller;
    this.requestId = response.locals.requestId;
    this.path = given.path;
    this.query = given.query;
    this.mediaType = given.mediaType;
    this.body = given.body;
  }

  get idempotencyKey(): string | undefined {
    return readIdempotencyKey(this.request.headers);
  }

  get signal(): AbortSignal {
    this.#signal ??= endOf(this.request, this.#response);
    return this.#signal;
  }
}

/** A client that ends its side of the connection counts as gone, because it looks like one that has closed it. */
function endOf({ socket }: Request, response: Response): AbortSignal {
  const { stopping } = response.locals;
  const controller = new AbortController();
  const leave = () => controller.abort(new ClientGoneError());
  const stop = () => controller.abort(new StoppingError());
  if (stopping.aborted) stop();
  if (response.closed || socket.readableEnded) leave();
  if (controller.signal.aborted) return controller.signal;
  socket.setMaxListeners(0); // one for each request that waits on the connection
  socket.once('end', leave);
  stopping.addEventListener('abort', stop);
  response.once('close', () => {
    socket.off('end', leave);
    stopping.removeEventListener('abort', stop);
    if (!response.writableFinished) leave();
  });
  return controller.signal;
}
