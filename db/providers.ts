import type { Sealed } from '../crypto/key-ring.ts';
import { newId } from '../crypto/uuid.ts';
import { type Actor, recordedAs, recording } from './audit.ts';
import { cutPage, type PagePlace, readPages } from './postgres/pages.ts';
import type { Statements } from './postgres/statements.ts';

export type ProviderType = 'microsoft' | 'salesforce' | 'slack';

/** How the client authenticates at the token endpoint (RFC 6749, section 2.3). */
export type TokenEndpointAuthMethod = 'none' | 'client_secret_basic' | 'client_secret_post';

export interface NewProvider {
  readonly providerId: string;
  readonly name: string;
  readonly clientId: string;
  readonly clientSecret: Sealed | null;
  readonly authUrl: string;
  readonly tokenUrl: string;
  readonly providerType: ProviderType | null;
  readonly usesPkce?: boolean | undefined;
  readonly codeChallengeMethod?: string | undefined;
  readonly tokenEndpointAuthMethod?: TokenEndpointAuthMethod | undefined;
}

/** The changes to a provider. A field that is null or undefined stays as it is. */
export interface ProviderChange {
  readonly name?: string | null | undefined;
  readonly clientId?: string | null | undefined;
  readonly clientSecret?: Sealed | null | undefined;
  readonly authUrl?: string | null | undefined;
  readonly tokenUrl?: string | null | undefined;
  readonly usesPkce?: boolean | null | undefined;
  readonly codeChallengeMethod?: string | null | undefined;
}

/** A provider without its secret. */
export interface Provider {
  readonly organizationId: string;
  readonly id: string;
  readonly providerId: string;
  readonly name: string;
  readonly clientId: string;
  readonly authUrl: string;
  readonly tokenUrl: string;
  readonly usesPkce: boolean;
  readonly codeChallengeMethod: string | null;
  readonly providerType: ProviderType | null;
  readonly tokenEndpointAuthMethod: TokenEndpointAuthMethod;
  /** Where the provider was discovered; null: its settings were given. */
  readonly mcpServerUrl: string | null;
  /** Whether the client was registered by us (RFC 7591). */
  readonly isDynamicClient: boolean;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** The columns of a `Provider`, from a row of oauth_providers. */
export const PROVIDER_COLUMNS = `organization_id AS "organizationId", id, provider_id AS "providerId", name, client_id AS "clientId",
  auth_url AS "authUrl", token_url AS "tokenUrl", uses_pkce AS "usesPkce",
  code_challenge_method AS "codeChallengeMethod", provider_type AS "providerType",
  token_endpoint_auth_method AS "tokenEndpointAuthMethod", mcp_server_url AS "mcpServerUrl",
  is_dynamic_client AS "isDynamicClient", created_at AS "createdAt", updated_at AS "updatedAt"`;

const CREATE = `
WITH created AS (
  INSERT INTO oauth_providers (organization_id, id, provider_id, name, client_id, client_secret, client_secret_key,
    auth_url, token_url,
    uses_pkce, code_challenge_method, provider_type, token_endpoint_auth_method)
  VALUES (:organizationId, :id, :providerId, :name, :clientId, :clientSecret, :clientSecretKey,
    :authUrl, :tokenUrl,
    :usesPkce, :codeChallengeMethod, :providerType, :tokenEndpointAuthMethod)
  ON CONFLICT (organization_id, provider_id) DO NOTHING
  RETURNING *
), audited AS (
  ${recording('provider.create', 'created', 'provider_id')}
)
SELECT ${PROVIDER_COLUMNS} FROM created`;

/** What was discovered holds for the discovered endpoints only, and a client of one's own is not registered again. */
const UPDATE = `
WITH changed AS (
  UPDATE oauth_providers
  SET name = coalesce(:name, name), client_id = coalesce(:clientId, client_id),
    client_secret = coalesce(:clientSecret, client_secret),
    client_secret_key = coalesce(:clientSecretKey, client_secret_key), auth_url = coalesce(:authUrl, auth_url),
    token_url = coalesce(:tokenUrl, token_url), uses_pkce = coalesce(:usesPkce, uses_pkce),
    code_challenge_method = coalesce(:codeChallengeMethod, code_challenge_method),
    issuer = CASE WHEN :authUrl::text IS NULL AND :tokenUrl::text IS NULL THEN issuer END,
    revocation_endpoint = CASE WHEN :authUrl::text IS NULL AND :tokenUrl::text IS NULL THEN revocation_endpoint END,
    is_dynamic_client = is_dynamic_client AND :clientId::text IS NULL AND :authUrl::text IS NULL
      AND :tokenUrl::text IS NULL,
    settings_version = settings_version + 1, updated_at = now()
  WHERE organization_id = :organizationId AND provider_id = :providerId AND deleting_at IS NULL
  RETURNING *
), audited AS (
  ${recording('provider.update', 'changed', 'provider_id')}
)
SELECT ${PROVIDER_COLUMNS} FROM changed`;

/** Providers in use. A provider that is being deleted counts as gone. */
const IN_USE = `
SELECT ${PROVIDER_COLUMNS} FROM oauth_providers WHERE organization_id = :organizationId AND deleting_at IS NULL`;

/** The bytes of the columns that an admin can make long. */
const LIST = cutPage(
  `${IN_USE} AND id > :after ORDER BY id LIMIT :size`,
  'octet_length(name) + octet_length("clientId") + octet_length("authUrl") + octet_length("tokenUrl")',
);
const FIND = `${IN_USE} AND provider_id = :providerId`;

const FIND_BEING_DELETED = `
SELECT 1 FROM oauth_providers
WHERE organization_id = :organizationId AND provider_id = :providerId AND deleting_at IS NOT NULL`;

const secretBindings = (sealed: Sealed | null | undefined) => ({
  clientSecret: sealed?.ciphertext ?? null,
  clientSecretKey: sealed?.key ?? null,
});

/** The name of a deleted provider is not free yet: its tokens are still being deleted. */
export class ProviderBeingDeletedError extends Error {
  constructor() {
    super('OAuth provider is still being deleted');
  }
}

export type ProviderRepository = ReturnType<typeof providerRepository>;

export function providerRepository(db: Statements) {
  const query = async (
    sql: string,
    bindings: Readonly<Record<string, string | boolean | null>>,
  ): Promise<readonly Provider[]> => (await db.raw<{ rows: Provider[] }>(sql, bindings)).rows;

  const find = async (organizationId: string, providerId: string): Promise<Provider | undefined> =>
    (await query(FIND, { organizationId, providerId }))[0];

  return {
    /**
     * Undefined: the organization has a provider of this `providerId`.
     * @throws ProviderBeingDeletedError
     */
    async create(organizationId: string, provider: NewProvider, by: Actor): Promise<Provider | undefined> {
      const { providerId } = provider;
      const [created] = await query(CREATE, {
        organizationId,
        id: newId(),
        providerId,
        name: provider.name,
        clientId: provider.clientId,
        ...secretBindings(provider.clientSecret),
        authUrl: provider.authUrl,
        tokenUrl: provider.tokenUrl,
        usesPkce: provider.usesPkce ?? false,
        codeChallengeMethod: provider.codeChallengeMethod ?? 'S256',
        providerType: provider.providerType,
        tokenEndpointAuthMethod: provider.tokenEndpointAuthMethod ?? 'client_secret_post',
        ...recordedAs(by),
      });
      if (created === undefined) {
        const beingDeleted = await query(FIND_BEING_DELETED, { organizationId, providerId });
        if (beingDeleted.length > 0) throw new ProviderBeingDeletedError();
      }
      return created;
    },

    /** The organization's providers, the newest last. They are read page by page, as fast as they are taken. */
    list: (organizationId: string): AsyncGenerator<Provider, void> =>
      readPages(async (page) => {
        const { rows } = await db.raw<{ rows: (Provider & PagePlace)[] }>(LIST, { organizationId, ...page });
        return rows;
      }),

    /** Undefined: the organization has no such provider. */
    find,

    /**
     * Changes a provider. Without a change, nothing is written.
     * @returns the provider after the change; undefined: the organization has no such provider
     */
    async update(
      organizationId: string,
      providerId: string,
      change: ProviderChange,
      by: Actor,
    ): Promise<Provider | undefined> {
      if (Object.values(change).every((value) => (value ?? null) === null)) {
        return find(organizationId, providerId);
      }
      const [changed] = await query(UPDATE, {
        organizationId,
        providerId,
        name: change.name ?? null,
        clientId: change.clientId ?? null,
        ...secretBindings(change.clientSecret),
        authUrl: change.authUrl ?? null,
        tokenUrl: change.tokenUrl ?? null,
        usesPkce: change.usesPkce ?? null,
        codeChallengeMethod: change.codeChallengeMethod ?? null,
        ...recordedAs(by),
      });
      return changed;
    },
  };
}
