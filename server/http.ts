import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http';
import { Server as NetServer } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { Express } from 'express';
import { contentText, fields } from './answer.ts';
import { cutSoon } from './sending.ts';

/** The status of a request that Node's parser refuses, by the code of its error. */
const STATUS: Readonly<Record<string, number>> = { HPE_HEADER_OVERFLOW: 431, ERR_HTTP_REQUEST_TIMEOUT: 408 };
/** How long an idle connection stays open when the service stops: its client may be sending a request. */
const IDLE_GRACE_MS = 500;

export interface HttpLimits {
  readonly headerBytes: number;
  readonly headersTimeoutSeconds: number;
  readonly requestTimeoutSeconds: number;
  readonly maxConnections: number;
}

/** An HTTP server whose own refusals look like the application's. Nothing of a refused request is kept or logged. */
export function createHttpServer(app: Express, limits: HttpLimits): Server {
  // The listener itself refuses a missing Host and an unknown expectation, in the form of all its answers.
  const server = createServer(
    {
      requireHostHeader: false,
      maxHeaderSize: limits.headerBytes,
      headersTimeout: limits.headersTimeoutSeconds * 1000,
      requestTimeout: limits.requestTimeoutSeconds * 1000,
      connectionsCheckingInterval: 500,
    },
    app,
  );
  server.maxHeadersCount = 0; // it would drop the rest in silence; the listener refuses them
  server.maxConnections = limits.maxConnections;
  // A client that ends its side still gets its answers. Node knows this setting, though its types do not.
  Object.assign(server, { httpAllowHalfOpen: true });
  server.on('checkExpectation', app);
  refuseMalformed(server);
  return server;
}

/** Answers what the parser refuses, once every request that came whole before it has its answer. */
function refuseMalformed(server: Server): void {
  const latest = new WeakMap<Duplex, ServerResponse>();
  /** The response before this one on the connection, where that was still open when this one began. */
  const earlier = new WeakMap<ServerResponse, ServerResponse>();
  const refused = new WeakSet<Duplex>();
  server.on('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    const before = latest.get(socket);
    if (before !== undefined && !before.writableFinished) earlier.set(response, before);
    latest.set(socket, response);
  });
  server.on('clientError', (error: Error & { code?: string }, socket: Duplex) => {
    if (refused.has(socket)) return;
    refused.add(socket);
    const last = latest.get(socket);
    const isPartial = last !== undefined && !last.req.complete;
    const owed = isPartial && !last.headersSent ? earlier.get(last) : last;
    const refuse = () => {
      if (!socket.writable) return void socket.destroy();
      cutSoon(socket);
      if (isPartial && last.headersSent) socket.end();
      else socket.end(refusal(STATUS[error.code ?? ''] ?? 400));
    };
    // Ahead of Node's own listener, which ends the connection of a client that has ended its side.
    if (owed === undefined || owed.writableFinished || owed.destroyed) refuse();
    else owed.prependOnceListener('finish', refuse);
  });
}

function refusal(status: number): string {
  const reason = STATUS_CODES[status] ?? '';
  const answer = { status, headers: { Connection: 'close' }, body: { detail: reason } };
  const text = contentText(answer);
  const head = Object.entries(fields(answer, text, randomUUID())).map(([name, value]) => `${name}: ${value}`);
  return [`HTTP/1.1 ${status} ${reason}`, ...head, '', text].join('\r\n');
}

/** Stops listening, and closes each connection when it is idle after a moment, or after this long whatever it does. */
export async function closeServer(server: Server, timeoutSeconds: number): Promise<void> {
  if (!server.listening) return;
  const closed = once(server, 'close');
  // The close of `http` would end idle connections at once, and reset the requests that are on their way.
  NetServer.prototype.close.call(server);
  const cut = setTimeout(() => server.closeAllConnections(), timeoutSeconds * 1000);
  const isClosed = new AbortController();
  await Promise.race([closed, delay(IDLE_GRACE_MS, undefined, isClosed)]);
  const idle = setInterval(() => server.closeIdleConnections(), 50);
  await closed;
  isClosed.abort();
  clearInterval(idle);
  clearTimeout(cut);
}
