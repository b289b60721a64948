import type { Seal } from '../crypto/key-ring.ts';
import type { ProviderDeletions } from '../db/provider-deletions.ts';
import type { Provider, ProviderRepository } from '../db/providers.ts';
import type { components } from '../generated/api.d.ts';
import { actor, type Handlers, type Reading } from '../server/contract.ts';
import { ApiError } from '../server/errors.ts';

interface Parts {
  readonly providers: ProviderRepository;
  readonly deletions: Pick<ProviderDeletions, 'delete'>;
  readonly seal: Seal;
  /** Tells the provider of deleted tokens, and resolves after so many milliseconds at the latest. */
  readonly settle: (of: { readonly organizationId: string }, waitMs: number) => Promise<void>;
}

/** The longest wait before a deletion is answered. */
const PATIENCE_MS = 3_000;

export const presentProvider = (provider: Provider): components['schemas']['OAuthProviderResponse'] => ({
  id: provider.id,
  organization_id: provider.organizationId,
  provider_id: provider.providerId,
  name: provider.name,
  client_id: provider.clientId,
  auth_url: provider.authUrl,
  token_url: provider.tokenUrl,
  uses_pkce: provider.usesPkce,
  code_challenge_method: provider.codeChallengeMethod,
  provider_type: provider.providerType,
  mcp_server_url: provider.mcpServerUrl,
  is_dynamic_client: provider.isDynamicClient,
  token_endpoint_auth_method: provider.tokenEndpointAuthMethod,
  created_at: provider.createdAt.toISOString(),
  updated_at: provider.updatedAt.toISOString(),
});

async function* presented(providers: AsyncIterable<Provider>) {
  for await (const provider of providers) yield presentProvider(provider);
}

function found(provider: Provider | undefined) {
  if (provider === undefined) throw new ApiError(404, 'OAuth provider not found');
  return { status: 200, body: presentProvider(provider) } as const;
}

const READS = {
  list_oauth_providers_v2_auth_providers_get: {},
  create_oauth_provider_v2_auth_providers_post: {
    body: {
      provider_id: true,
      name: true,
      client_id: true,
      client_secret: true,
      auth_url: true,
      token_url: true,
      uses_pkce: true,
      code_challenge_method: true,
      provider_type: true,
      token_endpoint_auth_method: true,
    },
  },
  get_oauth_provider_v2_auth_providers__provider_id__get: { path: { provider_id: true } },
  update_oauth_provider_v2_auth_providers__provider_id__patch: {
    path: { provider_id: true },
    body: {
      name: true,
      client_id: true,
      client_secret: true,
      auth_url: true,
      token_url: true,
      uses_pkce: true,
      code_challenge_method: true,
    },
  },
  delete_oauth_provider_v2_auth_providers__provider_id__delete: { path: { provider_id: true } },
} as const satisfies Reading;

export const providerHandlers = ({ providers, deletions, seal, settle }: Parts): Handlers<typeof READS> => {
  const sealed = (secret: string | null | undefined) => (typeof secret === 'string' ? seal(secret) : null);
  return {
    async list_oauth_providers_v2_auth_providers_get({ caller }) {
      return { status: 200, rows: presented(providers.list(caller.organizationId)) };
    },

    async create_oauth_provider_v2_auth_providers_post(call) {
      const { caller, body } = call;
      const given = {
        providerId: body.provider_id,
        name: body.name,
        clientId: body.client_id,
        clientSecret: sealed(body.client_secret),
        authUrl: body.auth_url,
        tokenUrl: body.token_url,
        usesPkce: body.uses_pkce,
        codeChallengeMethod: body.code_challenge_method,
        providerType: body.provider_type ?? null,
        tokenEndpointAuthMethod: body.token_endpoint_auth_method,
      };
      const created = await providers.create(caller.organizationId, given, actor(call));
      if (created === undefined) throw new ApiError(409, 'OAuth provider already exists');
      return { status: 200, body: presentProvider(created) };
    },

    async get_oauth_provider_v2_auth_providers__provider_id__get({ caller, path }) {
      return found(await providers.find(caller.organizationId, path.provider_id));
    },

    async update_oauth_provider_v2_auth_providers__provider_id__patch(call) {
      const { caller, path, body } = call;
      const change = {
        name: body.name,
        clientId: body.client_id,
        clientSecret: sealed(body.client_secret),
        authUrl: body.auth_url,
        tokenUrl: body.token_url,
        usesPkce: body.uses_pkce,
        codeChallengeMethod: body.code_challenge_method,
      };
      return found(await providers.update(caller.organizationId, path.provider_id, change, actor(call)));
    },

    async delete_oauth_provider_v2_auth_providers__provider_id__delete(call) {
      const { organizationId } = call.caller;
      const begun = performance.now();
      const { body } = found(await deletions.delete(organizationId, call.path.provider_id, actor(call)));
      await settle({ organizationId }, Math.max(0, PATIENCE_MS - (performance.now() - begun)));
      return { status: 200, body: { ...body, message: 'OAuth provider deleted' } };
    },
  };
};
