import { isUuid } from '../crypto/uuid.ts';
import type { TokenDeletions } from '../db/token-deletions.ts';
import { actor, type Handlers, type Reading } from '../server/contract.ts';
import { ApiError } from '../server/errors.ts';

interface Parts {
  readonly deletions: TokenDeletions;
  /** Asks providers to revoke deleted tokens. Resolves after `waitMs` milliseconds at the latest. */
  readonly settle: (
    of: { readonly organizationId: string; readonly ids: readonly string[] },
    waitMs: number,
  ) => Promise<void>;
}

const READS = {
  delete_oauth_tokens_for_user_v2_auth_tokens_delete: { query: { provider_id: true } },
  delete_single_oauth_token_v2_auth_tokens__token_id__delete: { path: { token_id: true } },
  revoke_all_slack_tokens_for_workspace_v2_auth_tokens_workspace_slack_delete: {},
} as const satisfies Reading;

/** How long the answer waits for the revocation, which then goes on behind it. */
const PATIENCE_MS = 3_000;

export const deletionHandlers = ({ deletions, settle }: Parts): Handlers<typeof READS> => ({
  async delete_oauth_tokens_for_user_v2_auth_tokens_delete(call) {
    const { organizationId, userId } = call.caller;
    const { provider_id } = call.query;
    const ids = await deletions.deleteOfUser(organizationId, userId, provider_id, actor(call));
    if (ids === undefined) throw new ApiError(404, 'OAuth provider not found');
    if (ids.length > 0) await settle({ organizationId, ids }, PATIENCE_MS);
    return { status: 200, body: { message: 'OAuth tokens deleted', provider_id, deleted: ids.length } };
  },

  async delete_single_oauth_token_v2_auth_tokens__token_id__delete(call) {
    const { organizationId, userId } = call.caller;
    const { token_id: id } = call.path;
    const isDeleted = isUuid(id) && (await deletions.deleteOne(organizationId, userId, id, actor(call)));
    if (!isDeleted) throw new ApiError(404, 'OAuth token not found');
    await settle({ organizationId, ids: [id] }, PATIENCE_MS);
    return { status: 204 };
  },

  async revoke_all_slack_tokens_for_workspace_v2_auth_tokens_workspace_slack_delete(call) {
    const { organizationId, workspaceId } = call.caller;
    const ids = await deletions.deleteOfWorkspace(organizationId, workspaceId, 'slack', actor(call));
    if (ids.length > 0) await settle({ organizationId, ids }, PATIENCE_MS);
    return { status: 200, body: { message: 'Slack tokens deleted', deleted: ids.length } };
  },
});
