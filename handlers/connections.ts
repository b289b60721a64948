import { isUuid } from '../crypto/uuid.ts';
import type {
  AgentConnection,
  AgentConnectionRepository,
  ConnectionAccess,
} from '../db/agent-connections.ts';
import type { components } from '../generated/api.d.ts';
import type { Caller } from '../security/caller.ts';
import { actor, type Handlers, type Reading } from '../server/contract.ts';
import { ApiError } from '../server/errors.ts';

interface Parts {
  readonly connections: AgentConnectionRepository;
}

const READS = {
  list_connections_v2_auth_agents__agent_id__connections_get: { path: { agent_id: true } },
  create_connection_v2_auth_agents__agent_id__connections_post: {
    path: { agent_id: true },
    body: { oauth_token_id: true },
  },
  remove_connection_v2_auth_agents__agent_id__connections__connection_id__delete: {
    path: { agent_id: true, connection_id: true },
  },
} as const satisfies Reading;

const present = (connection: AgentConnection): components['schemas']['AgentConnectionResponse'] => ({
  id: connection.id,
  agent_id: connection.agentId,
  oauth_token_id: connection.tokenId,
  provider_id: connection.providerId,
  provider_account_label: connection.label,
  scopes: [...connection.scopes],
  expires_at: connection.expiresAt?.toISOString() ?? null,
  created_by: connection.createdBy,
  created_at: connection.createdAt.toISOString(),
});

/** Admins, and callers that act for their organization, reach the connections of all users. */
const accessOf = ({ organizationId, userId, role, actsFor }: Caller): ConnectionAccess => ({
  organizationId,
  userId,
  mayReachAll: role === 'admin' || actsFor === 'organization',
});

export const connectionHandlers = ({ connections }: Parts): Handlers<typeof READS> => ({
  async list_connections_v2_auth_agents__agent_id__connections_get({ caller, path }) {
    const found = await connections.list(accessOf(caller), path.agent_id);
    return { status: 200, body: { data: found.map(present) } };
  },

  async create_connection_v2_auth_agents__agent_id__connections_post(call) {
    const { caller, path, body } = call;
    const tokenId = body.oauth_token_id;
    const mayConnectAll = caller.actsFor === 'organization';
    const wish = { ...accessOf(caller), agentId: path.agent_id, tokenId, mayConnectAll };
    const created = isUuid(tokenId) ? await connections.create(wish, actor(call)) : 'no-token';
    if (created === 'no-token') throw new ApiError(404, 'OAuth token not found');
    if (created === 'taken') throw new ApiError(409, 'Agent is connected to this provider already');
    return { status: 201, body: present(created) };
  },

  async remove_connection_v2_auth_agents__agent_id__connections__connection_id__delete(call) {
    const { agent_id, connection_id: id } = call.path;
    const isRemoved =
      isUuid(id) && (await connections.delete(accessOf(call.caller), agent_id, id, actor(call)));
    if (!isRemoved) throw new ApiError(404, 'Agent connection not found');
    return { status: 204 };
  },
});
