import type { ClaimedToken, RefreshRepository } from '../../db/refreshes.ts';
import type { Outages } from './outages.ts';
import { RENEW_MS } from './policy.ts';

/** The leases of this process. They are prolonged as long as their attempts go on. */
export function createLeases(refreshes: Pick<RefreshRepository, 'renew'>, outages: Pick<Outages, 'notice'>) {
  const held = new Set<ClaimedToken>();
  let timer: NodeJS.Timeout | undefined;
  let isRenewing = false;

  async function renew(): Promise<void> {
    if (isRenewing || held.size === 0) return;
    isRenewing = true;
    // The database is away. The attempts go on, and other processes wait before they take over.
    await refreshes.renew([...held]).catch(outages.notice);
    isRenewing = false;
  }

  return {
    async during<Result>(claimed: ClaimedToken, attempt: () => Promise<Result>): Promise<Result> {
      held.add(claimed);
      timer ??= setInterval(() => void renew(), RENEW_MS);
      try {
        return await attempt();
      } finally {
        held.delete(claimed);
        if (held.size === 0) {
          clearInterval(timer);
          timer = undefined;
        }
      }
    },
  };
}
