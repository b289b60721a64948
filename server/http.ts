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
import { cutUnread, limitCrowd } from './crowd.ts';
import { cutSoon } from './sending.ts';

/** The status of a request that Node's parser refuses, by the code of its error. */
const STATUS: Readonly<Record<string, number>> = { HPE_HEADER_OVERFLOW: 431, ERR_HTTP_REQUEST_TIMEOUT: 408 };
/** How long an idle connection stays open when the service stops. Its client may be sending a request just then. */
const IDLE_GRACE_MS = 500;
const UNREAD_MS = 30_000;

export interface HttpLimits {
  readonly headerBytes: number;
  readonly headersTimeoutSeconds: number;
  readonly requestTimeoutSeconds: number;
  readonly maxConnections: number;
  /** How long a connection may be idle between two requests: longer than proxies keep theirs, so that they close first. */
  readonly keepAliveTimeoutSeconds: number;
  /** How long a client may leave its answer unread. Default: 30,000. */
  readonly unreadMs?: number;
}

/** An HTTP server whose own refusals look like those of the application. It keeps and logs nothing of a refused request. */
export function createHttpServer(app: Express, limits: HttpLimits): Server {
  // `refuseUnmetDemands` refuses a missing Host and an unknown expectation, with our header fields.
  const server = createServer({
    requireHostHeader: false,
    maxHeaderSize: limits.headerBytes,
    headersTimeout: limits.headersTimeoutSeconds * 1000,
    requestTimeout: limits.requestTimeoutSeconds * 1000,
    keepAliveTimeout: limits.keepAliveTimeoutSeconds * 1000,
    connectionsCheckingInterval: 500,
  });
  server.maxHeadersCount = 0; // a limit here would drop the rest in silence; `refuseUnmetDemands` refuses them
  // A client that ends its side still gets its answers. Node knows this setting, though its types do not.
  Object.assign(server, { httpAllowHalfOpen: true });
  limitCrowd(server, limits.maxConnections, app);
  cutUnread(server, limits.unreadMs ?? UNREAD_MS);
  refuseMalformed(server);
  return server;
}

/** Answers a request that the parser refuses, once every complete request before it has its answer. */
function refuseMalformed(server: Server): void {
  const latest = new WeakMap<Duplex, ServerResponse>();
  /** The previous response on the connection, if it was still open when this one began. */
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
    // Runs before Node's own listener, which ends the connection of a client that has ended its side.
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

/** Stops listening. After a moment, closes each connection as soon as it is idle, and all of them after this time. */
export async function closeServer(server: Server, timeoutSeconds: number): Promise<void> {
  if (!server.listening) return;
  const closed = once(server, 'close');
  // `close` of an HTTP server would end idle connections at once, and reset requests that are on their way.
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
