import { type Columns, manyRows, oneRow } from './postgres/rows.ts';

/** A request as the statement reads it. */
export interface ReleaseRow {
  readonly organizationId: string;
  readonly userId: string;
  readonly providerId: string;
  readonly tokenId: string | null;
  readonly scopes: readonly string[];
  readonly minSeconds: number;
  readonly isReleased: boolean;
  readonly agentId: string | null;
  readonly connectionsOf: string | null;
  readonly auditId: string;
  readonly auditUserId: string;
  readonly credential: string;
  readonly requestId: string | null;
}

export const RELEASE_COLUMNS: Columns<ReleaseRow> = {
  organizationId: 'uuid',
  userId: 'text',
  providerId: 'text',
  tokenId: 'uuid',
  scopes: 'text[]',
  minSeconds: 'integer',
  isReleased: 'boolean',
  agentId: 'text',
  connectionsOf: 'text',
  auditId: 'uuid',
  auditUserId: 'text',
  credential: 'text',
  requestId: 'text',
};

/**
 * Whether the token fits the scopes. Granted scopes and scopes that were requested at the consent count alike, because some
 * providers grant without naming scopes. An imported token without scopes fits any request.
 */
const FITS = `(given.scopes <@ (token.scopes || coalesce(token.requested_scopes, '{}'))
    OR (token.requested_scopes IS NULL AND cardinality(token.scopes) = 0))`;

const OWN = `token.organization_id = given."organizationId" AND token.provider_id = given."providerId"
    AND token.user_id = given."ownerId"`;

const CHOSEN = `token.id, token.access_token, token.metadata, (token.refresh_token IS NOT NULL AND token.dead_at IS NULL) AS "isRefreshable",
      (token.expires_at < now() + least(interval '15 minutes',
        (token.expires_at - coalesce(token.received_at, token.created_at)) / 2)) IS TRUE AS "isExpiring",
      token.scopes || coalesce(token.requested_scopes, '{}') AS scopes, token.expires_at AS "expiresAt",
      ${FITS} AS "isFitting",
      (token.expires_at IS NULL OR token.expires_at > now() + make_interval(secs => given."minSeconds")) AS "isValid"`;

/**
 * The tokens of requests, as the CTE `chosen`.
 * @param rows the requests
 * @param organization the parameter of the organization that all requests name; absent: each names its own
 */
function choosing(rows: string, organization?: string): string {
  const of = (table: string) =>
    organization === undefined ? '' : ` AND ${table}.organization_id = ${organization}`;
  const own = `${OWN}${of('token')}`;
  return `given AS (
  SELECT row.*, connection.id IS NOT NULL AS "isConnected", default_tokens.token_id AS "defaultId",
    CASE WHEN connection.id IS NULL THEN row."userId" ELSE connection.user_id END AS "ownerId",
    coalesce(row."tokenId", connection.token_id) AS "namedId"
  FROM ${rows}
  JOIN oauth_providers AS provider
    ON provider.organization_id = row."organizationId" AND provider.provider_id = row."providerId"
    AND provider.deleting_at IS NULL${of('provider')}
  LEFT JOIN agent_connections AS connection ON connection.organization_id = row."organizationId"
    AND connection.agent_id = row."agentId" AND connection.provider_id = row."providerId" AND row."tokenId" IS NULL
    AND (row."connectionsOf" = 'organization' OR (row."connectionsOf" = 'user' AND connection.user_id = row."userId"))${of('connection')}
  LEFT JOIN default_tokens ON default_tokens.organization_id = row."organizationId"
    AND default_tokens.user_id = row."userId" AND default_tokens.provider_id = row."providerId"${of('default_tokens')}
), chosen AS (
  SELECT given."organizationId", given."auditId", given."auditUserId", given.credential, given."requestId",
    given."agentId", given."isReleased", given."ownerId", given."isConnected", token.*
  FROM given
  LEFT JOIN LATERAL (
    SELECT ${CHOSEN} FROM oauth_tokens AS token
    WHERE ${own} AND token.id = coalesce(given."namedId", given."defaultId")
    UNION ALL
    (SELECT ${CHOSEN} FROM oauth_tokens AS token
    WHERE given."namedId" IS NULL AND given."defaultId" IS NULL AND ${own} AND ${FITS}
    ORDER BY token.id DESC LIMIT 1)
  ) AS token ON true
)`;
}

const ANSWER = `chosen."auditId", chosen.id, chosen."ownerId", chosen."isConnected", chosen.metadata, chosen.scopes, chosen."expiresAt", chosen."isFitting",
  chosen."isValid", chosen."isRefreshable", chosen."isExpiring"`;

/**
 * Releases in one statement. Each chooses its token. The audit record of a released token is written by the same statement,
 * so it is there before the token leaves the database.
 */
const releasing = (rows: string): string => `
WITH ${choosing(rows)}, released AS (
  INSERT INTO audit_records AS record
    (organization_id, id, user_id, credential, action, object_id, request_id, agent_id)
  SELECT "organizationId", "auditId", "auditUserId", credential, 'token.release', chosen.id, "requestId", "agentId"
  FROM chosen WHERE "isReleased" AND "isFitting" AND "isValid"
  RETURNING record.id
)
SELECT ${ANSWER},
  CASE WHEN released.id IS NOT NULL THEN chosen.access_token END AS "accessToken"
FROM chosen LEFT JOIN released ON released.id = chosen."auditId"`;

/** Any number of releases: `$1` is a JSON array. */
export const RELEASE = releasing(manyRows(RELEASE_COLUMNS));

/** One release: its columns are the parameters. */
export const RELEASE_SINGLE = releasing(oneRow(RELEASE_COLUMNS));

/**
 * The tokens of requests, `$1`, of one organization, `$2`: so Citus sends the statement to one shard as it is. The caller
 * records the release of a token before it hands the token on.
 */
export const CHOOSE = `
WITH ${choosing(manyRows(RELEASE_COLUMNS), '$2')}
SELECT ${ANSWER},
  CASE WHEN "isReleased" AND "isFitting" AND "isValid" THEN chosen.access_token END AS "accessToken"
FROM chosen`;
