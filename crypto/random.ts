import { randomBytes } from 'node:crypto';

const POOL_BYTES = 4096;
let pool = Buffer.alloc(0);
let drawn = 0;

/**
 * Draws random bytes from a pool; no byte is handed out twice. The system's generator fills the pool page by page: a call
 * for each id and each initialization vector would take a tenth of an import's time.
 */
export function drawRandom(length: number): Buffer {
  if (drawn + length > pool.length) {
    pool = randomBytes(POOL_BYTES);
    drawn = 0;
  }
  drawn += length;
  return pool.subarray(drawn - length, drawn);
}
