import { isUnavailable, OverloadedError } from '../../db/postgres/errors.ts';
import type { RefreshState } from '../../db/refresh-states.ts';

export type Outages = ReturnType<typeof createOutages>;

/**
 * Remembers when this process last could not reach the database. During an outage, leases of living processes run out, and
 * these may hold answers. So an outage counts like a start of PostgreSQL: every process gets time to store its answers.
 */
export function createOutages() {
  let lastAt = Number.NEGATIVE_INFINITY;
  return {
    /** Called with the error of a statement. Too many statements at once are no outage. */
    notice(error: unknown): void {
      if (isUnavailable(error) && !(error instanceof OverloadedError)) lastAt = performance.now();
    },

    /** The state as this process may judge it. */
    judged: (state: RefreshState): RefreshState => ({
      ...state,
      upSeconds: Math.min(state.upSeconds, (performance.now() - lastAt) / 1000),
    }),
  };
}
