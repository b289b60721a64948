import { v4 as uuidv4, v7 as uuidv7 } from 'uuid';
import { drawRandom } from './random.ts';

/** The id of a new row: a UUIDv7 (RFC 9562), so that rows of the same time are neighbours in an index. */
export const newId = (): string => textOf(uuidv7({ random: drawRandom(16) }, bytes));

/** A random id: a UUIDv4. */
export const randomId = (): string => textOf(uuidv4({ random: drawRandom(16) }, bytes));

const bytes = new Uint8Array(16);
const text = Buffer.alloc(36, '-');
const DIGITS = Buffer.from('0123456789abcdef');
/** Where the digits of each byte begin. */
const PLACES = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];

/** Writes the digits in place. Joined, as uuid and Node do it, they make a kilobyte of garbage. */
function textOf(id: Uint8Array): string {
  PLACES.forEach((place, index) => {
    const byte = id[index] ?? 0;
    text[place] = DIGITS[byte >> 4] ?? 0;
    text[place + 1] = DIGITS[byte & 15] ?? 0;
  });
  return text.toString('latin1');
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Whether the value is a UUID in text form (RFC 9562), in either letter case. */
export const isUuid = (value: unknown): value is string => typeof value === 'string' && UUID.test(value);
