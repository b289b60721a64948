import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { type Answer, commonFields, contentText, fields } from './answer.ts';
import { ClientGoneError } from './body.ts';
import type { Response } from './routing.ts';

/** How long the rest of a refused upload is read and discarded. */
const LINGER_MS = 2_000;
/** Rows are sent in pieces of about this size. */
const PIECE_CHARACTERS = 32_768;

/** Sends an answer as a whole. */
export function send(response: Response, answer: Answer): void {
  const text = contentText(answer);
  begin(response, answer.status, fields(answer, text, response.locals.requestId));
  if (answer.headers?.['Connection'] === 'close' && !response.req.complete) linger(response, text);
  else response.end(text);
}

/** Every answer begins here. An answer that is sent while the service stops closes its connection. */
function begin(
  response: Response,
  status: number,
  headers: Readonly<Record<string, string | string[]>>,
): void {
  if (response.locals.stopping.aborted) response.shouldKeepAlive = false;
  response.writeHead(status, headers);
}

/** Sends a file that is held in memory. `headers` are those of its content. */
export function sendFile(
  response: Response,
  headers: Readonly<Record<string, string>>,
  content: Buffer | string,
): void {
  begin(response, 200, { ...headers, ...commonFields(response.locals.requestId) });
  response.end(content);
}

/**
 * Ends a connection whose client is still sending. The rest is read for a moment and discarded: a socket that is closed
 * with unread data is reset, and the client would lose the answer (RFC 9112, section 9.6).
 */
function linger(response: Response, text: string): void {
  const { req: request } = response;
  const { socket } = request;
  response.write(text, () => socket.end());
  request.resume();
  cutSoon(socket);
}

/** Cuts the connection if the client does not end its side within a moment. */
export function cutSoon(socket: Duplex): void {
  const cut = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once('close', () => clearTimeout(cut));
}

/**
 * Sends rows as one JSON array, as fast as the client reads them. An error before the first row can still be answered.
 * After a later one, the connection can only be cut.
 * @throws ClientGoneError, and the errors of the rows
 */
export async function sendRows(
  response: Response,
  { status, headers }: Pick<Answer, 'status' | 'headers'>,
  rows: AsyncIterable<unknown>,
): Promise<void> {
  const start = () =>
    begin(response, status, {
      ...headers,
      'Content-Type': 'application/json',
      ...commonFields(response.locals.requestId),
    });
  let piece = '[';
  for await (const row of rows) {
    if (!response.headersSent) start();
    else piece += ',';
    piece += JSON.stringify(row);
    if (piece.length >= PIECE_CHARACTERS) {
      await write(response, piece);
      piece = '';
    }
  }
  if (!response.headersSent) start();
  response.end(`${piece}]`);
}

async function write(response: Response, text: string): Promise<void> {
  if (!response.destroyed && !response.write(text)) await drained(response);
  if (response.destroyed) throw new ClientGoneError();
}

/** Waits until the client has read what was sent, or is gone. A client that does not read is cut (`crowd.ts`). */
async function drained(response: Response): Promise<void> {
  const over = new AbortController();
  const { signal } = over;
  await Promise.race([once(response, 'drain', { signal }), once(response, 'close', { signal })]);
  over.abort();
}
