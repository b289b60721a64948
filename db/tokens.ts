import type { Knex } from 'knex';
import { type Actor, OPERATOR, recordedAs, recording } from './audit.ts';
import type { ProviderType } from './providers.ts';

/** A token as an operator may see it, with the ciphertexts to be opened. */
export interface StoredToken {
  readonly accessToken: string;
  readonly refreshToken: string | null;
  readonly scopes: readonly string[];
  readonly metadata: Readonly<Record<string, unknown>> | null;
  readonly isDefault: boolean;
  readonly expiresAt: Date | null;
}

const INSPECT = `
WITH found AS (
  SELECT * FROM oauth_tokens WHERE organization_id = :organizationId AND id = :id
), audited AS (
  ${recording('token.inspect', 'found', 'id')}
)
SELECT access_token AS "accessToken", refresh_token AS "refreshToken", scopes, metadata, expires_at AS "expiresAt",
  EXISTS (SELECT FROM default_tokens
    WHERE default_tokens.organization_id = found.organization_id AND default_tokens.user_id = found.user_id
      AND default_tokens.provider_id = found.provider_id AND token_id = found.id) AS "isDefault"
FROM found`;

/** What is known of a token, without its secrets. */
export interface TokenSummary {
  readonly id: string;
  readonly providerId: string;
  readonly label: string | null;
  readonly scopes: readonly string[];
  readonly expiresAt: Date | null;
  readonly isDefault: boolean;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** Of a row of oauth_tokens, or of one like it. */
const summary = (token: string, isDefault: string) => `${token}.id, ${token}.provider_id AS "providerId",
  ${token}.provider_account_label AS "label", ${token}.scopes, ${token}.expires_at AS "expiresAt",
  ${isDefault} AS "isDefault", ${token}.created_at AS "createdAt", ${token}.updated_at AS "updatedAt"`;

/** By way of the organization's providers, which are few: tokens are indexed by provider, then user. */
const LIST = `
SELECT ${summary('oauth_tokens', 'default_tokens.token_id IS NOT NULL')}
FROM oauth_providers
JOIN oauth_tokens ON oauth_tokens.organization_id = oauth_providers.organization_id
  AND oauth_tokens.provider_id = oauth_providers.provider_id
LEFT JOIN default_tokens ON default_tokens.organization_id = oauth_tokens.organization_id
  AND default_tokens.user_id = oauth_tokens.user_id AND default_tokens.provider_id = oauth_tokens.provider_id
  AND default_tokens.token_id = oauth_tokens.id
WHERE oauth_providers.organization_id = :organizationId AND oauth_tokens.user_id = :userId`;

const LIST_ALL = `${LIST} ORDER BY oauth_tokens.id`;
const FIND = `${LIST} AND oauth_tokens.id = :id`;
const LIST_OF_PROVIDER = `${LIST} AND oauth_providers.provider_id = :providerId ORDER BY oauth_tokens.id`;

export interface TokenChange {
  /** Empty: none. Undefined: it stays as it is. */
  readonly label?: string | undefined;
  /** False: it is no longer, and none takes its place. Undefined: it stays as it is. */
  readonly isDefault?: boolean | undefined;
}

/** The upsert moves the default however many do so at once; the deletion sees whether it has been moved meanwhile. */
const UPDATE = `
WITH changed AS (
  UPDATE oauth_tokens
  SET provider_account_label = nullif(coalesce(:label, provider_account_label), ''), updated_at = now()
  WHERE organization_id = :organizationId AND id = :id AND user_id = :userId
  RETURNING *
), made_default AS (
  INSERT INTO default_tokens (organization_id, user_id, provider_id, token_id)
  SELECT organization_id, user_id, provider_id, id FROM changed WHERE :isDefault::boolean
  ON CONFLICT (organization_id, user_id, provider_id) DO UPDATE SET token_id = excluded.token_id
), unmade AS (
  DELETE FROM default_tokens USING changed
  WHERE NOT :isDefault::boolean AND default_tokens.organization_id = changed.organization_id
    AND default_tokens.user_id = changed.user_id AND default_tokens.provider_id = changed.provider_id
    AND token_id = changed.id
), audited AS (
  ${recording('token.update', 'changed', 'id')}
)
SELECT ${summary(
  'changed',
  `coalesce(:isDefault::boolean, EXISTS (SELECT FROM default_tokens
    WHERE default_tokens.organization_id = changed.organization_id AND default_tokens.user_id = changed.user_id
      AND default_tokens.provider_id = changed.provider_id AND token_id = changed.id))`,
)}
FROM changed`;

export const tokenRepository = (db: Knex) => ({
  /** One token of the organization (`id` is a UUID), read on an operator's behalf and recorded as such. */
  async inspect(organizationId: string, id: string): Promise<StoredToken | undefined> {
    const bindings = { organizationId, id, ...recordedAs(OPERATOR) };
    const { rows } = await db.raw<{ rows: StoredToken[] }>(INSPECT, bindings);
    return rows[0];
  },

  /** The user's tokens, of one provider or of all, the newest last. */
  async list(
    organizationId: string,
    userId: string,
    providerId?: string | null,
  ): Promise<readonly TokenSummary[]> {
    const bindings = { organizationId, userId, providerId: providerId ?? null };
    const list = bindings.providerId === null ? LIST_ALL : LIST_OF_PROVIDER;
    return (await db.raw<{ rows: TokenSummary[] }>(list, bindings)).rows;
  },

  /** Whether the user has a token of the provider. */
  async exists(organizationId: string, userId: string, providerId: string): Promise<boolean> {
    const own = { organization_id: organizationId, user_id: userId, provider_id: providerId };
    return (await db('oauth_tokens').where(own).first('id')) !== undefined;
  },

  /** Whether anyone in the workspace has a token of a provider of this type. */
  async existsInWorkspace(
    organizationId: string,
    workspaceId: string,
    providerType: ProviderType,
  ): Promise<boolean> {
    const found: unknown = await db('oauth_providers as provider')
      .join('oauth_tokens as token', {
        'token.organization_id': 'provider.organization_id',
        'token.provider_id': 'provider.provider_id',
      })
      .where({ 'provider.organization_id': organizationId, 'provider.provider_type': providerType })
      .where({ 'token.workspace_id': workspaceId })
      .first('token.id');
    return found !== undefined;
  },

  /** The user's token (`id` is a UUID) as it is then; undefined: the user has no such token. Nothing given: nothing is written. */
  async update(
    organizationId: string,
    userId: string,
    id: string,
    change: TokenChange,
    by: Actor,
  ): Promise<TokenSummary | undefined> {
    const { label = null, isDefault = null } = change;
    const token = { organizationId, userId, id };
    const { rows } =
      label === null && isDefault === null
        ? await db.raw<{ rows: TokenSummary[] }>(FIND, token)
        : await db.raw<{ rows: TokenSummary[] }>(UPDATE, { ...token, label, isDefault, ...recordedAs(by) });
    return rows[0];
  },
});
