import type { Knex } from 'knex';
import { type Actor, recordedAs, recording } from './audit.ts';
import type { Statements } from './postgres/statements.ts';
import type { TokenEndpointAuthMethod } from './providers.ts';
import { IS_EXEMPT, type RefreshState, seconds, type TokenReference } from './refresh-states.ts';

/** A token that this process alone may redeem, as long as its lease runs. */
export interface ClaimedToken extends TokenReference {
  readonly attempt: string;
  readonly leaseSeconds: number;
  readonly generation: number;
  readonly grantNumber: number;
  /** Ciphertexts. */
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly metadata: Readonly<Record<string, unknown>> | null;
  readonly failures: number;
  readonly providerId: string;
  readonly settingsVersion: number;
  readonly providerFailures: number;
  readonly clientId: string;
  /** A ciphertext; null: the client has no secret. */
  readonly clientSecret: string | null;
  readonly authUrl: string;
  readonly tokenUrl: string;
  readonly usesPkce: boolean;
  /** RFC 8707; null: none is sent. */
  readonly resource: string | null;
  readonly tokenEndpointAuthMethod: TokenEndpointAuthMethod;
  readonly revocationEndpoint: string | null;
}

/** A pair beside the current one. */
export interface TokenVersion {
  readonly id: string;
  readonly generation: number;
  readonly isCandidate: boolean;
  /** Ciphertexts. */
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly ageSeconds: number;
}

/** The vault itself, which refreshes without anybody's request. */
export const REFRESHER: Actor = { userId: 'tokenhold', credential: 'refresh', requestId: null };

/** Takes the lock, records the intent and proves that the database can be written, in one round trip. */
const CLAIM = `
UPDATE oauth_tokens AS token
SET refresh_attempt = :attempt, refresh_begun_at = now(), refresh_problem = NULL,
  lease_until = now() + make_interval(secs => :leaseSeconds::double precision),
  refresh_due_at = now() + make_interval(secs => :leaseSeconds::double precision)
FROM oauth_providers AS provider
WHERE token.organization_id = :organizationId AND token.id = :id AND token.generation = :generation
  AND token.refresh_token IS NOT NULL AND token.dead_at IS NULL
  AND (token.lease_until IS NULL OR token.lease_until <= now())
  AND (token.refresh_after IS NULL OR token.refresh_after <= now())
  AND provider.organization_id = :organizationId AND provider.provider_id = token.provider_id
  AND provider.deleting_at IS NULL
  AND (provider.refresh_paused_until IS NULL OR provider.refresh_paused_until <= now()
    OR provider.refresh_paused_version <> provider.settings_version OR ${IS_EXEMPT})
RETURNING token.organization_id AS "organizationId", token.id, token.generation,
  token.grant_number AS "grantNumber", token.access_token AS "accessToken", token.refresh_token AS "refreshToken",
  token.metadata, token.refresh_failures AS failures, token.provider_id AS "providerId",
  provider.settings_version AS "settingsVersion", provider.refresh_failures AS "providerFailures",
  provider.client_id AS "clientId", provider.client_secret AS "clientSecret", provider.auth_url AS "authUrl",
  provider.token_url AS "tokenUrl", provider.uses_pkce AS "usesPkce",
  provider.token_endpoint_auth_method AS "tokenEndpointAuthMethod", provider.resource,
  provider.revocation_endpoint AS "revocationEndpoint"`;

const OWN_ATTEMPT = `organization_id = :organizationId AND id = :id AND refresh_attempt = :attempt`;

/** One statement for each lease: a row that another transaction has locked must not end the leases of other rows. */
const RENEW = `
UPDATE oauth_tokens SET lease_until = now() + make_interval(secs => :leaseSeconds::double precision)
WHERE ${OWN_ATTEMPT}`;

const RETRY = `refresh_after = now() + make_interval(secs => :retrySeconds::double precision),
  refresh_due_at = now() + make_interval(secs => :retrySeconds::double precision), refresh_problem = :problem`;

/** The refresh token is unspent. */
const RELEASE = `
UPDATE oauth_tokens
SET refresh_attempt = NULL, lease_until = NULL, refresh_failures = refresh_failures + :failures, ${RETRY}
WHERE ${OWN_ATTEMPT}`;

/** Nobody knows whether the refresh token is spent. */
const ORPHAN = `
UPDATE oauth_tokens SET lease_until = now(), refresh_failures = refresh_failures + 1, ${RETRY}
WHERE ${OWN_ATTEMPT}`;

const BURY = `
WITH dead AS (
  UPDATE oauth_tokens
  SET dead_at = now(), dead_reason = :problem, refresh_problem = :problem, refresh_attempt = NULL, lease_until = NULL
  WHERE ${OWN_ATTEMPT} AND generation = :generation
  RETURNING *
), audited AS (
  ${recording('token.dead', 'dead', 'id')}
)
SELECT id FROM dead`;

/** A late answer may have arrived after the candidates were read. */
const REVIVE_UNTRIED = `
UPDATE oauth_tokens AS token SET dead_at = NULL, dead_reason = NULL, refresh_due_at = now()
WHERE token.organization_id = :organizationId AND token.id = :id AND token.dead_at IS NOT NULL
  AND EXISTS (
    SELECT 1 FROM token_versions AS version
    WHERE version.organization_id = :organizationId AND version.token_id = :id AND version.is_candidate
      AND version.refused_at IS NULL AND version.grant_number = token.grant_number)`;

/** Attempts that fail together count as one failure, so that the pause doubles once. */
const PAUSE = `
UPDATE oauth_providers
SET refresh_paused_until = now() + make_interval(secs => :pauseSeconds::double precision),
  refresh_paused_version = settings_version, refresh_failures = greatest(refresh_failures, :providerFailures + 1),
  refresh_problem = :problem
WHERE organization_id = :organizationId AND provider_id = :providerId AND settings_version = :settingsVersion
  AND (refresh_paused_until IS NULL OR refresh_paused_version <> settings_version
    OR refresh_paused_until < now() + make_interval(secs => :pauseSeconds::double precision))`;

const VERSIONS = `
SELECT version.id, version.generation, version.is_candidate AS "isCandidate",
  version.access_token AS "accessToken", version.refresh_token AS "refreshToken",
  ${seconds('now() - version.received_at')} AS "ageSeconds"
FROM token_versions AS version
JOIN oauth_tokens AS token ON token.organization_id = version.organization_id AND token.id = version.token_id
  AND token.grant_number = version.grant_number
WHERE version.organization_id = :organizationId AND version.token_id = :id AND version.refused_at IS NULL
ORDER BY version.is_candidate DESC, version.received_at DESC`;

const REFUSE_VERSION = `
UPDATE token_versions SET refused_at = now() WHERE organization_id = :organizationId AND id = :versionId`;

/** The record of a failed attempt. `problem` is of a known list. */
export interface Failure {
  readonly problem: string;
  readonly retrySeconds: number;
}

type Bindings = Readonly<Record<string, Knex.Value>>;

export type RefreshRepository = ReturnType<typeof refreshRepository>;

/**
 * The leases of refresh tokens. No statement is part of a longer transaction. Organizations take turns, except for
 * the statement that prolongs a lease: a lease must not end because its organization has many requests.
 */
export function refreshRepository({
  db,
  statements,
}: {
  readonly db: Knex;
  readonly statements: Statements;
}) {
  const run = async (sql: string, bindings: Bindings): Promise<number> =>
    (await statements.raw<{ rowCount: number }>(sql, bindings)).rowCount;
  const own = ({ organizationId, id, attempt }: ClaimedToken) => ({ organizationId, id, attempt });

  return {
    /** Takes the lease. Undefined: another attempt has it, the generation is another, or the token or provider pauses. */
    async claim(
      { organizationId, id, generation }: Pick<RefreshState, 'organizationId' | 'id' | 'generation'>,
      attempt: string,
      leaseSeconds: number,
    ): Promise<ClaimedToken | undefined> {
      const bindings = { organizationId, id, generation, attempt, leaseSeconds };
      const { rows } = await statements.raw<{ rows: Omit<ClaimedToken, 'attempt' | 'leaseSeconds'>[] }>(
        CLAIM,
        bindings,
      );
      return rows[0] && { ...rows[0], attempt, leaseSeconds };
    },

    /** Prolongs the lease. False: it is no longer ours. */
    async renew(claimed: ClaimedToken): Promise<boolean> {
      const bindings = { ...own(claimed), leaseSeconds: claimed.leaseSeconds };
      return (await db.raw<{ rowCount: number }>(RENEW, bindings)).rowCount > 0;
    },

    /** Ends an attempt that has not spent the refresh token. @param isTokens whether the failure counts against the token */
    async release(claimed: ClaimedToken, failure: Failure, isTokens: boolean): Promise<void> {
      await run(RELEASE, { ...own(claimed), ...failure, failures: isTokens ? 1 : 0 });
    },

    /** Ends an attempt whose outcome is unknown. */
    async orphan(claimed: ClaimedToken, failure: Failure): Promise<void> {
      await run(ORPHAN, { ...own(claimed), ...failure });
    },

    /** Marks the token dead. False: the attempt is no longer ours, the generation has moved, or a late answer is untried. */
    async bury(claimed: ClaimedToken, problem: string): Promise<boolean> {
      const { organizationId, id, generation } = claimed;
      const buried = await run(BURY, { ...own(claimed), generation, problem, ...recordedAs(REFRESHER) });
      return buried > 0 && (await run(REVIVE_UNTRIED, { organizationId, id })) === 0;
    },

    /** Pauses all refreshes of a provider whose settings are still the same. */
    async pause(
      { organizationId, providerId, settingsVersion, providerFailures }: ClaimedToken,
      pause: { readonly problem: string; readonly pauseSeconds: number },
    ): Promise<void> {
      await run(PAUSE, { organizationId, providerId, settingsVersion, providerFailures, ...pause });
    },

    /** Pairs of the same grant that the provider has not refused: late answers, the newest first, then the predecessor. */
    async versions({ organizationId, id }: TokenReference): Promise<readonly TokenVersion[]> {
      return (await statements.raw<{ rows: TokenVersion[] }>(VERSIONS, { organizationId, id })).rows;
    },

    async refuseVersion(organizationId: string, versionId: string): Promise<void> {
      await run(REFUSE_VERSION, { organizationId, versionId });
    },
  };
}
