import type { ClaimedToken, RefreshRepository } from '../../db/refreshes.ts';
import type { TokenResult } from '../../oauth/token-endpoint.ts';
import { persist } from './persist.ts';
import {
  backoffSeconds,
  CLIENT_WRONG_PAUSE_SECONDS,
  orphanBackoffSeconds,
  providerBackoffSeconds,
} from './policy.ts';

/** A failure that tells nothing about the grant. */
export interface Failed {
  readonly outcome: 'client-wrong' | 'transient' | 'unclear' | 'unknown' | 'not-sent' | 'unreadable';
  readonly reason: string;
  readonly retrySeconds: number;
}

type Failure = Exclude<TokenResult, { outcome: 'tokens' }> | { readonly outcome: 'unreadable' };

/** `pauses`: attempts of this token, or of all tokens of the provider. */
interface Verdict extends Failed {
  readonly pauses: 'token' | 'provider';
}

const UNCLEAR_FIRST_SECONDS = 30;
const UNREADABLE_SECONDS = 60;

function judge(failure: Failure, { failures, providerFailures }: ClaimedToken): Verdict {
  const backoff = providerBackoffSeconds(providerFailures);
  switch (failure.outcome) {
    case 'unreadable':
      return {
        outcome: 'unreadable',
        reason: 'unreadable_ciphertext',
        retrySeconds: UNREADABLE_SECONDS,
        pauses: 'token',
      };
    case 'unknown': {
      const retrySeconds = failure.retryAfterSeconds ?? backoff;
      return { outcome: 'unknown', reason: failure.reason, retrySeconds, pauses: 'provider' };
    }
    case 'not-sent': {
      const { reason } = failure;
      if (reason === 'busy' || reason === 'cancelled')
        return { outcome: 'not-sent', reason, retrySeconds: 1, pauses: 'token' };
      const retrySeconds = reason === 'refused' ? CLIENT_WRONG_PAUSE_SECONDS : backoff;
      return { outcome: 'not-sent', reason, retrySeconds, pauses: 'provider' };
    }
    case 'refused': {
      const { kind, code: reason, retryAfterSeconds } = failure;
      if (kind === 'client-wrong')
        return {
          outcome: 'client-wrong',
          reason,
          retrySeconds: CLIENT_WRONG_PAUSE_SECONDS,
          pauses: 'provider',
        };
      if (kind === 'transient')
        return {
          outcome: 'transient',
          reason,
          retrySeconds: retryAfterSeconds ?? backoff,
          pauses: 'provider',
        };
      const retrySeconds = backoffSeconds(failures, UNCLEAR_FIRST_SECONDS);
      return { outcome: 'unclear', reason, retrySeconds, pauses: 'token' };
    }
  }
}

/**
 * Ends an attempt that brought no tokens. The token is not given up.
 * @param isAnswerLost an earlier answer may have been lost, so that the token stays an orphan
 */
export async function settle(
  refreshes: Pick<RefreshRepository, 'release' | 'orphan' | 'pause'>,
  claimed: ClaimedToken,
  failure: Failure,
  isAnswerLost: boolean,
): Promise<Failed> {
  const { outcome, reason: problem, retrySeconds, pauses } = judge(failure, claimed);
  if (pauses === 'provider') {
    await persist(() => refreshes.pause(claimed, { problem, pauseSeconds: retrySeconds }));
  }
  const isOrphan = isAnswerLost || outcome === 'unknown';
  // If the provider pauses, the token needs no pause of its own, unless it is an orphan, which may be exempt.
  const ofOrphan = isOrphan ? orphanBackoffSeconds(claimed.failures) : 0;
  const written = { problem, retrySeconds: pauses === 'token' ? retrySeconds : ofOrphan };
  if (isOrphan) await persist(() => refreshes.orphan(claimed, written));
  else await persist(() => refreshes.release(claimed, written, pauses === 'token'));
  return { outcome, reason: problem, retrySeconds };
}
