import pLimit, { type LimitFunction } from 'p-limit';

const WAITING = 1_000;

/** Bounds the refreshes of each provider in this process. Requests go before the background pass. */
export function createTurns() {
  const limits = new Map<string, LimitFunction>();
  return {
    /** Whether there is room for a refresh behind the requests. */
    hasRoom(provider: string, mostAtOnce: number): boolean {
      const limit = limits.get(provider);
      return limit === undefined || limit.activeCount + limit.pendingCount < mostAtOnce / 2;
    },

    /** Runs the task in its turn. Undefined: too many wait already. */
    async take<Result>(
      provider: string,
      mostAtOnce: number,
      task: () => Promise<Result>,
    ): Promise<Result | undefined> {
      const limit = limits.get(provider) ?? pLimit(mostAtOnce);
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
