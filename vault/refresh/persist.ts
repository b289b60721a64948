import { setTimeout } from 'node:timers/promises';
import { isUnavailable } from '../../db/postgres/errors.ts';
import { backoffSeconds } from './policy.ts';

const MOST_BACKOFF_SECONDS = 2;
/** Attempts for an error that waiting is unlikely to cure: about ten minutes, so that an operator can act. */
const TRIES = 400;

/**
 * Writes what only this process knows. While the database is away it goes on trying, without end.
 * @param write may run twice, because its connection may break after the commit
 * @throws the last error of `write`, if the database answers
 */
export async function persist<Result>(write: () => Promise<Result>): Promise<Result> {
  for (let tried = 1; ; tried++) {
    try {
      return await write();
    } catch (error) {
      if (!isUnavailable(error) && tried >= TRIES) throw error;
      await setTimeout(backoffSeconds(tried, 0.05, MOST_BACKOFF_SECONDS) * 1000);
    }
  }
}
