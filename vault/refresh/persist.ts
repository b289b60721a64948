import { setTimeout } from 'node:timers/promises';
import { isUnavailable } from '../../db/postgres/errors.ts';
import { backoffSeconds } from './policy.ts';

const MOST_BACKOFF_SECONDS = 2;
/** For an error that waiting is unlikely to cure. Callbacks and the end of the process wait for it. */
const PATIENCE_MS = 60_000;

/**
 * Writes what only this process knows. While the database is away it goes on trying, without end.
 * @param write may run twice, because its connection may break after the commit
 * @param patienceMs how long the database may refuse `write` after it has last been away
 * @throws the last error of `write`, if the database answers
 */
export async function persist<Result>(
  write: () => Promise<Result>,
  patienceMs = PATIENCE_MS,
): Promise<Result> {
  let refusedAt: number | undefined;
  for (let tried = 1; ; tried++) {
    try {
      return await write();
    } catch (error) {
      refusedAt = isUnavailable(error) ? undefined : (refusedAt ?? performance.now());
      if (refusedAt !== undefined && performance.now() - refusedAt >= patienceMs) throw error;
      await setTimeout(backoffSeconds(tried, 0.05, MOST_BACKOFF_SECONDS) * 1000);
    }
  }
}
