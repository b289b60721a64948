import type { RefreshState } from '../../db/refresh-states.ts';
import type { Reuse } from '../../oauth/catalogue-entry.ts';
import type { TokenResult } from '../../oauth/token-endpoint.ts';

/** How a provider treats a spent refresh token. Undefined: unknown. */
export type ReuseClass = Reuse | undefined;

const MINUTE = 60;
const HOUR = 3_600;
const DAY = 86_400;

/** An access token is given out only if it is still valid for this long. */
export const MIN_SECONDS = MINUTE;
/** How often a process prolongs its leases, in milliseconds. */
export const RENEW_MS = 2_000;

const SOON_SECONDS = 15 * MINUTE;
const STRICT_LEASE_SECONDS = 45;
const LEASE_SECONDS = 8;
const SHORTEST_LEASE_SECONDS = 5;
/** At a strict provider a slow answer is the only copy of the tokens, and a second request would revoke the grant. */
const PATIENT_TIMEOUT_MS = 40_000;
const TIMEOUT_MS = 20_000;
const TRIES = 3;
const RECENTLY_USED_SECONDS = 7 * DAY;
const IDLE_SECONDS = 30 * DAY;
/** After a start of PostgreSQL, processes have this long to store the answers that they hold in memory. */
const SETTLING_SECONDS = 15;
const MOST_BACKOFF_SECONDS = HOUR;
const MOST_PROVIDER_BACKOFF_SECONDS = 5 * MINUTE;
const ORPHAN_TRIES = 12;
const ORPHAN_BACKOFF_SECONDS = 5;
/** When the background pass looks at a token that never expires. */
const NEVER_SECONDS = 30 * DAY;

/**
 * How long a lease runs unless it is prolonged. After that, others know that the process has died. It is a fraction of the
 * provider's window, so that several attempts fit into the window. At a strict provider there is no hurry.
 */
export function leaseSeconds(reuse: ReuseClass): number {
  if (reuse?.class === 'none') return STRICT_LEASE_SECONDS;
  if (reuse?.class !== 'window') return LEASE_SECONDS;
  return Math.min(STRICT_LEASE_SECONDS, Math.max(SHORTEST_LEASE_SECONDS, Math.floor(reuse.seconds / 4)));
}

/** Whether it does no harm to redeem a spent refresh token again. */
const isHarmless = (reuse: ReuseClass): boolean => reuse !== undefined && reuse.class !== 'none';

/** How long one request to the token endpoint may take. */
export const requestTimeoutMs = (reuse: ReuseClass): number =>
  isHarmless(reuse) ? TIMEOUT_MS : PATIENT_TIMEOUT_MS;

/** How many tokens of a provider a process refreshes at once: those under way at a strict one are lost when it dies. */
export const mostAtOnce = (reuse: ReuseClass): number => (isHarmless(reuse) ? 32 : 4);

/**
 * Whether the same refresh token is redeemed again at once. Within a window that yields the successor. A strict provider that
 * answered an error may not have processed the request. A strict provider that is silent may still be processing it.
 */
export const isRepeated = (result: TokenResult, tried: number, reuse: ReuseClass): boolean =>
  result.outcome === 'unknown' && tried < TRIES && (result.reason !== 'timeout' || isHarmless(reuse));

/** Whether a redeemed predecessor may still be valid, so that it is tried before the token counts as dead. */
export function isPredecessorTried(ageSeconds: number, reuse: ReuseClass): boolean {
  if (reuse?.class === 'until-used') return true;
  return reuse?.class === 'window' && ageSeconds < reuse.seconds;
}

/** Whether the access token may be given out. */
export const isUsable = ({ secondsLeft }: RefreshState): boolean =>
  secondsLeft === null || secondsLeft > MIN_SECONDS;

/** How long before its expiry a token is refreshed: 15 minutes, or half its life. */
export const soonSeconds = (lifeSeconds: number | null): number =>
  Math.min(SOON_SECONDS, (lifeSeconds ?? Number.POSITIVE_INFINITY) / 2);

const isOrphan = ({ isClaimed, leaseSeconds }: RefreshState): boolean =>
  isClaimed && (leaseSeconds ?? 0) <= 0;

/** `wait`: another attempt has the lease. `later`: not now, for a reason that passes. */
export type Plan =
  | { readonly kind: 'refresh' }
  | { readonly kind: 'wait' | 'dead' }
  | { readonly kind: 'later'; readonly seconds: number };

const later = (seconds: number): Plan => ({ kind: 'later', seconds: Math.max(1, Math.ceil(seconds)) });

/** Whether a refresh may begin now. */
export function mayBegin(state: RefreshState, reuse: ReuseClass): Plan {
  if (state.isDead || !state.hasRefreshToken) return { kind: 'dead' };
  if ((state.leaseSeconds ?? 0) > 0) return { kind: 'wait' };
  if ((state.pauseSeconds ?? 0) > 0) return later(state.pauseSeconds ?? 0);
  if (!isOrphan(state)) return { kind: 'refresh' };
  if (state.upSeconds < SETTLING_SECONDS) return later(SETTLING_SECONDS - state.upSeconds);
  // At a strict provider the successor is lost already. Another attempt would only end the access token early.
  if (reuse?.class === 'none' && isUsable(state)) return later((state.secondsLeft ?? DAY) - MIN_SECONDS);
  return { kind: 'refresh' };
}

/** The plan of the background pass for a token that is due. */
export function whenDue(state: RefreshState, reuse: ReuseClass): Plan {
  const plan = mayBegin(state, reuse);
  if (plan.kind !== 'refresh' || isOrphan(state)) return plan;
  const idle = idleInSeconds(state);
  const isUsedLately = state.idleSeconds !== null && state.idleSeconds < RECENTLY_USED_SECONDS;
  if (state.secondsLeft === null || !isUsedLately) return idle <= 0 ? plan : later(idle);
  const left = state.secondsLeft - soonSeconds(state.lifeSeconds);
  return left <= 0 || idle <= 0 ? plan : later(Math.min(left, idle));
}

/** The time until an unused grant is refreshed: every 30 days, or in the last quarter of the refresh token's life. */
function idleInSeconds({ ageSeconds, refreshSecondsLeft }: RefreshState): number {
  const regular = IDLE_SECONDS - ageSeconds;
  if (refreshSecondsLeft === null) return regular;
  const life = refreshSecondsLeft + ageSeconds;
  // At most once a day: a refresh may not prolong the life of the refresh token.
  return Math.min(regular, Math.max(refreshSecondsLeft - life / 4, DAY - ageSeconds));
}

/**
 * The time until the background pass looks at a token that has just been received. At least a minute, so that
 * no provider can make the pass refresh without end. A token with a shorter life is refreshed on request.
 */
export const dueInSeconds = (expiresInSeconds: number | null): number =>
  expiresInSeconds === null
    ? NEVER_SECONDS
    : Math.max(MINUTE, Math.floor(expiresInSeconds - soonSeconds(expiresInSeconds)));

/** Doubles with every failure. A random part of up to half keeps processes from retrying together. */
export const backoffSeconds = (failures: number, first = 1, most = MOST_BACKOFF_SECONDS): number => {
  const whole = Math.min(most, first * 2 ** Math.min(failures, 20));
  return whole * (0.5 + Math.random() / 2);
};

export const providerBackoffSeconds = (failures: number): number =>
  backoffSeconds(failures, 1, MOST_PROVIDER_BACKOFF_SECONDS);

/** At most 5 seconds for the first dozen attempts, because a reuse window may be about to close. */
export const orphanBackoffSeconds = (failures: number): number =>
  failures < ORPHAN_TRIES
    ? backoffSeconds(failures, 1, ORPHAN_BACKOFF_SECONDS)
    : backoffSeconds(failures - ORPHAN_TRIES, ORPHAN_BACKOFF_SECONDS);

/** How long the refreshes of a provider pause after it has refused our client. */
export const CLIENT_WRONG_PAUSE_SECONDS = MINUTE;
