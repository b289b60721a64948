import { DecryptError } from '../../crypto/fernet.ts';
import type { KeyRing } from '../../crypto/key-ring.ts';
import type { RefreshAnswers, StoreOutcome } from '../../db/refresh-answers.ts';
import {
  type ClaimedToken,
  REFRESHER,
  type RefreshRepository,
  type TokenVersion,
} from '../../db/refreshes.ts';
import type { RevocationRepository } from '../../db/revocations.ts';
import type { CatalogueEntry } from '../../oauth/catalogue-entry.ts';
import { keptTokenOrigin } from '../../oauth/hosts.ts';
import type { ProviderClient } from '../../oauth/provider-settings.ts';
import type { TokenResult } from '../../oauth/token-endpoint.ts';
import { oweRevocation } from '../unstored.ts';
import type { IsOurs } from './leases.ts';
import { persist } from './persist.ts';
import { dueInSeconds, isPredecessorTried } from './policy.ts';
import { type Ask, redeem } from './redeem.ts';
import { type Failed, settle } from './settle.ts';

/**
 * How an attempt ended. `refreshed`: the pair is current. `late`: another pair had taken its place. `moved`: another process
 * has the token now, or a consent gave the token another grant. `gone`: the token was deleted; the pair will be revoked.
 * `dead`: a person must consent again. The others are failures.
 */
export type AttemptOutcome = 'refreshed' | 'late' | 'moved' | 'gone' | 'dead' | Failed['outcome'];

export interface AttemptEnd {
  readonly outcome: AttemptOutcome;
  /** Of a known list. */
  readonly reason?: string;
  /** The time until the next attempt is allowed. */
  readonly retrySeconds?: number;
}

export interface AttemptParts {
  readonly refreshes: Pick<
    RefreshRepository,
    'release' | 'orphan' | 'bury' | 'pause' | 'versions' | 'refuseVersion'
  >;
  readonly answers: RefreshAnswers;
  readonly revocations: Pick<RevocationRepository, 'owe'>;
  readonly keyRing: Pick<KeyRing, 'seal' | 'open'>;
  readonly ask: Ask;
}

export interface Circumstances {
  /** Undefined: the catalogue does not know the provider. */
  readonly entry: CatalogueEntry | undefined;
  /** Whether an earlier attempt may have spent the refresh token. */
  readonly wasOrphan: boolean;
  readonly isOurs: IsOurs;
}

/** A pair that may be redeemed. */
interface Pair {
  /** Undefined: the current pair. */
  readonly versionId?: string;
  readonly generation: number;
  readonly accessToken: string;
  readonly refreshToken: string;
}

const STORED: Readonly<Record<StoreOutcome, AttemptOutcome>> = {
  current: 'refreshed',
  late: 'late',
  replaced: 'moved',
  gone: 'gone',
};

/**
 * Redeems a claimed token and stores the result. No connection, transaction or lock of the database is held while the
 * provider is asked. `invalid_grant` is believed only after every pair of the grant has been tried. A process that was
 * suspended may have lost its lease unnoticed, so nothing is sent unless the lease is ours for certain.
 */
export async function runAttempt(
  parts: AttemptParts,
  claimed: ClaimedToken,
  { entry, wasOrphan, isOurs }: Circumstances,
): Promise<AttemptEnd> {
  const { refreshes, ask } = parts;
  const tried = new Set<string>();
  let isAnswerLost = wasOrphan;
  let pair: Pair | undefined;
  let client: ProviderClient;
  try {
    pair = opened(parts, claimed);
    client = clientOf(parts, claimed, entry);
  } catch (error) {
    if (!(error instanceof DecryptError)) throw error;
    return settle(refreshes, claimed, { outcome: 'unreadable' }, isAnswerLost);
  }
  while (pair !== undefined && isOurs()) {
    const { accessToken, refreshToken, versionId } = pair;
    const refresh = { accessToken, refreshToken, tokenOrigin: keptTokenOrigin(entry, claimed.metadata) };
    const redeemed = await redeem(
      (limits) => ask(claimed.organizationId, client, refresh, limits),
      entry?.reuse,
      isOurs,
    );
    const { result } = redeemed;
    isAnswerLost ||= redeemed.isAnswerLost;
    if (result.outcome === 'tokens') {
      const stored = await keep(parts, claimed, pair, result);
      if (stored === 'gone') await revoke(parts, claimed, client, pair, result);
      return { outcome: STORED[stored] };
    }
    if (!isGrantDead(result)) return settle(refreshes, claimed, result, isAnswerLost);
    tried.add(refreshToken);
    if (versionId !== undefined) {
      await persist(() => refreshes.refuseVersion(claimed.organizationId, versionId));
    }
    const next = await nextPair(parts, claimed, tried, entry);
    if (next === 'unreadable') return settle(refreshes, claimed, { outcome: next }, isAnswerLost);
    pair = next;
    if (pair !== undefined) continue;
    const reason = isAnswerLost ? 'answer_lost' : result.code;
    const isBuried = await persist(() => refreshes.bury(claimed, reason));
    return isBuried ? { outcome: 'dead', reason } : { outcome: 'moved' };
  }
  return { outcome: 'moved' };
}

type Granted = Extract<TokenResult, { outcome: 'tokens' }>;

const isGrantDead = (result: TokenResult): result is Extract<TokenResult, { outcome: 'refused' }> =>
  result.outcome === 'refused' && result.kind === 'grant-dead';

/** @throws DecryptError */
const opened = (
  { keyRing }: AttemptParts,
  { generation, accessToken, refreshToken }: ClaimedToken | TokenVersion,
): Pair => ({
  generation,
  accessToken: keyRing.open(accessToken),
  refreshToken: keyRing.open(refreshToken),
});

/** @throws DecryptError */
function clientOf(
  { keyRing }: AttemptParts,
  { clientId, clientSecret, authUrl, tokenUrl, usesPkce, tokenEndpointAuthMethod, resource }: ClaimedToken,
  entry: CatalogueEntry | undefined,
): ProviderClient {
  const secret = clientSecret === null ? null : keyRing.open(clientSecret);
  return {
    ...{ clientId, clientSecret: secret, authUrl, tokenUrl, usesPkce, tokenEndpointAuthMethod, entry },
    resource: resource ?? undefined,
  };
}

/**
 * A pair of the same grant that has not been tried: a late answer, or a predecessor that may still be good. A provider may
 * have answered with a refresh token again that it refuses now: such a pair is refused, too.
 * @param tried refresh tokens that the provider has refused
 * @returns `unreadable`: what remains is a late answer that no key opens. Undefined: nothing remains
 */
async function nextPair(
  parts: AttemptParts,
  claimed: ClaimedToken,
  tried: ReadonlySet<string>,
  entry: CatalogueEntry | undefined,
): Promise<Pair | 'unreadable' | undefined> {
  const versions = await persist(() => parts.refreshes.versions(claimed));
  let isUnreadable = false;
  for (const version of versions) {
    if (!version.isCandidate && !isPredecessorTried(version.ageSeconds, entry?.reuse)) continue;
    try {
      const pair = opened(parts, version);
      if (!tried.has(pair.refreshToken)) return { ...pair, versionId: version.id };
      await persist(() => parts.refreshes.refuseVersion(claimed.organizationId, version.id));
    } catch (error) {
      if (!(error instanceof DecryptError)) throw error;
      isUnreadable ||= version.isCandidate;
    }
  }
  return isUnreadable ? 'unreadable' : undefined;
}

/** Stores the answer. If the database is away, it waits until the database is back. */
function keep(
  { answers, keyRing: { seal } }: AttemptParts,
  claimed: ClaimedToken,
  pair: Pair,
  tokens: Granted,
): Promise<StoreOutcome> {
  const expiresInSeconds = tokens.expiresInSeconds ?? null;
  const answer = {
    accessToken: seal(tokens.accessToken),
    refreshToken: seal(tokens.refreshToken ?? pair.refreshToken),
    redeemed: {
      accessToken: seal(pair.accessToken),
      refreshToken: seal(pair.refreshToken),
      generation: pair.generation,
    },
    scopes: tokens.scopes ?? null,
    metadata: Object.keys(tokens.metadata).length === 0 ? null : tokens.metadata,
    expiresInSeconds,
    refreshExpiresInSeconds: tokens.refreshTokenExpiresInSeconds ?? null,
    dueInSeconds: dueInSeconds(expiresInSeconds),
  };
  return persist(() => answers.store(claimed, answer));
}

/** The token was deleted while it was refreshed. The deletion revoked the redeemed pair, which was already spent. */
function revoke(
  { revocations, keyRing: { seal } }: AttemptParts,
  { organizationId, id: tokenId, attempt, providerId, revocationEndpoint, metadata }: ClaimedToken,
  client: ProviderClient,
  pair: Pair,
  tokens: Granted,
): Promise<void> {
  const grant = {
    accessToken: tokens.accessToken,
    refreshToken: tokens.refreshToken ?? pair.refreshToken,
    metadata: { ...metadata, ...tokens.metadata },
  };
  const place = { organizationId, id: attempt, tokenId, providerId, revocationEndpoint };
  return oweRevocation({ revocations, seal }, { ...place, client, grant }, REFRESHER);
}
