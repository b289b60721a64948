import { newId } from '../crypto/uuid.ts';
import type { Actor } from './audit.ts';
import { createBatcher } from './postgres/batcher.ts';
import type { HotStatements } from './postgres/hot.ts';

/** A request for the access token of one user for one provider. */
export interface ReleaseRequest {
  readonly organizationId: string;
  /** The owner of the token. */
  readonly userId: string;
  readonly providerId: string;
  /** The token that is meant; null: the default, or without one the newest that fits. */
  readonly tokenId: string | null;
  /** Empty: any token fits. */
  readonly scopes: readonly string[];
  /** How long the access token must still be valid, in seconds, where its expiry is known. */
  readonly minSeconds: number;
  /** False: the token is only looked at; nothing is released and nothing is recorded. */
  readonly isReleased: boolean;
  readonly agentId: string | null;
  /** Whose tokens a connection of the agent may lead to: the user's, or any. Null: connections are left alone. */
  readonly connectionsOf: 'user' | 'organization' | null;
}

/** The token that answers a request, whether it may be used or not. */
export interface ChosenToken {
  readonly id: string;
  readonly ownerId: string;
  /** Whether the token was chosen by a connection of the agent. */
  readonly isConnected: boolean;
  /** The ciphertext of the access token; null unless the token is released. */
  readonly accessToken: string | null;
  readonly metadata: Readonly<Record<string, unknown>> | null;
  /** Granted, and asked for at the consent. */
  readonly scopes: readonly string[];
  readonly expiresAt: Date | null;
  /** Whether the token was granted the requested scopes, as far as anybody knows. */
  readonly isFitting: boolean;
  /** Whether the access token is valid for long enough, or its expiry is unknown. */
  readonly isValid: boolean;
  /** Whether the grant is alive, and there is a refresh token. */
  readonly isRefreshable: boolean;
  /** Whether the access token will expire within 15 minutes, or has less than half its life left. */
  readonly isExpiring: boolean;
}

/** The answer of an organization that has the provider. */
export interface Release {
  /** Undefined: the user has no such token. */
  readonly token: ChosenToken | undefined;
}

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
 * Any number of releases in one statement. Each chooses its token. The audit record of a released token is written by the
 * same statement, so it is there before the token leaves the database.
 */
export const RELEASE = `
WITH given AS (
  SELECT row.*, connection.id IS NOT NULL AS "isConnected", default_tokens.token_id AS "defaultId",
    CASE WHEN connection.id IS NULL THEN row."userId" ELSE connection.user_id END AS "ownerId",
    coalesce(row."tokenId", connection.token_id) AS "namedId"
  FROM ROWS FROM (json_to_recordset($1::json) AS (
    "organizationId" uuid, "userId" text, "providerId" text, "tokenId" uuid, scopes text[], "minSeconds" integer,
    "isReleased" boolean, "agentId" text, "connectionsOf" text, "auditId" uuid, "auditUserId" text, credential text, "requestId" text)) AS row
  JOIN oauth_providers AS provider
    ON provider.organization_id = row."organizationId" AND provider.provider_id = row."providerId"
    AND provider.deleting_at IS NULL
  LEFT JOIN agent_connections AS connection ON connection.organization_id = row."organizationId"
    AND connection.agent_id = row."agentId" AND connection.provider_id = row."providerId" AND row."tokenId" IS NULL
    AND (row."connectionsOf" = 'organization' OR (row."connectionsOf" = 'user' AND connection.user_id = row."userId"))
  LEFT JOIN default_tokens ON default_tokens.organization_id = row."organizationId"
    AND default_tokens.user_id = row."userId" AND default_tokens.provider_id = row."providerId"
), chosen AS (
  SELECT given."organizationId", given."auditId", given."auditUserId", given.credential, given."requestId",
    given."agentId", given."isReleased", given."ownerId", given."isConnected", token.*
  FROM given
  LEFT JOIN LATERAL (
    SELECT ${CHOSEN} FROM oauth_tokens AS token
    WHERE ${OWN} AND token.id = coalesce(given."namedId", given."defaultId")
    UNION ALL
    (SELECT ${CHOSEN} FROM oauth_tokens AS token
    WHERE given."namedId" IS NULL AND given."defaultId" IS NULL AND ${OWN} AND ${FITS}
    ORDER BY token.id DESC LIMIT 1)
  ) AS token ON true
), released AS (
  INSERT INTO audit_records AS record
    (organization_id, id, user_id, credential, action, object_id, request_id, agent_id)
  SELECT "organizationId", "auditId", "auditUserId", credential, 'token.release', chosen.id, "requestId", "agentId"
  FROM chosen WHERE "isReleased" AND "isFitting" AND "isValid"
  RETURNING record.id
)
SELECT chosen."auditId", chosen.id, chosen."ownerId", chosen."isConnected", chosen.metadata, chosen.scopes, chosen."expiresAt", chosen."isFitting",
  chosen."isValid", chosen."isRefreshable", chosen."isExpiring",
  CASE WHEN released.id IS NOT NULL THEN chosen.access_token END AS "accessToken"
FROM chosen LEFT JOIN released ON released.id = chosen."auditId"`;

type ReleasedRow = Omit<ChosenToken, 'id'> & { readonly auditId: string; readonly id: string | null };

/** A request that waits for its statement. */
interface Row {
  readonly organizationId: string;
  readonly auditId: string;
  readonly json: string;
}

/** About the bytes of an answer. They are more than those of its request. */
const ANSWER_BYTES = 2048;

const json = (auditId: string, request: ReleaseRequest, by: Actor): string =>
  JSON.stringify({
    organizationId: request.organizationId,
    userId: request.userId,
    providerId: request.providerId,
    tokenId: request.tokenId,
    scopes: request.scopes,
    minSeconds: request.minSeconds,
    isReleased: request.isReleased,
    agentId: request.agentId,
    connectionsOf: request.connectionsOf,
    auditId,
    auditUserId: by.userId,
    credential: by.credential,
    requestId: by.requestId,
  });

export type ReleaseRepository = ReturnType<typeof releaseRepository>;

/** Tokens that are given out, batched under load. */
export function releaseRepository(hot: HotStatements) {
  const batcher = createBatcher<Row, Release | undefined>({
    async send(rows) {
      const values = [`[${rows.map((row) => row.json).join()}]`];
      const chosen = await hot.query<ReleasedRow>({ name: 'release', text: RELEASE, values });
      const found = new Map(chosen.map((row) => [row.auditId, row]));
      return rows.map(({ auditId }) => {
        const row = found.get(auditId);
        if (row === undefined) return undefined;
        const { id, ...token } = row;
        return { token: id === null ? undefined : { ...token, id } };
      });
    },
    tenantOf: ({ organizationId }) => organizationId,
    sizeOf: ({ json }) => json.length + ANSWER_BYTES,
  });
  return {
    /**
     * Chooses the token of a request and, where it is released, records that in the same statement.
     * @returns undefined: the organization has no such provider
     * @throws OverloadedError
     */
    release(request: ReleaseRequest, by: Actor): Promise<Release | undefined> {
      const auditId = newId();
      return batcher.add({
        organizationId: request.organizationId,
        auditId,
        json: json(auditId, request, by),
      });
    },

    /** Takes no more requests, and resolves once those under way are answered. */
    close: () => batcher.close(),
  };
}
