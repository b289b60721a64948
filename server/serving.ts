import { ForbiddenError } from '../security/authenticate.ts';
import type { AnyReply } from './answer.ts';
import type { AuthenticateRequest } from './auth-failures.ts';
import { readBody } from './body.ts';
import { ServedCall } from './call.ts';
import type { AnyCall } from './contract.ts';
import type { Handler, Operation } from './operations.ts';
import type { Request, Response, Route } from './routing.ts';
import { send, sendRows } from './sending.ts';

interface Parts {
  readonly handler: Handler;
  /** Undefined: the operation is public. */
  readonly authenticate: AuthenticateRequest | undefined;
  readonly bodyBytes: number;
}

/** Serves one operation. Credentials come before the body, so an anonymous caller cannot learn how a body is judged. */
export function operationRoute(operation: Operation, { handler, authenticate, bodyBytes }: Parts): Route {
  const { operationId, method, path, role, readPath, readQuery, mediaTypes, validate } = operation;
  return {
    method,
    path,
    async serve(request, response) {
      response.locals.operationId = operationId;
      const caller = await authenticate?.(request);
      response.locals.organizationId = caller?.organizationId;
      if (role !== undefined && caller?.role !== role) throw new ForbiddenError();
      const read = mediaTypes.length === 0 ? undefined : await readBody(request, mediaTypes, bodyBytes);
      const call = new ServedCall(request, response, caller, {
        path: readPath(request.params),
        query: readQuery(request.url),
        mediaType: read?.mediaType,
        body: read?.body,
      });
      validate(call);
      // The call has the handler's type, because that type and the validation follow from the same operation.
      await reply(response, await handler(call as never));
    },
  };
}

/** A page outside the contract. It takes no body. */
export interface ServicePage extends Pick<Route, 'method' | 'path'> {
  readonly serve: (call: PageCall) => Promise<AnyReply>;
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
    const call = new ServedCall(request, response, undefined, { path: request.params, ...NO_INPUT });
    await reply(response, await serve(call));
  },
});

async function reply(response: Response, answer: AnyReply): Promise<void> {
  if (answer.rows === undefined) send(response, answer);
  else await sendRows(response, answer, answer.rows);
}
