import type { KeyRing } from '../crypto/key-ring.ts';
import type { Actor } from '../db/audit.ts';
import type { ReleaseRepository, ReleaseRequest } from '../db/releases.ts';

/** A token whose access token may be used now. */
export interface UsableToken {
  readonly kind: 'usable';
  readonly id: string;
  /** The access token; null: it was only looked at. */
  readonly accessToken: string | null;
  readonly metadata: Readonly<Record<string, unknown>> | null;
}

/** No token can be used: a person must consent. */
export interface NeedsConsent {
  readonly kind: 'needs-consent';
  /** The token in whose row the result goes; null: a row of its own. */
  readonly replacesTokenId: string | null;
  /** Scopes to be asked for beside the requested ones, so that a new consent loses none. */
  readonly scopes: readonly string[];
}

export type Choice =
  | UsableToken
  | NeedsConsent
  | { readonly kind: 'no-provider' }
  | { readonly kind: 'no-token' };

/** An access token must be valid for so long after it was given out. Clients use it for a request, or for a few. */
const MIN_SECONDS = 60;

interface Parts {
  readonly releases: Pick<ReleaseRepository, 'release'>;
  readonly open: KeyRing['open'];
}

export interface TokenWish extends Omit<ReleaseRequest, 'minSeconds' | 'isReleased'> {
  /** Any token that is there is left alone. */
  readonly isNewWanted: boolean;
  /** Nothing is given out and nothing is recorded. */
  readonly isCheckOnly: boolean;
}

/**
 * Chooses the token that answers a request. A token that is given out has been recorded as released before this resolves.
 * @throws OverloadedError, DecryptError
 */
export async function usableToken({ releases, open }: Parts, wish: TokenWish, by: Actor): Promise<Choice> {
  const { isNewWanted, isCheckOnly, ...request } = wish;
  const isReleased = !isNewWanted && !isCheckOnly;
  const found = await releases.release({ ...request, minSeconds: MIN_SECONDS, isReleased }, by);
  if (found === undefined) return { kind: 'no-provider' };
  const { token } = found;
  if (token === undefined) {
    return wish.tokenId === null
      ? { kind: 'needs-consent', replacesTokenId: null, scopes: [] }
      : { kind: 'no-token' };
  }
  if (isNewWanted && wish.tokenId === null)
    return { kind: 'needs-consent', replacesTokenId: null, scopes: [] };
  if (!isNewWanted && token.isFitting && token.isValid) {
    const { id, accessToken, metadata } = token;
    return { kind: 'usable', id, accessToken: accessToken === null ? null : open(accessToken), metadata };
  }
  const isReplaced = wish.tokenId !== null || !token.isValid;
  return { kind: 'needs-consent', replacesTokenId: isReplaced ? token.id : null, scopes: token.scopes };
}
