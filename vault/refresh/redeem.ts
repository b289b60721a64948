import { setTimeout } from 'node:timers/promises';
import type { ProviderClient } from '../../oauth/provider-settings.ts';
import type { Refresh, RequestLimits, TokenResult } from '../../oauth/token-endpoint.ts';
import type { IsOurs } from './leases.ts';
import { isRepeated, type ReuseClass, requestTimeoutMs } from './policy.ts';

/** Redeems a refresh token once. It never rejects. */
export type Ask = (
  organizationId: string,
  client: ProviderClient,
  refresh: Refresh,
  limits: RequestLimits,
) => Promise<TokenResult>;

const PAUSE_MS = 500;

/**
 * Redeems a refresh token. If the outcome is unknown, redeems it again, as long as the lease is ours for certain.
 * @returns the last result, and whether an earlier answer may have been lost
 */
export async function redeem(
  ask: (limits: RequestLimits) => Promise<TokenResult>,
  reuse: ReuseClass,
  isOurs: IsOurs,
): Promise<{ readonly result: TokenResult; readonly isAnswerLost: boolean }> {
  for (let tried = 1; ; tried++) {
    const result = await ask({ timeoutMs: requestTimeoutMs(reuse) });
    const isAnswerLost = tried > 1;
    if (!isRepeated(result, tried, reuse)) return { result, isAnswerLost };
    await setTimeout((tried - 1) * PAUSE_MS);
    if (!isOurs()) return { result, isAnswerLost };
  }
}
