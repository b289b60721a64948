import pLimit, { type LimitFunction } from 'p-limit';

const AT_ONCE = 32;
const WAITING = 1_000;
const BACKGROUND_AT_ONCE = 16;

/** Bounds the refreshes of each provider in this process. Requests for a token go before the background pass. */
export function createTurns() {
  const limits = new Map<string, LimitFunction>();
  return {
    /** Whether there is room for a refresh behind the requests. */
    hasRoom(provider: string): boolean {
      const limit = limits.get(provider);
      return limit === undefined || limit.activeCount + limit.pendingCount < BACKGROUND_AT_ONCE;
    },

    /** Runs the task in its turn. Undefined: too many wait already. */
    async take<Result>(provider: string, task: () => Promise<Result>): Promise<Result | undefined> {
      const limit = limits.get(provider) ?? pLimit(AT_ONCE);
      if (limit.pendingCount >= WAITING) return undefined;
      limits.set(provider, limit);
      try {
        return await limit(task);
      } finally {
        if (limit.activeCount + limit.pendingCount === 0) limits.delete(provider);
      }
    },
  };
}
