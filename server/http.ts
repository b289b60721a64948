import { randomUUID } from 'node:crypto';
import { createServer, type Server, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Express } from 'express';
import { contentText, fields } from './answer.ts';

/** The status for what Node refuses before there is a request, by the code of its error. */
const STATUS: Readonly<Record<string, number>> = { HPE_HEADER_OVERFLOW: 431, ERR_HTTP_REQUEST_TIMEOUT: 408 };

export interface HttpLimits {
  readonly headerBytes: number;
  readonly headersTimeoutSeconds: number;
  readonly requestTimeoutSeconds: number;
  readonly maxConnections: number;
}

/** An HTTP server whose own refusals look like the application's; nothing of the refused request is kept or logged. */
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
  server.on('checkExpectation', app);
  server.on('clientError', (error: Error & { code?: string }, socket: Socket) => {
    if (socket.writable) socket.end(refusal(STATUS[error.code ?? ''] ?? 400));
    else socket.destroy();
  });
  return server;
}

function refusal(status: number): string {
  const reason = STATUS_CODES[status] ?? '';
  const answer = { status, headers: { Connection: 'close' }, body: { detail: reason } };
  const text = contentText(answer);
  const head = Object.entries(fields(answer, text, randomUUID())).map(([name, value]) => `${name}: ${value}`);
  return [`HTTP/1.1 ${status} ${reason}`, ...head, '', text].join('\r\n');
}
