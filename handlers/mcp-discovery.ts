import type { Actor } from '../db/audit.ts';
import type { DiscoveredProvider, DiscoveredProviders } from '../db/discovered-providers.ts';
import { ProviderBeingDeletedError } from '../db/providers.ts';
import { isProviderId } from '../oauth/provider.ts';
import { clientDocumentUrl, redirectUri } from '../oauth/provider-settings.ts';
import { clientMetadata } from '../oauth/registration.ts';
import { actor, type Handlers, type Reading } from '../server/contract.ts';
import { ApiError } from '../server/errors.ts';
import type { ServicePage } from '../server/serving.ts';
import type { DiscoveryProblem, DiscoveryWish } from '../vault/discover.ts';
import { presentProvider } from './providers.ts';

interface Parts {
  readonly discovered: Pick<DiscoveredProviders, 'find' | 'create'>;
  readonly discover: (
    organizationId: string,
    wish: DiscoveryWish,
  ) => Promise<DiscoveredProvider | DiscoveryProblem>;
}

const READS = {
  create_mcp_oauth_provider_v2_auth_providers_mcp_discover_post: {
    body: { provider_id: true, name: true, mcp_server_url: true },
  },
} as const satisfies Reading;

/** The ends of the answer's sentence. None says what a server answered. */
const PROBLEMS: Readonly<Record<DiscoveryProblem, string>> = {
  'address-not-allowed': 'this address is not allowed',
  unreachable: 'the MCP server cannot be reached',
  'no-authorization': 'the MCP server asks for no authorization',
  'wrong-resource': 'the metadata of the MCP server is incomplete or names another resource',
  'no-server': 'no metadata of its authorization server were found: create the provider by hand',
  'wrong-issuer': 'the metadata of its authorization server name another issuer',
  'no-pkce': 'its authorization server does not list PKCE with S256 (MCP_ALLOW_UNADVERTISED_PKCE)',
  'no-registration': 'its authorization server registers no clients: create the provider by hand',
  'registration-refused':
    'its authorization server refused to register a client: create the provider by hand',
};

const taken = () => new ApiError(409, 'OAuth provider already exists');

export const mcpDiscoveryHandlers = ({ discovered, discover }: Parts): Handlers<typeof READS> => ({
  async create_mcp_oauth_provider_v2_auth_providers_mcp_discover_post(call) {
    const { caller, body } = call;
    const { organizationId } = caller;
    const { provider_id: providerId, name, mcp_server_url: mcpServerUrl } = body;
    const state = await discovered.find(organizationId, providerId);
    if (state === 'taken') throw taken();
    if (state === 'being-deleted') throw new ProviderBeingDeletedError();
    const found = await discover(organizationId, { providerId, name, mcpServerUrl });
    if (typeof found === 'string') throw refused(found);
    const by: Actor = actor(call);
    const created = await discovered.create(organizationId, found, by);
    if (created === undefined) throw taken();
    return { status: 200, body: presentProvider(created) };
  },
});

const refused = (problem: DiscoveryProblem): ApiError =>
  new ApiError(422, [
    { loc: ['body', 'mcp_server_url'], msg: `Discovery failed: ${PROBLEMS[problem]}`, type: 'mcp_discovery' },
  ]);

/**
 * The client id metadata document of each provider (draft-ietf-oauth-client-id-metadata-document). It follows from the
 * name alone, so that it tells nothing about which providers there are.
 */
export const clientDocuments = (publicUrl: string): readonly ServicePage[] => [
  {
    method: 'GET',
    path: '/oauth/clients/{provider_id}',
    async serve({ path }) {
      const providerId = String(path['provider_id']);
      if (!isProviderId(providerId)) throw new ApiError(404, 'Not Found');
      const described = clientMetadata({
        clientName: 'Tokenhold',
        clientUri: publicUrl,
        redirectUri: redirectUri(publicUrl, providerId),
        scopes: [],
        tokenEndpointAuthMethod: 'none',
      });
      return { status: 200, body: { client_id: clientDocumentUrl(publicUrl, providerId), ...described } };
    },
  },
];
