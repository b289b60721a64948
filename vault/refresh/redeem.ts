import { setTimeout } from 'node:timers/promises';
import type { ProviderClient } from '../../oauth/provider-settings.ts';
import type { Refresh, RequestLimits, TokenResult } from '../../oauth/token-endpoint.ts';
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
 * Redeems a refresh token. If the outcome is unknown, redeems the same one again.
 * @returns the last result, and whether an earlier answer may have been lost
 */
export async function redeem(
  ask: (limits: RequestLimits) => Promise<TokenResult>,
  reuse: ReuseClass,
): Promise<{ readonly result: TokenResult; readonly isAnswerLost: boolean }> {
  for (let tried = 1; ; tried++) {
    const result = await ask({ timeoutMs: requestTimeoutMs(reuse) });
    if (!isRepeated(result, tried, reuse)) return { result, isAnswerLost: tried > 1 };
    await setTimeout((tried - 1) * PAUSE_MS);
  }
}
