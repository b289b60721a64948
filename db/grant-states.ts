import type { Knex } from 'knex';

/**
 * `dead`: a person must consent again. `orphaned`: a process died between the provider's answer and its own write, or the
 * answer is unknown. `expiring`: the access token expires within 15 minutes, or has expired and can be refreshed.
 */
export const GRANT_STATES = ['alive', 'expiring', 'dead', 'orphaned'] as const;
export type GrantState = (typeof GRANT_STATES)[number];

const DEAD = `(token.dead_at IS NOT NULL OR (token.refresh_token IS NULL AND token.expires_at <= now()))`;
const ORPHANED = `(token.refresh_attempt IS NOT NULL AND token.lease_until <= now())`;
const EXPIRING = `(token.expires_at <= now() + interval '15 minutes')`;

/** Columns that tell the state of a row `token` of oauth_tokens. */
export const STATE_COLUMNS = `${DEAD} IS TRUE AS "isDead", ${ORPHANED} IS TRUE AS "isOrphaned",
  ${EXPIRING} IS TRUE AS "isExpiring"`;

/** The rows of a state. Each row has one. */
export const IS_STATE: Readonly<Record<GrantState, string>> = {
  dead: `${DEAD} IS TRUE`,
  orphaned: `(${DEAD} IS NOT TRUE AND ${ORPHANED} IS TRUE)`,
  expiring: `(${DEAD} IS NOT TRUE AND ${ORPHANED} IS NOT TRUE AND ${EXPIRING} IS TRUE)`,
  alive: `(${DEAD} IS NOT TRUE AND ${ORPHANED} IS NOT TRUE AND ${EXPIRING} IS NOT TRUE)`,
};

/** What `STATE_COLUMNS` gives. */
export interface StateColumns {
  readonly isDead: boolean;
  readonly isOrphaned: boolean;
  readonly isExpiring: boolean;
}

export function stateOf({ isDead, isOrphaned, isExpiring }: StateColumns): GrantState {
  if (isDead) return 'dead';
  if (isOrphaned) return 'orphaned';
  return isExpiring ? 'expiring' : 'alive';
}

export interface GrantCounts {
  readonly states: Readonly<Record<GrantState, number>>;
  /** Grants whose refresh token expires within seven days. */
  readonly dying: number;
  /** The age of the oldest running lease. Null: none runs. */
  readonly oldestLeaseSeconds: number | null;
}

/** Grants that an operator should look at, by provider and reason. */
export interface Trouble {
  readonly organizationId: string;
  readonly providerId: string;
  readonly state: 'dead' | 'orphaned';
  readonly reason: string;
  readonly grants: number;
}

const COUNT = `
SELECT ${STATE_COLUMNS}, count(*)::integer AS grants,
  count(*) FILTER (WHERE token.refresh_expires_at < now() + interval '7 days' AND token.dead_at IS NULL)::integer AS dying,
  extract(epoch FROM max(now() - token.refresh_begun_at) FILTER (WHERE token.lease_until > now()))::double precision
    AS "oldestLeaseSeconds"
FROM oauth_tokens AS token GROUP BY 1, 2, 3`;

const TROUBLES = `
SELECT token.organization_id AS "organizationId", token.provider_id AS "providerId", 'dead' AS state,
  token.dead_reason AS reason, count(*)::integer AS grants
FROM oauth_tokens AS token WHERE token.dead_at IS NOT NULL GROUP BY 1, 2, 4
UNION ALL
SELECT token.organization_id, token.provider_id, 'orphaned',
  CASE WHEN token.refresh_problem IS NULL THEN 'process_died' ELSE token.refresh_problem END, count(*)::integer
FROM oauth_tokens AS token
WHERE token.refresh_attempt IS NOT NULL AND token.lease_until <= now() AND token.dead_at IS NULL GROUP BY 1, 2, 4
ORDER BY 1, 2, 3, 4`;

const DAY_MS = 86_400_000;

export type GrantStates = ReturnType<typeof grantStates>;

/** Operators' tasks over all organizations. */
export const grantStates = (db: Knex) => ({
  /** Reads all tokens, without a time limit. */
  count(): Promise<GrantCounts> {
    return db.transaction(async (transaction) => {
      await transaction.raw('SET LOCAL statement_timeout = 0');
      const { rows } = await transaction
        .raw<{
          rows: (StateColumns & { grants: number; dying: number; oldestLeaseSeconds: number | null })[];
        }>(COUNT)
        .options({ query_timeout: DAY_MS });
      const leases = rows.flatMap(({ oldestLeaseSeconds }) => oldestLeaseSeconds ?? []);
      const of = (state: GrantState) =>
        rows.reduce((sum, row) => sum + (stateOf(row) === state ? row.grants : 0), 0);
      return {
        states: {
          alive: of('alive'),
          expiring: of('expiring'),
          dead: of('dead'),
          orphaned: of('orphaned'),
        },
        dying: rows.reduce((sum, { dying }) => sum + dying, 0),
        oldestLeaseSeconds: leases.length === 0 ? null : Math.max(...leases),
      };
    });
  },

  /** Reads the grants in question only. */
  async troubles(): Promise<readonly Trouble[]> {
    return (await db.raw<{ rows: Trouble[] }>(TROUBLES)).rows;
  },
});
