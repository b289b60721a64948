import type { Cipher } from '../crypto/fernet.ts';
import { newId } from '../db/id.ts';
import type { tokenRepository } from '../db/tokens.ts';
import type { Handlers } from '../server/contract.ts';
import { ApiError } from '../server/errors.ts';

interface Parts {
  readonly tokens: ReturnType<typeof tokenRepository>;
  readonly cipher: Cipher;
}

export const tokenHandlers = ({
  tokens,
  cipher,
}: Parts): Handlers<'import_oauth_token_v2_auth_tokens_import_post'> => ({
  async import_oauth_token_v2_auth_tokens_import_post({ caller, requestId, body }) {
    const id = newId();
    const isStored = await tokens.import({
      organizationId: caller.organizationId,
      id,
      userId: caller.userId,
      providerId: body.provider_id,
      workspaceId: caller.workspaceId,
      accessToken: cipher.encrypt(body.access_token),
      refreshToken: typeof body.refresh_token === 'string' ? cipher.encrypt(body.refresh_token) : null,
      scopes: body.scopes ?? [],
      metadata: body.metadata ?? null,
      expiresInSeconds: body.expires_in_seconds ?? null,
      isDefault: body.is_default ?? true,
      auditId: newId(),
      credential: caller.credential,
      requestId,
    });
    if (!isStored) throw new ApiError(404, 'OAuth provider not found');
    return { status: 200, body: { token_id: id } };
  },
});
