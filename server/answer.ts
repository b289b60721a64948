import { type Html, htmlText } from './pages/html.ts';

/** An answer that is known as a whole before it is sent. At most one of `body` and `html` is there. */
export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string | string[]>> | undefined;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly html?: Html;
}

/** What a handler returns: an answer, or the rows of one that is sent as they come. */
export interface AnyReply extends Answer {
  readonly rows?: AsyncIterable<unknown>;
}

export function contentText({ body, html }: Answer): string {
  if (html !== undefined) return htmlText(html);
  return body === undefined ? '' : JSON.stringify(body);
}

/** The header fields of every response. */
export const commonFields = (requestId: string) => ({
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
  'X-Request-Id': requestId,
});

/** The header fields of an answer, the common ones included. */
export const fields = (
  answer: Answer,
  text: string,
  requestId: string,
): Record<string, string | string[]> => ({
  ...answer.headers,
  ...contentFields(answer, text),
  ...commonFields(requestId),
});

function contentFields({ status, body, html }: Answer, text: string): Record<string, string> {
  if (status === 204 || status === 304) return {}; // RFC 9110, section 8.6: no Content-Length
  const length = String(Buffer.byteLength(text));
  if (html !== undefined) return { 'Content-Type': 'text/html; charset=utf-8', 'Content-Length': length };
  if (body !== undefined) return { 'Content-Type': 'application/json', 'Content-Length': length };
  return { 'Content-Length': '0' };
}
