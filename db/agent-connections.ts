import { newId } from '../crypto/uuid.ts';
import { type Actor, ownedRows, recordedAs, recording } from './audit.ts';
import { retryDeadlock } from './postgres/errors.ts';
import type { Statements } from './postgres/statements.ts';

/** The token that an agent uses for a provider. */
export interface AgentConnection {
  readonly id: string;
  readonly agentId: string;
  readonly tokenId: string;
  readonly providerId: string;
  readonly label: string | null;
  readonly scopes: readonly string[];
  readonly expiresAt: Date | null;
  readonly createdBy: string;
  readonly createdAt: Date;
}

/** The reach of a caller: the connections of its user, or all of the organization. */
export interface ConnectionAccess {
  readonly organizationId: string;
  readonly userId: string;
  readonly mayReachAll: boolean;
}

export interface NewConnection extends ConnectionAccess {
  readonly agentId: string;
  /** A UUID. */
  readonly tokenId: string;
  /** False: only a token of the user can be connected. */
  readonly mayConnectAll: boolean;
}

const COLUMNS = `connection.id, connection.agent_id AS "agentId", connection.token_id AS "tokenId",
  connection.provider_id AS "providerId", token.provider_account_label AS label, token.scopes,
  token.expires_at AS "expiresAt", connection.created_by AS "createdBy", connection.created_at AS "createdAt"`;

/** Another user's connection is not replaced: the agent would silently go on with another account. */
const CREATE = `
WITH token AS (
  SELECT token.* FROM oauth_tokens AS token
  JOIN oauth_providers AS provider ON provider.organization_id = token.organization_id
    AND provider.provider_id = token.provider_id AND provider.deleting_at IS NULL
  WHERE token.organization_id = :organizationId AND token.id = :tokenId
    AND (:mayConnectAll OR token.user_id = :userId)
), connection AS (
  INSERT INTO agent_connections AS connection
    (organization_id, id, agent_id, provider_id, user_id, token_id, created_by)
  SELECT owner.organization_id, :id, :agentId, provider_id, user_id, token.id, :userId FROM ${ownedRows('token')}
  ON CONFLICT (organization_id, agent_id, provider_id) DO UPDATE
  SET id = excluded.id, user_id = excluded.user_id, token_id = excluded.token_id,
    created_by = excluded.created_by, created_at = excluded.created_at
  WHERE :mayReachAll OR connection.user_id = :userId OR connection.created_by = :userId
  RETURNING connection.*
), audited AS (
  ${recording('connection.create', 'connection', 'id')}
)
SELECT ${COLUMNS} FROM token LEFT JOIN connection ON connection.token_id = token.id`;

const LIST = `
SELECT ${COLUMNS}
FROM agent_connections AS connection
JOIN oauth_tokens AS token ON token.organization_id = connection.organization_id AND token.id = connection.token_id
JOIN oauth_providers AS provider ON provider.organization_id = connection.organization_id
  AND provider.provider_id = connection.provider_id AND provider.deleting_at IS NULL
WHERE connection.organization_id = :organizationId AND connection.agent_id = :agentId
  AND (:mayReachAll OR connection.user_id = :userId)
ORDER BY connection.id`;

const DELETE = `
WITH deleted AS (
  DELETE FROM agent_connections AS connection
  WHERE organization_id = :organizationId AND agent_id = :agentId AND id = :id
    AND (:mayReachAll OR user_id = :userId OR created_by = :userId)
  RETURNING connection.organization_id, connection.id
), audited AS (
  ${recording('connection.delete', 'deleted', 'id')}
)
SELECT id FROM deleted`;

export type AgentConnectionRepository = ReturnType<typeof agentConnectionRepository>;

/** At most one connection for each agent and provider. */
export function agentConnectionRepository(db: Statements) {
  const query = async <Row>(
    sql: string,
    bindings: Readonly<Record<string, string | boolean | null>>,
  ): Promise<readonly Row[]> => (await retryDeadlock(() => db.raw<{ rows: Row[] }>(sql, bindings))).rows;

  return {
    /**
     * Connects a token, in place of the agent's earlier connection to the provider.
     * @returns `no-token`: there is none that may be connected; `taken`: the agent has a connection that is out of reach
     */
    async create(wish: NewConnection, by: Actor): Promise<AgentConnection | 'no-token' | 'taken'> {
      const bindings = { ...wish, id: newId(), ...recordedAs(by) };
      const [row] = await query<Omit<AgentConnection, 'id'> & { readonly id: string | null }>(
        CREATE,
        bindings,
      );
      if (row === undefined) return 'no-token';
      return row.id === null ? 'taken' : { ...row, id: row.id };
    },

    /** The agent's connections: all of them, or those to tokens of the user. Oldest first. */
    list: (access: ConnectionAccess, agentId: string): Promise<readonly AgentConnection[]> =>
      query(LIST, { ...access, agentId }),

    /** False: the agent has no such connection (`id` is a UUID) within reach. */
    async delete(access: ConnectionAccess, agentId: string, id: string, by: Actor): Promise<boolean> {
      return (await query(DELETE, { ...access, agentId, id, ...recordedAs(by) })).length > 0;
    },
  };
}
