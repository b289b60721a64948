import type { Statements } from './postgres/statements.ts';

/** A token's row, by its organization and id. Both are UUIDs. */
export interface TokenReference {
  readonly organizationId: string;
  readonly id: string;
}

/** The facts that decide whether a token is refreshed. Times are in seconds by the database's clock; null: unknown, never. */
export interface RefreshState extends TokenReference {
  readonly tokenUrl: string;
  readonly generation: number;
  readonly isDead: boolean;
  readonly hasRefreshToken: boolean;
  /** An attempt was claimed and has not been settled. Without a lease it is an orphan. */
  readonly isClaimed: boolean;
  readonly leaseSeconds: number | null;
  /** Until the access token expires. */
  readonly secondsLeft: number | null;
  /** From the receipt of the access token to its expiry. */
  readonly lifeSeconds: number | null;
  /** Since the receipt of the access token. */
  readonly ageSeconds: number;
  /** Until the refresh token expires. */
  readonly refreshSecondsLeft: number | null;
  /** Since the token was given out. */
  readonly idleSeconds: number | null;
  /** Until an attempt is allowed, of this token and of its provider. */
  readonly pauseSeconds: number | null;
  /** Since PostgreSQL was started. */
  readonly upSeconds: number;
}

/** An interval as seconds. */
export const seconds = (interval: string): string => `extract(epoch FROM ${interval})::double precision`;

/**
 * Whether the token is exempt from the pause of its provider. An outage pauses no orphan, because its reuse window may be
 * about to close.
 */
export const IS_EXEMPT = `(token.refresh_attempt IS NOT NULL
    AND provider.refresh_problem IN ('status-5xx', 'timeout', 'unreachable', 'unreadable', 'too-large'))`;

const PAUSED_UNTIL = `CASE WHEN provider.refresh_paused_version = provider.settings_version AND ${IS_EXEMPT} IS NOT TRUE
    THEN provider.refresh_paused_until END`;

const STATE = `token.organization_id AS "organizationId", token.id, provider.token_url AS "tokenUrl", token.generation,
  token.dead_at IS NOT NULL AS "isDead", token.refresh_token IS NOT NULL AS "hasRefreshToken",
  token.refresh_attempt IS NOT NULL AS "isClaimed", ${seconds('token.lease_until - now()')} AS "leaseSeconds",
  ${seconds('token.expires_at - now()')} AS "secondsLeft",
  ${seconds('token.expires_at - coalesce(token.received_at, token.created_at)')} AS "lifeSeconds",
  ${seconds('now() - coalesce(token.received_at, token.created_at)')} AS "ageSeconds",
  ${seconds('token.refresh_expires_at - now()')} AS "refreshSecondsLeft",
  ${seconds('now() - token.last_used_at')} AS "idleSeconds",
  ${seconds(`greatest(token.refresh_after, ${PAUSED_UNTIL}) - now()`)} AS "pauseSeconds",
  ${seconds('now() - pg_postmaster_start_time()')} AS "upSeconds"`;

const OF_PROVIDER = `provider.organization_id = token.organization_id AND provider.provider_id = token.provider_id
    AND provider.deleting_at IS NULL`;

const LOOK = `
SELECT ${STATE}
FROM oauth_tokens AS token JOIN oauth_providers AS provider ON ${OF_PROVIDER}
WHERE token.organization_id = :organizationId AND token.id = :id`;

/**
 * An operator's task over all organizations, which take turns. The index holds claimed tokens only. Reuse windows close, so the
 * oldest of each organization is first.
 */
const ORPHANS = `
SELECT ${STATE}
FROM (
  SELECT *, row_number() OVER (PARTITION BY organization_id ORDER BY lease_until) AS turn FROM oauth_tokens
  WHERE refresh_attempt IS NOT NULL AND lease_until <= now() AND refresh_due_at <= now()
    AND refresh_token IS NOT NULL AND dead_at IS NULL
) AS token
JOIN oauth_providers AS provider ON ${OF_PROVIDER}
ORDER BY token.turn, token.lease_until LIMIT :size`;

/**
 * An operator's task over all organizations: a probe of the index for each. In random order, because a few with very many due
 * tokens would otherwise keep out all that come later.
 */
const DUE = `
SELECT ${STATE}
FROM (
  SELECT due.* FROM (SELECT organization_id, random() AS place FROM organizations ORDER BY place) AS organizations
  CROSS JOIN LATERAL (
    SELECT * FROM oauth_tokens
    WHERE oauth_tokens.organization_id = organizations.organization_id AND refresh_token IS NOT NULL AND dead_at IS NULL
      AND refresh_due_at <= now() AND refresh_attempt IS NULL
    ORDER BY refresh_due_at LIMIT :perOrganization
  ) AS due
  ORDER BY organizations.place LIMIT :size
) AS token
JOIN oauth_providers AS provider ON ${OF_PROVIDER}`;

const PARK = `
UPDATE oauth_tokens SET refresh_due_at = now() + make_interval(secs => :seconds::double precision)
WHERE organization_id = :organizationId AND id = :id AND (lease_until IS NULL OR lease_until <= now())`;

/** Seconds since 1970. In an UPDATE, Citus refuses a timestamp plus an interval, which depends on the time zone. */
const epoch = (time: string): string => seconds(`${time} - timestamptz 'epoch'`);

/** Once an hour for each token. The token is looked at when it will expire soon. */
const USE = `
UPDATE oauth_tokens AS token
SET last_used_at = now(),
  refresh_due_at = least(token.refresh_due_at, to_timestamp(${epoch('token.expires_at')}
    - least(900, ${seconds('token.expires_at - coalesce(token.received_at, token.created_at)')} / 2)))
FROM json_to_recordset(:given::json) AS given (organization_id uuid, id uuid)
WHERE token.organization_id = ANY (:organizationIds::uuid[])
  AND token.organization_id = given.organization_id AND token.id = given.id
  AND (token.last_used_at IS NULL OR token.last_used_at < now() - interval '1 hour')`;

export type RefreshStates = ReturnType<typeof refreshStates>;

/** Which tokens should be refreshed, and when. */
export const refreshStates = (db: Statements) => ({
  /** Undefined: there is no such token, or its provider is being deleted. */
  async look({ organizationId, id }: TokenReference): Promise<RefreshState | undefined> {
    return (await db.raw<{ rows: RefreshState[] }>(LOOK, { organizationId, id })).rows[0];
  },

  /** Tokens of all organizations whose attempt ended without an answer, `size` at most, in turns of organizations, the oldest first. */
  async orphans(size: number): Promise<readonly RefreshState[]> {
    return (await db.raw<{ rows: RefreshState[] }>(ORPHANS, { size })).rows;
  },

  /** Other tokens of all organizations that are due for the background pass, `size` at most, of any of the organizations. */
  async due(size: number, perOrganization: number): Promise<readonly RefreshState[]> {
    return (await db.raw<{ rows: RefreshState[] }>(DUE, { size, perOrganization })).rows;
  },

  /** Postpones the background pass for a token. */
  async park({ organizationId, id }: TokenReference, seconds: number): Promise<void> {
    await db.raw(PARK, { organizationId, id, seconds });
  },

  /** Records that tokens have been given out. */
  async use(tokens: readonly TokenReference[]): Promise<void> {
    const given = tokens.map(({ organizationId, id }) => ({ organization_id: organizationId, id }));
    const organizationIds = [...new Set(tokens.map(({ organizationId }) => organizationId))];
    await db.raw(USE, { given: JSON.stringify(given), organizationIds });
  },
});
