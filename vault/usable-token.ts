import type { KeyRing } from '../crypto/key-ring.ts';
import type { Actor } from '../db/audit.ts';
import type { ChosenToken, ReleaseRepository, ReleaseRequest } from '../db/releases.ts';
import type { RefreshWork } from './refresh/background.ts';
import { MIN_SECONDS } from './refresh/policy.ts';
import type { Refresher } from './refresh/refresher.ts';

/** A token whose access token may be used now. */
export interface UsableToken {
  readonly kind: 'usable';
  readonly id: string;
  readonly ownerId: string;
  /** The access token. Null: the call was a check only. */
  readonly accessToken: string | null;
  readonly metadata: Readonly<Record<string, unknown>> | null;
}

/** No token can be used: a person must consent. */
export interface NeedsConsent {
  readonly kind: 'needs-consent';
  /** The token whose row takes the result. Null: a new row. */
  readonly replacesTokenId: string | null;
  /** Scopes to request beside those of the call, so that a new consent loses none. */
  readonly scopes: readonly string[];
  /** Whether the agent has a connection whose token is dead. */
  readonly isConnectionDead: boolean;
}

/** The token will be usable: its provider is down or slow, or the refresh has not ended yet. */
export interface NotYet {
  readonly kind: 'not-yet';
  readonly retrySeconds: number;
}

export type Choice =
  | UsableToken
  | NeedsConsent
  | NotYet
  | { readonly kind: 'no-provider' }
  | { readonly kind: 'no-token' };

/** Clients give up after five seconds. */
const PATIENCE_MS = 3_500;

const FIRST_CONSENT: NeedsConsent = {
  kind: 'needs-consent',
  replacesTokenId: null,
  scopes: [],
  isConnectionDead: false,
};

/** How tokens are kept fresh. */
export type Refreshing = Pick<Refresher, 'fresh' | 'behind'> & Pick<RefreshWork, 'use'>;

interface Parts {
  readonly releases: Pick<ReleaseRepository, 'release'>;
  readonly refreshing: Refreshing;
  readonly open: KeyRing['open'];
}

export interface TokenWish extends ReleaseRequest {
  /** Existing tokens are left alone. */
  readonly isNewWanted: boolean;
  /** False: an agent asks for itself. */
  readonly isPersonThere: boolean;
  /** Nothing is given out and nothing is recorded. */
  readonly isCheckOnly: boolean;
}

/**
 * Chooses the token that answers a request, and refreshes it if it has expired. Before this resolves, a token that is given
 * out has its audit record.
 * @throws OverloadedError, DecryptError
 */
export async function usableToken(parts: Parts, wish: TokenWish, by: Actor): Promise<Choice> {
  const { releases } = parts;
  const { isNewWanted, isCheckOnly } = wish;
  const isReleased = !isNewWanted && !isCheckOnly;
  const found = await releases.release(wish, { minSeconds: MIN_SECONDS, isReleased }, by);
  if (found === undefined) return { kind: 'no-provider' };
  const { token } = found;
  if (token === undefined) {
    return wish.tokenId === null ? FIRST_CONSENT : { kind: 'no-token' };
  }
  if (isNewWanted && wish.tokenId === null) return FIRST_CONSENT;
  if (!isNewWanted && token.isFitting && token.isValid) return usable(parts, wish.organizationId, token);
  let isDead = !token.isValid && !token.isRefreshable;
  if (!isNewWanted && token.isFitting && token.isRefreshable) {
    const { id, ownerId, metadata } = token;
    if (isCheckOnly) return { kind: 'usable', id, ownerId, accessToken: null, metadata };
    const refreshed = await refresh(parts, { ...wish, userId: ownerId, tokenId: id }, by);
    if (refreshed !== 'dead' && refreshed !== 'unfit') return refreshed;
    isDead = refreshed === 'dead';
  }
  const isConnectionDead = token.isConnected && !token.isValid;
  // The user cannot renew another user's token, so its own tokens come next.
  if (token.ownerId !== wish.userId && wish.isPersonThere) {
    return usableToken(parts, { ...wish, connectionsOf: null }, by);
  }
  const replacesTokenId = wish.tokenId !== null || isDead ? token.id : null;
  return { kind: 'needs-consent', replacesTokenId, scopes: token.scopes, isConnectionDead };
}

/** Gives the token out. One that will expire soon is refreshed behind the answer. */
function usable({ open, refreshing }: Parts, organizationId: string, token: ChosenToken): UsableToken {
  const { id, ownerId, accessToken, metadata, isRefreshable, isExpiring } = token;
  if (accessToken === null) return { kind: 'usable', id, ownerId, accessToken, metadata };
  if (isRefreshable) refreshing.use({ organizationId, id });
  if (isRefreshable && isExpiring) refreshing.behind({ organizationId, id });
  return { kind: 'usable', id, ownerId, accessToken: open(accessToken), metadata };
}

/** Undefined: the grant is dead. A refreshed token is given out even if its life is short. */
async function refresh(
  parts: Parts,
  request: ReleaseRequest & { readonly tokenId: string },
  by: Actor,
): Promise<Choice | 'dead' | 'unfit'> {
  const { organizationId, tokenId } = request;
  const fresh = await parts.refreshing.fresh({ organizationId, id: tokenId }, PATIENCE_MS);
  if (fresh.kind === 'later') return { kind: 'not-yet', retrySeconds: fresh.seconds };
  if (fresh.kind === 'dead') return 'dead';
  const found = await parts.releases.release(request, { minSeconds: 0, isReleased: true }, by);
  const token = found?.token;
  if (token?.isValid !== true) return 'dead';
  return token.isFitting ? usable(parts, organizationId, token) : 'unfit';
}
