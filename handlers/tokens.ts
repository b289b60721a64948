import type { Seal } from '../crypto/key-ring.ts';
import { isUuid } from '../crypto/uuid.ts';
import { repeatable } from '../db/idempotency-keys.ts';
import type { ImportRepository } from '../db/imports.ts';
import type { TokenSummary, tokenRepository } from '../db/tokens.ts';
import type { components } from '../generated/api.d.ts';
import { actor, type Handlers, type Reading } from '../server/contract.ts';
import { ApiError } from '../server/errors.ts';
import type { createExpiryHints } from '../server/likely-mistakes.ts';

interface Parts {
  /** Called with each import that is stored. */
  readonly onImport: ReturnType<typeof createExpiryHints>;
  readonly imports: ImportRepository;
  readonly tokens: ReturnType<typeof tokenRepository>;
  readonly seal: Seal;
}

const present = (token: TokenSummary): components['schemas']['OAuthTokenSummary'] => ({
  id: token.id,
  provider_id: token.providerId,
  provider_account_label: token.label,
  scopes: token.scopes,
  expires_at: token.expiresAt?.toISOString() ?? null,
  is_default: token.isDefault,
  created_at: token.createdAt.toISOString(),
  updated_at: token.updatedAt.toISOString(),
});

async function* presented(tokens: AsyncIterable<TokenSummary>) {
  for await (const token of tokens) yield present(token);
}

const READS = {
  import_oauth_token_v2_auth_tokens_import_post: {
    body: {
      provider_id: true,
      access_token: true,
      refresh_token: true,
      expires_in_seconds: true,
      scopes: true,
      metadata: true,
      is_default: true,
    },
  },
  list_oauth_tokens_for_user_v2_auth_tokens_get: { query: { provider_id: true } },
  check_oauth_token_exists_v2_auth_tokens_exists_get: { query: { provider_id: true } },
  update_token_label_v2_auth_tokens__token_id__metadata_patch: {
    path: { token_id: true },
    body: { provider_account_label: true, is_default: true },
  },
  check_workspace_slack_tokens_exist_v2_auth_tokens_workspace_slack_exists_get: {},
} as const satisfies Reading;

export const tokenHandlers = ({ imports, tokens, seal, onImport }: Parts): Handlers<typeof READS> => ({
  async import_oauth_token_v2_auth_tokens_import_post(call) {
    const { caller, body, idempotencyKey } = call;
    const token = {
      organizationId: caller.organizationId,
      userId: caller.userId,
      providerId: body.provider_id,
      workspaceId: caller.workspaceId,
      accessToken: seal(body.access_token),
      refreshToken: typeof body.refresh_token === 'string' ? seal(body.refresh_token) : null,
      scopes: body.scopes ?? [],
      metadata: body.metadata ?? null,
      expiresInSeconds: body.expires_in_seconds ?? null,
      isDefault: body.is_default ?? true,
    };
    const repeating =
      idempotencyKey === undefined
        ? undefined
        : repeatable(caller.userId, idempotencyKey, [caller.workspaceId, body]);
    const id = await imports.store(token, actor(call), repeating);
    if (id === undefined) throw new ApiError(404, 'OAuth provider not found');
    onImport(call);
    return { status: 200, body: { token_id: id } };
  },

  async list_oauth_tokens_for_user_v2_auth_tokens_get({ caller, query }) {
    return {
      status: 200,
      rows: presented(tokens.list(caller.organizationId, caller.userId, query.provider_id)),
    };
  },

  async check_oauth_token_exists_v2_auth_tokens_exists_get({ caller, query }) {
    const { organizationId, userId } = caller;
    return {
      status: 200,
      body: { has_token: await tokens.exists(organizationId, userId, query.provider_id) },
    };
  },

  async update_token_label_v2_auth_tokens__token_id__metadata_patch(call) {
    const { caller, path, body } = call;
    const change = {
      label: body.provider_account_label ?? undefined,
      isDefault: body.is_default ?? undefined,
    };
    const updated = isUuid(path.token_id)
      ? await tokens.update(caller.organizationId, caller.userId, path.token_id, change, actor(call))
      : undefined;
    if (updated === undefined) throw new ApiError(404, 'OAuth token not found');
    return { status: 200, body: present(updated) };
  },

  async check_workspace_slack_tokens_exist_v2_auth_tokens_workspace_slack_exists_get({ caller }) {
    const { organizationId, workspaceId } = caller;
    return {
      status: 200,
      body: { has_token: await tokens.existsInWorkspace(organizationId, workspaceId, 'slack') },
    };
  },
});
