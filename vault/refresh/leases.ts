import type { ClaimedToken, RefreshRepository } from '../../db/refreshes.ts';
import type { Outages } from './outages.ts';
import { RENEW_MS } from './policy.ts';

/** Whether the lease is ours for certain. False: another process may have taken it over. */
export type IsOurs = () => boolean;

/** The leases of this process. They are prolonged as long as their attempts go on. */
export function createLeases(refreshes: Pick<RefreshRepository, 'renew'>, outages: Pick<Outages, 'notice'>) {
  return {
    /** @param claimedAt when the claim was sent, by `performance.now()` */
    async during<Result>(
      claimed: ClaimedToken,
      claimedAt: number,
      attempt: (isOurs: IsOurs) => Promise<Result>,
    ): Promise<Result> {
      let renewedAt = claimedAt;
      let isRenewing = false;

      async function renew(): Promise<void> {
        if (isRenewing) return;
        isRenewing = true;
        const sentAt = performance.now();
        try {
          renewedAt = (await refreshes.renew(claimed)) ? sentAt : Number.NEGATIVE_INFINITY;
        } catch (error) {
          // The database is away. The attempt goes on, and other processes wait before they take over.
          outages.notice(error);
        }
        isRenewing = false;
      }

      const timer = setInterval(() => void renew(), RENEW_MS);
      try {
        return await attempt(() => performance.now() - renewedAt < claimed.leaseSeconds * 1000);
      } finally {
        clearInterval(timer);
      }
    },
  };
}
