import { randomBytes } from 'node:crypto';

const POOL_BYTES = 4096;
let pool = Buffer.alloc(0);

/**
 * Draws a few random bytes, which are never handed out twice. The system's generator is asked for a page of bytes at a
 * time: asked for each id and each initialization vector alone, it would take a tenth of an import's time.
 */
export function drawRandom(length: number): Buffer {
  if (pool.length < length) pool = randomBytes(POOL_BYTES);
  const drawn = pool.subarray(0, length);
  pool = pool.subarray(length);
  return drawn;
}
