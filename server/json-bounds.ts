/** Bounds of a JSON text that are known before it is parsed, because parsing many values blocks the event loop. */
import { Buffer } from 'node:buffer';

/** Deeper JSON would overflow the stack of the code that handles it. */
const MAX_DEPTH = 200;

/** Values of one body. Parsing that many names takes about 12 ms; 90,000 take 60 ms. */
export const MAX_VALUES = 12_000;

export interface JsonBounds {
  /** The text holds more than `MAX_VALUES`. Its depth is not known then. */
  readonly isTooMany: boolean;
  /** The byte where the text becomes deeper than `MAX_DEPTH`. */
  readonly tooDeepAt: number | undefined;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN = new Set(Buffer.from('[{'));
const CLOSE = new Set(Buffer.from(']}'));

/** Counts commas and brackets outside strings. For a text that is no JSON any result will do: the parser refuses it. */
export function jsonBounds(bytes: Uint8Array): JsonBounds {
  let depth = 0;
  let values = 0;
  let tooDeepAt: number | undefined;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at];
    if (byte === QUOTE) {
      at = endOfString(bytes, at + 1);
    } else if (byte === COMMA) {
      values += 1;
    } else if (byte !== undefined && byte > 0x5a) {
      if (OPEN.has(byte)) {
        values += 1;
        depth += 1;
        if (depth > MAX_DEPTH) tooDeepAt ??= at;
      } else if (CLOSE.has(byte)) {
        depth -= 1;
      }
    }
    if (values > MAX_VALUES) return { isTooMany: true, tooDeepAt };
  }
  return { isTooMany: false, tooDeepAt };
}

function endOfString(bytes: Uint8Array, start: number): number {
  let at = start;
  while (at < bytes.length && bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? 2 : 1;
  return at;
}
