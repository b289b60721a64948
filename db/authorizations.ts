import type { Knex } from 'knex';
import type { Sealed } from '../crypto/key-ring.ts';
import type { Actor } from './audit.ts';
import type { BatcherParts } from './postgres/batcher.ts';
import type { HotStatements } from './postgres/hot.ts';
import { createLanes } from './postgres/lanes.ts';
import type { Sharding } from './postgres/sharding.ts';

/** The status of an authorization. `pending` and `claimed` are open; with the others it has ended. */
export type AuthorizationStatus = 'pending' | 'claimed' | 'completed' | 'refused' | 'failed';

/** An authorization that is about to start. */
export interface NewAuthorization {
  readonly organizationId: string;
  /** 128 random bits in the form of a UUID. */
  readonly id: string;
  /** The user for whom the account is connected. */
  readonly userId: string;
  readonly providerId: string;
  readonly workspaceId: string;
  /** SHA-256 of the state. */
  readonly stateHash: Buffer;
  /** The state and the PKCE verifier. */
  readonly secrets: Sealed;
  readonly redirectUri: string;
  readonly scopes: readonly string[];
  readonly isDefault: boolean;
  readonly replacesTokenId: string | null;
  readonly agentId: string | null;
}

/** How many authorizations may be pending at once. */
export interface AuthorizationLimits {
  readonly perUser: number;
  readonly perOrganization: number;
}

/** `full`: too many are pending, of the user or of the organization. */
export type StartOutcome = 'started' | 'no-provider' | 'full';

/** The state of an authorization, for its waiters. Expired authorizations have none. */
export interface AuthorizationState {
  readonly organizationId: string;
  readonly id: string;
  readonly userId: string;
  readonly providerId: string;
  readonly agentId: string | null;
  readonly status: AuthorizationStatus;
  readonly tokenId: string | null;
}

/** How long an authorization lives. */
export const AUTHORIZATION_SECONDS = 600;

/**
 * Starts authorizations whose provider exists, within the limits. Stored authorizations and earlier ones of the list count.
 * The statement counts in groups, because Citus refuses a correlated count over a CTE. $1: a JSON array of authorizations.
 * $2: their organizations. $3 and $4: the limits of a user and of an organization.
 */
const START = `
WITH given AS (
  SELECT row.*, provider.settings_version, coalesce(provider.default_scopes, '{}') AS "defaultScopes"
  FROM ROWS FROM (json_to_recordset($1::json) AS (
    "organizationId" uuid, id uuid, "userId" text, "providerId" text, "workspaceId" uuid, "stateHash" text,
    secrets text, "secretsKey" text, "redirectUri" text, scopes text[], "isDefault" boolean,
    "replacesTokenId" uuid, "agentId" text, credential text, "requestId" text)) WITH ORDINALITY AS row
  JOIN oauth_providers AS provider
    ON provider.organization_id = row."organizationId" AND provider.provider_id = row."providerId"
    AND provider.deleting_at IS NULL
  WHERE provider.organization_id = ANY ($2::uuid[])
), pending AS (
  SELECT organization_id, user_id, count(*) AS of_user FROM authorizations
  WHERE organization_id = ANY ($2::uuid[]) AND status = 'pending' AND expires_at > now()
  GROUP BY organization_id, user_id
), pending_in_all AS (
  SELECT organization_id, sum(of_user) AS of_organization FROM pending GROUP BY organization_id
), counted AS (
  SELECT given.*,
    coalesce(of_user, 0)
      + row_number() OVER (PARTITION BY "organizationId", "userId" ORDER BY ordinality) AS "ofUser",
    coalesce(of_organization, 0)
      + row_number() OVER (PARTITION BY "organizationId" ORDER BY ordinality) AS "ofOrganization"
  FROM given
  LEFT JOIN pending ON pending.organization_id = "organizationId" AND pending.user_id = "userId"
  LEFT JOIN pending_in_all ON pending_in_all.organization_id = "organizationId"
), started AS (
  INSERT INTO authorizations AS new (organization_id, id, user_id, provider_id, provider_version, workspace_id,
    state_hash, secrets, secrets_key, redirect_uri, scopes, is_default, replaces_token_id, agent_id, credential,
    request_id, expires_at)
  SELECT owner.organization_id, id, "userId", "providerId", settings_version, "workspaceId", decode("stateHash", 'hex'),
    secrets, "secretsKey", "redirectUri", CASE WHEN cardinality(scopes) = 0 THEN "defaultScopes" ELSE scopes END,
    "isDefault", "replacesTokenId", "agentId", credential, "requestId", now() + interval '${AUTHORIZATION_SECONDS} s'
  FROM organizations AS owner JOIN counted ON "organizationId" = owner.organization_id
  WHERE owner.organization_id = ANY ($2::uuid[]) AND "ofUser" <= $3 AND "ofOrganization" <= $4
  RETURNING new.id
)
SELECT given.id, started.id IS NOT NULL AS "isStarted" FROM given LEFT JOIN started ON started.id = given.id`;

const STATES = `
SELECT begun.organization_id AS "organizationId", begun.id, begun.user_id AS "userId",
  begun.provider_id AS "providerId", begun.agent_id AS "agentId", begun.status, begun.token_id AS "tokenId"
FROM json_to_recordset(:given::json) AS given (organization_id uuid, id uuid)
JOIN authorizations AS begun ON begun.organization_id = given.organization_id AND begun.id = given.id
WHERE begun.organization_id = ANY (:organizationIds::uuid[]) AND begun.expires_at > now()`;

const SWEEP = `
WITH deleted AS (
  DELETE FROM authorizations
  USING (SELECT organization_id, id FROM authorizations WHERE expires_at < now() LIMIT :size) AS expired
  WHERE authorizations.organization_id = expired.organization_id AND authorizations.id = expired.id
  RETURNING authorizations.status
)
SELECT count(*)::integer AS deleted, count(*) FILTER (WHERE status = 'pending')::integer AS expired FROM deleted`;

/** Each organization once. A statement that names organizations needs only their shards. */
const organizationsOf = (rows: readonly { readonly organizationId: string }[]): string[] => [
  ...new Set(rows.map(({ organizationId }) => organizationId)),
];

/** About the bytes of a row without its secrets and scopes. */
const ROW_BYTES = 1024;

/** An authorization as the statement reads it. */
const startRow = ({ stateHash, secrets, ...authorization }: NewAuthorization, by: Actor) => ({
  ...authorization,
  stateHash: stateHash.toString('hex'),
  secrets: secrets.ciphertext,
  secretsKey: secrets.key,
  credential: by.credential,
  requestId: by.requestId,
});

type StartRow = ReturnType<typeof startRow>;

export type AuthorizationRepository = ReturnType<typeof authorizationRepository>;

/**
 * Consents under way. An expired one counts as gone.
 * @param sharding undefined: the tables are not distributed
 */
export function authorizationRepository(
  { db, hot }: { readonly db: Knex; readonly hot: HotStatements },
  { perUser, perOrganization }: AuthorizationLimits,
  sharding?: Pick<Sharding, 'nodeOf'>,
) {
  const parts: BatcherParts<StartRow, StartOutcome> = {
    async send(rows) {
      const found = await hot.query<{ id: string; isStarted: boolean }>({
        name: 'authorization',
        text: START,
        values: [JSON.stringify(rows), organizationsOf(rows), perUser, perOrganization],
      });
      const outcomes = new Map(found.map(({ id, isStarted }) => [id, isStarted]));
      return rows.map(({ id }) => {
        const isStarted = outcomes.get(id);
        if (isStarted === undefined) return 'no-provider';
        return isStarted ? 'started' : 'full';
      });
    },
    tenantOf: ({ organizationId }) => organizationId,
    sizeOf: ({ secrets, scopes }) => ROW_BYTES + secrets.length + scopes.join().length,
  };
  const starting = createLanes(parts, sharding);

  return {
    /**
     * Starts an authorization. The starts of one process share statements, so the limits hold for them. Several processes
     * can exceed the limits by the number that they start in the same moment.
     * @throws OverloadedError
     */
    start: (authorization: NewAuthorization, by: Actor): Promise<StartOutcome> =>
      starting.add(startRow(authorization, by)),

    /** Starts no more authorizations, and resolves once those under way are stored. */
    close: () => starting.close(),

    /** The states of these authorizations, in no order. Those that are missing have expired. */
    async states(
      references: readonly { readonly organizationId: string; readonly id: string }[],
    ): Promise<readonly AuthorizationState[]> {
      const given = references.map(({ organizationId, id }) => ({ organization_id: organizationId, id }));
      const { rows } = await db.raw<{ rows: AuthorizationState[] }>(STATES, {
        given: JSON.stringify(given),
        organizationIds: organizationsOf(references),
      });
      return rows;
    },

    /** Deletes expired authorizations of all organizations, `size` at most, and tells how many of them were pending. */
    async sweep(size: number): Promise<{ readonly deleted: number; readonly expired: number }> {
      const { rows } = await db.raw<{ rows: { deleted: number; expired: number }[] }>(SWEEP, { size });
      return rows[0] ?? { deleted: 0, expired: 0 };
    },
  };
}
