import type { Knex } from 'knex';
import type { Sealed } from '../crypto/key-ring.ts';
import { newId } from '../crypto/uuid.ts';
import { type Actor, recordedAs, recording } from './audit.ts';
import { retryDeadlock } from './postgres/errors.ts';

export type ProviderType = 'microsoft' | 'salesforce' | 'slack';

/** How the token endpoint is authenticated at (RFC 6749, section 2.3). */
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

/** What may change; null or undefined: it stays as it is. */
export interface ProviderChange {
  readonly name?: string | null | undefined;
  readonly clientId?: string | null | undefined;
  readonly clientSecret?: Sealed | null | undefined;
  readonly authUrl?: string | null | undefined;
  readonly tokenUrl?: string | null | undefined;
  readonly usesPkce?: boolean | null | undefined;
  readonly codeChallengeMethod?: string | null | undefined;
}

/** A provider as anybody in its organization may see it. */
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
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

const COLUMNS = `organization_id AS "organizationId", id, provider_id AS "providerId", name, client_id AS "clientId",
  auth_url AS "authUrl", token_url AS "tokenUrl", uses_pkce AS "usesPkce",
  code_challenge_method AS "codeChallengeMethod", provider_type AS "providerType",
  token_endpoint_auth_method AS "tokenEndpointAuthMethod", created_at AS "createdAt", updated_at AS "updatedAt"`;

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
SELECT ${COLUMNS} FROM created`;

const UPDATE = `
WITH changed AS (
  UPDATE oauth_providers
  SET name = coalesce(:name, name), client_id = coalesce(:clientId, client_id),
    client_secret = coalesce(:clientSecret, client_secret),
    client_secret_key = coalesce(:clientSecretKey, client_secret_key), auth_url = coalesce(:authUrl, auth_url),
    token_url = coalesce(:tokenUrl, token_url), uses_pkce = coalesce(:usesPkce, uses_pkce),
    code_challenge_method = coalesce(:codeChallengeMethod, code_challenge_method),
    settings_version = settings_version + 1, updated_at = now()
  WHERE organization_id = :organizationId AND provider_id = :providerId
  RETURNING *
), audited AS (
  ${recording('provider.update', 'changed', 'provider_id')}
)
SELECT ${COLUMNS} FROM changed`;

const DELETE = `
WITH deleted AS (
  DELETE FROM oauth_providers WHERE organization_id = :organizationId AND provider_id = :providerId RETURNING *
), audited AS (
  ${recording('provider.delete', 'deleted', 'provider_id')}
)
SELECT ${COLUMNS} FROM deleted`;

const secretBindings = (sealed: Sealed | null | undefined) => ({
  clientSecret: sealed?.ciphertext ?? null,
  clientSecretKey: sealed?.key ?? null,
});

interface Rows {
  readonly rows: readonly Provider[];
}

export const providerRepository = (db: Knex) => ({
  /** Undefined: the organization has a provider of this `providerId`. */
  async create(organizationId: string, provider: NewProvider, by: Actor): Promise<Provider | undefined> {
    const { usesPkce, codeChallengeMethod, tokenEndpointAuthMethod, ...given } = provider;
    const { rows } = await db.raw<Rows>(CREATE, {
      organizationId,
      id: newId(),
      ...given,
      ...secretBindings(provider.clientSecret),
      usesPkce: usesPkce ?? false,
      codeChallengeMethod: codeChallengeMethod ?? 'S256',
      tokenEndpointAuthMethod: tokenEndpointAuthMethod ?? 'client_secret_post',
      ...recordedAs(by),
    });
    return rows[0];
  },

  /** The organization's providers, the newest last. */
  async list(organizationId: string): Promise<readonly Provider[]> {
    const { rows } = await db.raw<Rows>(
      `SELECT ${COLUMNS} FROM oauth_providers WHERE organization_id = :organizationId ORDER BY id`,
      { organizationId },
    );
    return rows;
  },

  /** Undefined: the organization has no such provider. */
  async find(organizationId: string, providerId: string): Promise<Provider | undefined> {
    const { rows } = await db.raw<Rows>(
      `SELECT ${COLUMNS} FROM oauth_providers WHERE organization_id = :organizationId AND provider_id = :providerId`,
      { organizationId, providerId },
    );
    return rows[0];
  },

  /** The provider as it is then; undefined: the organization has no such provider. Nothing given: nothing is written. */
  async update(
    organizationId: string,
    providerId: string,
    change: ProviderChange,
    by: Actor,
  ): Promise<Provider | undefined> {
    if (Object.values(change).every((value) => (value ?? null) === null)) {
      return this.find(organizationId, providerId);
    }
    const { rows } = await db.raw<Rows>(UPDATE, {
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
    return rows[0];
  },

  /** Deletes the provider and its tokens. The provider as it was; undefined: the organization has no such provider. */
  delete(organizationId: string, providerId: string, by: Actor): Promise<Provider | undefined> {
    // Tokens first, their defaults with them, then the provider: the order in which imports and relabelling lock them.
    // What is imported meanwhile goes by the foreign key.
    return retryDeadlock(() =>
      db.transaction(async (transaction) => {
        await transaction('oauth_tokens')
          .where({ organization_id: organizationId, provider_id: providerId })
          .delete();
        const { rows } = await transaction.raw<Rows>(DELETE, {
          organizationId,
          providerId,
          ...recordedAs(by),
        });
        return rows[0];
      }),
    );
  },
});
