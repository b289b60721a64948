import { v7 as uuidv7 } from 'uuid';
import { drawRandom } from './random.ts';

/** The id of a new row: a UUIDv7 (RFC 9562), so that rows of the same time are neighbours in an index. */
export const newId = (): string => uuidv7({ random: drawRandom(16) });

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Whether the value is a UUID in text form (RFC 9562), in either letter case. */
export const isUuid = (value: unknown): value is string => typeof value === 'string' && UUID.test(value);
