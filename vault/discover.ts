import type { Seal } from '../crypto/key-ring.ts';
import type { DiscoveredProvider, StoredClient } from '../db/discovered-providers.ts';
import {
  discoverResource,
  discoverServer,
  type ResourceMetadata,
  readChallenge,
  type ServerMetadata,
} from '../oauth/metadata.ts';
import { clientDocumentUrl, redirectUri } from '../oauth/provider-settings.ts';
import { preferredAuthMethod, type RegisteredClient, registerClient } from '../oauth/registration.ts';
import { OutboundError, type OutboundErrorKind } from '../outbound/errors.ts';
import type { Outbound } from '../outbound/outbound.ts';
import { isLoopback } from '../outbound/urls.ts';

type Request = Outbound['request'];

/** Why no provider was found. */
export type DiscoveryProblem =
  | 'address-not-allowed'
  | 'unreachable'
  | 'no-authorization'
  | 'wrong-resource'
  | 'no-server'
  | 'wrong-issuer'
  | 'no-pkce'
  | 'no-registration'
  | 'registration-refused';

export interface DiscoveryWish {
  readonly providerId: string;
  readonly name: string;
  readonly mcpServerUrl: string;
}

export interface DiscoveryParts {
  /** The organization's requests. */
  readonly request: Request;
  readonly seal: Seal;
  readonly publicUrl: string;
  /** Whether a server that does not list S256 is taken all the same. */
  readonly allowsUnadvertisedPkce: boolean;
}

const MAX_REQUESTS = 12;
const MAX_MS = 15_000;
const LIMITS = { timeoutMs: 5_000, maxBytes: 262_144 };

/** The first message of the protocol, which a server that wants authorization answers with 401. */
const INITIALIZE = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'tokenhold', version: '1' },
  },
});

/**
 * Finds the authorization server of an MCP server, and becomes its client (MCP authorization, revision 2025-11-25): the
 * protected resource's metadata (RFC 9728), the server's (RFC 8414), then a client id metadata document or a registration.
 */
export async function discoverProvider(
  parts: DiscoveryParts,
  wish: DiscoveryWish,
): Promise<DiscoveredProvider | DiscoveryProblem> {
  const request = limited(parts.request);
  const found = await findServer(request, wish.mcpServerUrl);
  if (typeof found === 'string') return found;
  const { server, resource, scopes } = found;
  const hasPkce = server.codeChallengeMethods?.includes('S256') === true;
  if (!hasPkce && !parts.allowsUnadvertisedPkce) return 'no-pkce';
  const registered = await becomeClient({ ...parts, request }, wish.providerId, server, scopes);
  if (typeof registered === 'string') return registered;
  return {
    ...wish,
    issuer: server.issuer,
    sendsIssuer: server.sendsIssuer,
    resource,
    defaultScopes: scopes,
    authUrl: server.authorizationEndpoint,
    tokenUrl: server.tokenEndpoint,
    revocationEndpoint: server.revocationEndpoint ?? null,
    ...registered,
  };
}

/** Limits all requests of one discovery together. */
function limited(request: Request): Request {
  const signal = AbortSignal.timeout(MAX_MS);
  let left = MAX_REQUESTS;
  return async (given) => {
    left -= 1;
    if (left < 0) throw new OutboundError('cancelled', false);
    return request({ ...given, signal });
  };
}

interface FoundServer {
  readonly server: ServerMetadata;
  /** As RFC 8707 sends it. */
  readonly resource: string;
  readonly scopes: readonly string[];
}

async function findServer(request: Request, url: string): Promise<FoundServer | DiscoveryProblem> {
  const challenge = await ask(request, url);
  if (typeof challenge === 'string') return challenge;
  const named = await discoverResource(request, url, challenge.resourceMetadata);
  if (named.outcome === 'mismatch' || named.outcome === 'incomplete') return 'wrong-resource';
  if (named.outcome === 'absent' && challenge.isOpen) return 'no-authorization';
  // Servers of the revision 2025-03-26 have no document: their own origin is the issuer.
  const resource: ResourceMetadata =
    named.outcome === 'found'
      ? named.metadata
      : { resource: url, authorizationServers: [new URL(url).origin, `${new URL(url).origin}/`] };
  let problem: DiscoveryProblem = 'no-server';
  for (const issuer of resource.authorizationServers) {
    const server = await discoverServer(request, issuer);
    if (server.outcome === 'found') {
      const wanted = challenge.scopes ?? resource.scopes ?? [];
      return {
        server: server.metadata,
        resource: resource.resource,
        scopes: withRefresh(wanted, server.metadata),
      };
    }
    if (server.outcome === 'mismatch') problem = 'wrong-issuer';
  }
  return problem;
}

/** Without this scope, some servers give no refresh token. */
const withRefresh = (
  scopes: readonly string[],
  { scopes: offered = [] }: ServerMetadata,
): readonly string[] =>
  scopes.length > 0 && offered.includes('offline_access')
    ? [...new Set([...scopes, 'offline_access'])]
    : scopes;

const PROBLEMS: { readonly [Kind in OutboundErrorKind]?: DiscoveryProblem } = {
  refused: 'address-not-allowed',
};

/** Asks the MCP server without a token. `isOpen`: it did not ask for one. */
async function ask(request: Request, url: string) {
  try {
    const { status, headers } = await request({
      purpose: 'mcp',
      url,
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
      body: INITIALIZE,
      ...LIMITS,
    });
    const field = headers['www-authenticate'];
    const isOpen = status >= 200 && status < 300;
    return { isOpen, ...(status === 401 && field !== undefined && readChallenge(field)) };
  } catch (error) {
    const kind = error instanceof OutboundError ? error.kind : 'unreachable';
    return PROBLEMS[kind] ?? 'unreachable';
  }
}

type Client = Pick<DiscoveredProvider, 'client' | 'registrationEndpoint'>;

async function becomeClient(
  { request, seal, publicUrl }: Omit<DiscoveryParts, 'allowsUnadvertisedPkce'>,
  providerId: string,
  server: ServerMetadata,
  scopes: readonly string[],
): Promise<Client | DiscoveryProblem> {
  const { protocol, hostname } = new URL(publicUrl);
  if (server.takesClientIdMetadataDocument && protocol === 'https:' && !isLoopback(hostname)) {
    return { client: publicClient(clientDocumentUrl(publicUrl, providerId)), registrationEndpoint: null };
  }
  const { registrationEndpoint, tokenEndpointAuthMethods } = server;
  const method = preferredAuthMethod(tokenEndpointAuthMethods);
  if (registrationEndpoint === undefined || method === undefined) return 'no-registration';
  const client = await register(request, registrationEndpoint, { publicUrl, providerId, scopes, method });
  return client === undefined
    ? 'registration-refused'
    : { client: stored(client, seal), registrationEndpoint };
}

const publicClient = (clientId: string): StoredClient => ({
  clientId,
  clientSecret: null,
  clientSecretExpiresAt: null,
  tokenEndpointAuthMethod: 'none',
  registrationToken: null,
  registrationUri: null,
});

interface Registration {
  readonly publicUrl: string;
  readonly providerId: string;
  readonly scopes: readonly string[];
  readonly method: RegisteredClient['tokenEndpointAuthMethod'];
}

/** Undefined: the server refused, or its answer is lost. */
export async function register(
  request: Request,
  endpoint: string,
  { publicUrl, providerId, scopes, method }: Registration,
): Promise<RegisteredClient | undefined> {
  const result = await registerClient(request, endpoint, {
    clientName: 'Tokenhold',
    clientUri: publicUrl,
    redirectUri: redirectUri(publicUrl, providerId),
    scopes,
    tokenEndpointAuthMethod: method,
  });
  return result.outcome === 'registered' ? result.client : undefined;
}

/** What came back, not what was asked for. */
export const stored = (client: RegisteredClient, seal: Seal): StoredClient => ({
  clientId: client.clientId,
  clientSecret: client.clientSecret === null ? null : seal(client.clientSecret),
  clientSecretExpiresAt: client.clientSecretExpiresAt,
  tokenEndpointAuthMethod: client.tokenEndpointAuthMethod,
  registrationToken: client.registrationAccessToken === null ? null : seal(client.registrationAccessToken),
  registrationUri: client.registrationClientUri,
});
