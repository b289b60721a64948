import type { Sealed } from '../crypto/key-ring.ts';
import { newId } from '../crypto/uuid.ts';
import { type Actor, recordedAs, recording, SERVICE } from './audit.ts';
import type { Statements } from './postgres/statements.ts';
import { PROVIDER_COLUMNS, type Provider, type TokenEndpointAuthMethod } from './providers.ts';

/** A client as the authorization server registered it. */
export interface StoredClient {
  readonly clientId: string;
  readonly clientSecret: Sealed | null;
  readonly clientSecretExpiresAt: Date | null;
  readonly tokenEndpointAuthMethod: TokenEndpointAuthMethod;
  readonly registrationToken: Sealed | null;
  readonly registrationUri: string | null;
}

/** A provider that was found through an MCP server. */
export interface DiscoveredProvider {
  readonly providerId: string;
  readonly name: string;
  readonly mcpServerUrl: string;
  readonly issuer: string;
  readonly sendsIssuer: boolean;
  readonly resource: string;
  readonly defaultScopes: readonly string[];
  readonly authUrl: string;
  readonly tokenUrl: string;
  readonly revocationEndpoint: string | null;
  /** Null: the client was not registered. */
  readonly registrationEndpoint: string | null;
  readonly client: StoredClient;
}

/** A client that is to be registered again. */
export interface RegistrationClaim {
  readonly organizationId: string;
  readonly providerId: string;
  readonly clientId: string;
  readonly registrationEndpoint: string;
  readonly tokenEndpointAuthMethod: TokenEndpointAuthMethod;
  readonly defaultScopes: readonly string[];
}

const CREATE = `
WITH created AS (
  INSERT INTO oauth_providers (organization_id, id, provider_id, name, client_id, client_secret, client_secret_key,
    client_secret_expires_at, auth_url, token_url, uses_pkce, code_challenge_method, token_endpoint_auth_method,
    revocation_endpoint, mcp_server_url, issuer, sends_issuer, resource, default_scopes, is_dynamic_client,
    registration_endpoint, registration_token, registration_token_key, registration_uri)
  VALUES (:organizationId, :id, :providerId, :name, :clientId, :clientSecret, :clientSecretKey,
    :clientSecretExpiresAt, :authUrl, :tokenUrl, true, 'S256', :tokenEndpointAuthMethod,
    :revocationEndpoint, :mcpServerUrl, :issuer, :sendsIssuer, :resource, :defaultScopes, :isDynamicClient,
    :registrationEndpoint, :registrationToken, :registrationTokenKey, :registrationUri)
  ON CONFLICT (organization_id, provider_id) DO NOTHING
  RETURNING *
), audited AS (
  ${recording('provider.discover', 'created', 'provider_id')}
)
SELECT ${PROVIDER_COLUMNS} FROM created`;

/** Names that are not free: of providers in use, and of those that are being deleted. */
const TAKEN = `
SELECT deleting_at IS NOT NULL AS "isBeingDeleted" FROM oauth_providers
WHERE organization_id = :organizationId AND provider_id = :providerId`;

/** A lease, and a limit: a client is registered again at most once an hour, by one process. */
const CLAIM = `
UPDATE oauth_providers SET registered_again_at = now()
WHERE organization_id = :organizationId AND client_id = :clientId AND is_dynamic_client AND deleting_at IS NULL
  AND registration_endpoint IS NOT NULL
  AND (registered_again_at IS NULL OR registered_again_at < now() - interval '1 hour')
RETURNING organization_id AS "organizationId", provider_id AS "providerId", client_id AS "clientId",
  registration_endpoint AS "registrationEndpoint", token_endpoint_auth_method AS "tokenEndpointAuthMethod",
  coalesce(default_scopes, '{}') AS "defaultScopes"`;

const REPLACE = `
WITH changed AS (
  UPDATE oauth_providers
  SET client_id = :clientId, client_secret = :clientSecret, client_secret_key = :clientSecretKey,
    client_secret_expires_at = :clientSecretExpiresAt, token_endpoint_auth_method = :tokenEndpointAuthMethod,
    registration_token = :registrationToken, registration_token_key = :registrationTokenKey,
    registration_uri = :registrationUri, settings_version = settings_version + 1, updated_at = now()
  WHERE organization_id = :organizationId AND provider_id = :providerId AND client_id = :oldClientId
    AND deleting_at IS NULL
  RETURNING organization_id, provider_id
), audited AS (
  ${recording('provider.register', 'changed', 'provider_id')}
)
SELECT provider_id FROM changed`;

const clientBindings = (client: StoredClient) => ({
  clientId: client.clientId,
  clientSecret: client.clientSecret?.ciphertext ?? null,
  clientSecretKey: client.clientSecret?.key ?? null,
  clientSecretExpiresAt: client.clientSecretExpiresAt,
  tokenEndpointAuthMethod: client.tokenEndpointAuthMethod,
  registrationToken: client.registrationToken?.ciphertext ?? null,
  registrationTokenKey: client.registrationToken?.key ?? null,
  registrationUri: client.registrationUri,
});

export type DiscoveredProviders = ReturnType<typeof discoveredProviders>;

/** Providers whose settings come from an authorization server's metadata. */
export const discoveredProviders = (db: Statements) => ({
  /** Whether the name is taken, by a provider in use or by one that is being deleted. */
  async find(organizationId: string, providerId: string): Promise<'free' | 'taken' | 'being-deleted'> {
    const bindings = { organizationId, providerId };
    const { rows } = await db.raw<{ rows: { isBeingDeleted: boolean }[] }>(TAKEN, bindings);
    if (rows[0] === undefined) return 'free';
    return rows[0].isBeingDeleted ? 'being-deleted' : 'taken';
  },

  /** Undefined: the name has been taken meanwhile. */
  async create(
    organizationId: string,
    provider: DiscoveredProvider,
    by: Actor,
  ): Promise<Provider | undefined> {
    const { client, defaultScopes, ...settings } = provider;
    const { rows } = await db.raw<{ rows: Provider[] }>(CREATE, {
      organizationId,
      id: newId(),
      ...settings,
      ...clientBindings(client),
      defaultScopes: [...defaultScopes],
      isDynamicClient: settings.registrationEndpoint !== null,
      ...recordedAs(by),
    });
    return rows[0];
  },

  /** Claims to register the client again. Undefined: it is not ours to register, or was registered lately. */
  async claimRegistration(organizationId: string, clientId: string): Promise<RegistrationClaim | undefined> {
    return (await db.raw<{ rows: RegistrationClaim[] }>(CLAIM, { organizationId, clientId })).rows[0];
  },

  /** Puts the new client in the place of the old one. Pending authorizations of the old one end. */
  async replaceClient(
    { organizationId, providerId, clientId }: RegistrationClaim,
    client: StoredClient,
  ): Promise<void> {
    const bindings = { organizationId, providerId, oldClientId: clientId, ...clientBindings(client) };
    await db.raw(REPLACE, { ...bindings, ...recordedAs(SERVICE) });
  },
});
