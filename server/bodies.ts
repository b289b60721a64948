import type { IncomingMessage } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { createTurns } from '../db/postgres/turns.ts';
import { clientNetwork, type TrustProxy } from './auth-failures.ts';
import { LARGE_BYTES } from './body.ts';

const MEBIBYTE = 1_048_576;
const PATIENCE_MS = 10_000;
/** Bytes of small bodies. Their values, and their copies for PostgreSQL, take several times as much memory. */
const SMALL = { perTenant: 4 * MEBIBYTE, total: 16 * MEBIBYTE, waiting: 10_000, patienceMs: PATIENCE_MS };
/** Bytes of bodies without a caller, for each network. */
const ANONYMOUS = { ...SMALL, perTenant: 2 * MEBIBYTE };
/** The number of large bodies. Those of one organization are served one by one. */
const LARGE = { perTenant: 1, total: 8, waiting: 1_000, patienceMs: PATIENCE_MS };
/** After a body that was large, an organization rests for this many times its duration, and others are served. */
const RESTS = 3;
const MAX_REST_MS = 1_000;

/**
 * Reads and serves a body when it is its organization's turn, or, without one, the turn of the client's network. The client's
 * side of the connection waits meanwhile.
 * @param bytes at most; a body without `Content-Length` may turn out small
 * @param work resolves to whether the body was large
 * @throws TooManyWaitingError, OverloadedError, and the errors of the work
 */
export type ServeBody = (
  request: IncomingMessage,
  organizationId: string | undefined,
  bytes: number,
  work: () => Promise<boolean>,
) => Promise<unknown>;

/**
 * Bounds the bodies that are held at once, from their first byte to their answer: of each organization, and of all. Those
 * without a caller have bounds of their own, so that they take no room of callers.
 */
export function createBodies(trustProxy: TrustProxy): ServeBody {
  const [small, large, anonymous] = [createTurns(SMALL), createTurns(LARGE), createTurns(ANONYMOUS)];
  const networkOf = clientNetwork(trustProxy);
  return (request, organizationId, bytes, work) => {
    if (organizationId === undefined) return anonymous.run(networkOf(request), bytes, work);
    if (bytes < LARGE_BYTES) return small.run(organizationId, bytes, work);
    return large.run(organizationId, 1, async () => {
      const start = performance.now();
      let wasLarge = true; // if it was refused unread
      try {
        wasLarge = await work();
      } finally {
        if (wasLarge) await delay(Math.min(RESTS * (performance.now() - start), MAX_REST_MS));
      }
    });
  };
}
