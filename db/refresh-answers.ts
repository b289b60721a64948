import type { Knex } from 'knex';
import type { Sealed } from '../crypto/key-ring.ts';
import { ownedRows, recordedAs, recording } from './audit.ts';
import { type ClaimedToken, REFRESHER } from './refreshes.ts';

/** A provider's answer to a refresh, sealed, with the redeemed pair. */
export interface RefreshAnswer {
  readonly accessToken: Sealed;
  /** The new one. If the answer has none: the redeemed one. */
  readonly refreshToken: Sealed;
  readonly redeemed: {
    readonly accessToken: Sealed;
    readonly refreshToken: Sealed;
    readonly generation: number;
  };
  /** Null: as before. */
  readonly scopes: readonly string[] | null;
  readonly metadata: Readonly<Record<string, unknown>> | null;
  readonly expiresInSeconds: number | null;
  /** Null: as before. */
  readonly refreshExpiresInSeconds: number | null;
  /** Until the background pass looks at the token. */
  readonly dueInSeconds: number;
}

/**
 * `current`: the pair is in use. `late`: another pair took its place; it is a candidate. `replaced`: a consent gave the token
 * another grant. `gone`: the token was deleted. In the last two cases the pair is not stored.
 */
export type StoreOutcome = 'current' | 'late' | 'replaced' | 'gone';

const VERSION_COLUMNS = `organization_id, id, token_id, grant_number, generation, parent, is_candidate,
    access_token, access_token_key, refresh_token, refresh_token_key`;

/**
 * Makes the pair current if no other has taken its place. The redeemed pair is kept beside it. Older pairs are deleted,
 * because their successor has been redeemed.
 * @param refreshExpiresAt an SQL expression; Citus refuses now() inside coalesce
 */
const storing = (refreshExpiresAt: string): string => `
WITH stored AS (
  UPDATE oauth_tokens AS token
  SET access_token = :accessToken, access_token_key = :accessTokenKey,
    refresh_token = :refreshToken, refresh_token_key = :refreshTokenKey,
    generation = token.generation + 1, received_at = now(), received_by = :attempt,
    refresh_attempt = NULL, lease_until = NULL, refresh_failures = 0, refresh_after = NULL, refresh_problem = NULL,
    dead_at = NULL, dead_reason = NULL,
    refresh_due_at = now() + make_interval(secs => :dueInSeconds::double precision),
    expires_at = now() + make_interval(secs => :expiresInSeconds::double precision),
    refresh_expires_at = ${refreshExpiresAt},
    scopes = coalesce(:scopes::text[], token.scopes),
    metadata = CASE WHEN :metadata::jsonb IS NULL THEN token.metadata
      WHEN token.metadata IS NULL THEN :metadata::jsonb ELSE token.metadata || :metadata::jsonb END,
    updated_at = now()
  WHERE token.organization_id = :organizationId AND token.id = :id AND token.generation = :generation
    AND token.grant_number = :grantNumber
  RETURNING token.organization_id, token.id, token.provider_id
), swept AS (
  DELETE FROM token_versions USING stored
  WHERE token_versions.organization_id = :organizationId AND token_versions.token_id = stored.id
), kept AS (
  INSERT INTO token_versions AS version (${VERSION_COLUMNS})
  SELECT owner.organization_id, :attempt, stored.id, :grantNumber, :redeemedGeneration, NULL, false,
    :redeemedAccess, :redeemedAccessKey, :redeemedRefresh, :redeemedRefreshKey
  FROM ${ownedRows('stored')}
), recovered AS (
  UPDATE oauth_providers SET refresh_failures = 0, refresh_problem = NULL FROM stored
  WHERE oauth_providers.organization_id = :organizationId
    AND oauth_providers.provider_id = stored.provider_id AND oauth_providers.refresh_failures > 0
), audited AS (
  ${recording('token.refresh', 'stored', 'id')}
)
SELECT id FROM stored`;

const STORE = storing('token.refresh_expires_at');
const STORE_WITH_REFRESH_EXPIRY = storing(
  'now() + make_interval(secs => :refreshExpiresInSeconds::double precision)',
);

/** A pair that came after another had taken its place. A pair that this attempt has stored already is no candidate. */
const KEEP = `
INSERT INTO token_versions AS version (${VERSION_COLUMNS})
SELECT token.organization_id, :attempt, token.id, :grantNumber, :generation + 1, :redeemedGeneration, true,
  :accessToken, :accessTokenKey, :refreshToken, :refreshTokenKey
FROM oauth_tokens AS token
WHERE token.organization_id = :organizationId AND token.id = :id AND token.grant_number = :grantNumber
  AND token.received_by IS DISTINCT FROM :attempt
ON CONFLICT (organization_id, id) DO NOTHING
RETURNING version.id`;

/** Not every pair has been tried after all. */
const REVIVE = `
UPDATE oauth_tokens SET dead_at = NULL, dead_reason = NULL, refresh_due_at = now()
WHERE organization_id = :organizationId AND id = :id AND dead_at IS NOT NULL`;

const FIND = `
SELECT received_by = :attempt AS "isStored", grant_number = :grantNumber AS "isSameGrant" FROM oauth_tokens
WHERE organization_id = :organizationId AND id = :id`;

export type RefreshAnswers = ReturnType<typeof refreshAnswers>;

/** The store of providers' answers. None overwrites another: each is current, or kept beside the current one. */
export const refreshAnswers = (db: Knex) => ({
  /** Stores an answer. Repeated calls store it once, because a connection may break after the commit. */
  async store(claimed: ClaimedToken, answer: RefreshAnswer): Promise<StoreOutcome> {
    const { organizationId, id, attempt, generation, grantNumber } = claimed;
    const { accessToken, refreshToken, redeemed, refreshExpiresInSeconds } = answer;
    const token = { organizationId, id, attempt, generation, grantNumber };
    const pair = {
      accessToken: accessToken.ciphertext,
      accessTokenKey: accessToken.key,
      refreshToken: refreshToken.ciphertext,
      refreshTokenKey: refreshToken.key,
    };
    const store = refreshExpiresInSeconds === null ? STORE : STORE_WITH_REFRESH_EXPIRY;
    const stored = await db.raw<{ rows: unknown[] }>(store, {
      ...token,
      ...pair,
      redeemedGeneration: redeemed.generation,
      redeemedAccess: redeemed.accessToken.ciphertext,
      redeemedAccessKey: redeemed.accessToken.key,
      redeemedRefresh: redeemed.refreshToken.ciphertext,
      redeemedRefreshKey: redeemed.refreshToken.key,
      scopes: answer.scopes,
      metadata: answer.metadata && JSON.stringify(answer.metadata),
      expiresInSeconds: answer.expiresInSeconds,
      ...(refreshExpiresInSeconds !== null && { refreshExpiresInSeconds }),
      dueInSeconds: answer.dueInSeconds,
      ...recordedAs(REFRESHER),
    });
    if (stored.rows.length > 0) return 'current';
    const kept = await db.raw<{ rows: unknown[] }>(KEEP, {
      ...token,
      ...pair,
      redeemedGeneration: redeemed.generation,
    });
    if (kept.rows.length > 0) {
      await db.raw(REVIVE, { organizationId, id });
      return 'late';
    }
    const { rows } = await db.raw<{ rows: { isStored: boolean | null; isSameGrant: boolean }[] }>(
      FIND,
      token,
    );
    const [found] = rows;
    if (found === undefined) return 'gone';
    if (!found.isSameGrant) return 'replaced';
    return found.isStored === true ? 'current' : 'late';
  },
});
