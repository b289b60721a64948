import { v7 as uuidv7 } from 'uuid';
import { drawRandom } from '../crypto/random.ts';

/** The id of a new row: a UUIDv7 (RFC 9562), so that rows of a time stand together in an index. */
export const newId = (): string => uuidv7({ random: drawRandom(16) });
