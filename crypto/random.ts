import { randomBytes } from 'node:crypto';

const POOL_BYTES = 4096;
let pool = Buffer.alloc(POOL_BYTES);
let used = POOL_BYTES;

/**
 * Draws random bytes from a pool; no byte is handed out twice. The system's generator fills the pool page by page: a call
 * for each id and each initialization vector would take a tenth of an import's time.
 */
export function drawRandom(length: number): Buffer {
  if (used + length > POOL_BYTES) [pool, used] = [randomBytes(POOL_BYTES), 0];
  used += length;
  return pool.subarray(used - length, used);
}
