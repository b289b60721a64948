export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Sent as JSON; undefined: no content. */
  readonly body: unknown;
}

export const bodyText = ({ body }: Answer): string => (body === undefined ? '' : JSON.stringify(body));

/** The header fields that everything has which leaves the service. */
export const commonFields = (requestId: string) => ({
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
  'X-Request-Id': requestId,
});

/** The header fields of an answer, those that every answer has included. */
export const fields = (answer: Answer, text: string, requestId: string): Record<string, string> => ({
  ...answer.headers,
  ...(answer.body === undefined
    ? {}
    : { 'Content-Type': 'application/json', 'Content-Length': String(Buffer.byteLength(text)) }),
  ...commonFields(requestId),
});
