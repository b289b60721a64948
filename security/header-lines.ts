import type { IncomingMessage } from 'node:http';

/** A message with its header fields as they came, names and values in turn. */
export type RawHeaders = Pick<IncomingMessage, 'rawHeaders'>;

/**
 * The lines of one header field. Node's `headersDistinct` makes a list of lines for every field of the message.
 * @param name in lower case
 * @returns undefined: the message has no such field
 */
export function linesOf({ rawHeaders }: RawHeaders, name: string): readonly string[] | undefined {
  let lines: string[] | undefined;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const field = rawHeaders[at];
    if (field?.length !== name.length || field.toLowerCase() !== name) continue;
    const value = rawHeaders[at + 1] ?? '';
    if (lines === undefined) lines = [value];
    else lines.push(value);
  }
  return lines;
}
