import { randomBytes } from 'node:crypto';

const POOL_BYTES = 4096;
let pool = Buffer.alloc(0);

/**
 * A few random bytes, never handed out twice. They are drawn from the system by the page: one by one, the two initialization
 * vectors and two ids of an import would take a tenth of its time.
 */
export function drawRandom(length: number): Buffer {
  if (pool.length < length) pool = randomBytes(POOL_BYTES);
  const drawn = pool.subarray(0, length);
  pool = pool.subarray(length);
  return drawn;
}
