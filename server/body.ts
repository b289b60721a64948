import type { IncomingMessage } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type JSONVisitor, visit } from 'jsonc-parser';
import { linesOf } from '../security/header-lines.ts';
import { ApiError, type FieldError } from './errors.ts';
import { jsonBounds, MAX_VALUES } from './json-bounds.ts';
import { tooManyValues } from './wording.ts';

const JSON_BODY = 'application/json';
const FORM_BODY = 'application/x-www-form-urlencoded';
const JSON_MEDIA_TYPE = /^application\/(?:[^\s;/]+\+)?json$/i;
/** From this size on, a body is large: it is served alone, and over several turns of the event loop. */
export const LARGE_BYTES = 65_536;
/** A syntax error is located in texts up to this length. It takes jsonc-parser 80 ms in a text of 1 MB. */
const MAX_LOCATED = 65_536;
/** A body is refused if it arrives more slowly, as Kestrel does (`MinRequestBodyDataRate`). */
const SLOWEST = { bytesPerSecond: 240, graceMs: 5_000 };
/** The fields of a form. No operation takes more than a few. */
const MAX_FORM_FIELDS = 1_000;
const utf8 = new TextDecoder('utf-8', { fatal: true });

export interface ReadBody {
  /** The media type that the body was read as. Undefined: none of those asked for, or there is no body. */
  readonly mediaType: string | undefined;
  readonly body: unknown;
  /** Whether work on the body is spread over several turns of the event loop. */
  readonly isLarge: boolean;
}

/** Whether the body is declared as a form. */
export const isForm = (request: IncomingMessage): boolean => mediaTypeOf(request) === FORM_BODY;

const NO_BODY: ReadBody = { mediaType: undefined, body: undefined, isLarge: false };

/**
 * Reads a request's body as one of these media types. A body that is declared as another type stays bare text.
 * @throws ApiError 415, 413 or 408, 400, 422, in this order
 */
export async function readBody(
  request: IncomingMessage,
  mediaTypes: readonly string[],
  maxBytes: number,
  slowest = SLOWEST,
): Promise<ReadBody> {
  refuseCodings(request.headers['content-encoding']);
  if (request.destroyed) throw new ClientGoneError(); // while it waited for its turn
  if (contentLength(request) > maxBytes) throw tooLarge();
  const bytes = bytesAtHand(request) ?? (await receiveBytes(request, maxBytes, slowest));
  const text = decode(bytes);
  if (bytes.length === 0) return NO_BODY;
  const isLarge = bytes.length >= LARGE_BYTES;
  if (isLarge) await nextTurn();
  const declared = mediaTypeOf(request);
  if (JSON_MEDIA_TYPE.test(declared) && mediaTypes.includes(JSON_BODY)) {
    return { mediaType: JSON_BODY, body: parse(text, bytes), isLarge };
  }
  if (declared === FORM_BODY && mediaTypes.includes(FORM_BODY)) {
    return { mediaType: FORM_BODY, body: parseForm(text), isLarge };
  }
  return { mediaType: undefined, body: text, isLarge };
}

function refuseCodings(contentEncoding: string | undefined): void {
  if (contentEncoding === undefined) return;
  const codings = contentEncoding.split(',').map((coding) => coding.trim().toLowerCase());
  if (codings.every((coding) => coding === '' || coding === 'identity')) return;
  throw new ApiError(415, 'Unsupported Media Type', { 'Accept-Encoding': 'identity' });
}

const contentLength = ({ headers }: IncomingMessage): number => Number(headers['content-length'] ?? 0);
const isChunked = ({ headers }: IncomingMessage): boolean => headers['transfer-encoding'] !== undefined;

/** How many bytes a body may take. One that is too large counts nothing: it is refused unread. */
export function announcedBytes(request: IncomingMessage, maxBytes: number): number {
  if (isChunked(request)) return maxBytes;
  const announced = contentLength(request);
  return announced > maxBytes ? 0 : announced;
}

const tooLarge = () => new ApiError(413, 'Content Too Large', { Connection: 'close' });
const tooSlow = () => new ApiError(408, 'Request Timeout', { Connection: 'close' });

/** A small body has often come together with its header fields. Undefined: some of it is still on its way, or may be. */
function bytesAtHand(request: IncomingMessage): Buffer | undefined {
  if (isChunked(request) || request.readableLength !== contentLength(request)) return undefined;
  return request.read() ?? Buffer.alloc(0);
}

/** Waits for the rest of a body. @throws ApiError 413 or 408, ClientGoneError */
function receiveBytes(request: IncomingMessage, maxBytes: number, slowest: typeof SLOWEST): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    let due = 0;
    const pace = setInterval(() => {
      due += (slowest.bytesPerSecond * slowest.graceMs) / 1000;
      if (length < due) reject(tooSlow());
    }, slowest.graceMs);
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length > maxBytes) return reject(tooLarge());
      chunks.push(chunk);
    });
    request.on('end', () => resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)));
    request.on('error', () => reject(new ClientGoneError()));
    request.on('close', () => {
      clearInterval(pace);
      if (!request.complete) reject(new ClientGoneError());
    });
  });
}

/** The client went away before its request was complete, so there is nobody to answer. */
export class ClientGoneError extends Error {}

const unreadable = () => new ApiError(400, 'There was an error parsing the body');

function decode(bytes: Buffer): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw unreadable();
  }
}

/** In lower case and without parameters. Empty: absent, or repeated. */
function mediaTypeOf(request: IncomingMessage): string {
  const lines = linesOf(request, 'content-type');
  const [mediaType = ''] = (lines?.[0] ?? '').split(';');
  return lines?.length === 1 ? mediaType.trim().toLowerCase() : '';
}

/** The fields of a form. A repeated field becomes a list, so a field that is declared as text refuses it. */
function parseForm(text: string): Readonly<Record<string, unknown>> {
  refuseBrokenEscapes(text);
  const given = new URLSearchParams(text);
  if (given.size > MAX_FORM_FIELDS) throw tooMany(MAX_FORM_FIELDS);
  const fields = new Map<string, string[]>();
  for (const [name, value] of given) {
    const values = fields.get(name);
    if (values === undefined) fields.set(name, [value]);
    else values.push(value);
  }
  return Object.fromEntries(
    [...fields].map(([name, values]) => [name, values.length === 1 ? values[0] : values]),
  );
}

const tooMany = (limit: number) => new ApiError(422, [{ loc: ['body'], ...tooManyValues(limit) }]);

/** `URLSearchParams` would replace bytes that are not UTF-8 by U+FFFD. */
function refuseBrokenEscapes(text: string): void {
  try {
    if (text.includes('%')) decodeURIComponent(text);
  } catch {
    throw unreadable();
  }
}

function parse(text: string, bytes: Uint8Array): unknown {
  const { isTooMany, tooDeepAt } = jsonBounds(bytes);
  if (isTooMany) throw tooMany(MAX_VALUES);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The engine's message quotes the body.
    throw invalidJson(syntaxErrorOffset(text), 'invalid JSON syntax');
  }
  if (tooDeepAt !== undefined) {
    throw invalidJson(utf8.decode(bytes.subarray(0, tooDeepAt)).length, 'recursion limit exceeded');
  }
  return value;
}

function invalidJson(position: number, error: string): ApiError {
  const entry: FieldError = {
    loc: ['body', position],
    msg: 'JSON decode error',
    type: 'json_invalid',
    input: {},
    ctx: { error },
  };
  return new ApiError(422, [entry]);
}

/** Thrown to end a visit of the text early. */
class Found extends Error {
  readonly offset: number;

  constructor(offset: number) {
    super();
    this.offset = offset;
  }
}

function firstOffset(text: string, visitor: JSONVisitor): number {
  try {
    visit(text, visitor, { disallowComments: true, allowTrailingComma: false, allowEmptyContent: false });
  } catch (error) {
    if (error instanceof Found) return error.offset;
    if (!(error instanceof RangeError)) throw error; // the parser's own recursion overflowed
  }
  return 0;
}

const syntaxErrorOffset = (text: string): number =>
  text.length > MAX_LOCATED
    ? 0
    : firstOffset(text, {
        onError: (_code, offset) => {
          throw new Found(offset);
        },
      });
