import { type Actor, OPERATOR, ownedRows, recordedAs, recording } from './audit.ts';
import { cutPage, type PagePlace, readPages } from './postgres/pages.ts';
import type { Statements } from './postgres/statements.ts';
import type { ProviderType } from './providers.ts';

/** A token for an operator, with its ciphertexts. */
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
SELECT found.access_token AS "accessToken", found.refresh_token AS "refreshToken", found.scopes, found.metadata,
  found.expires_at AS "expiresAt", default_tokens.token_id IS NOT NULL AS "isDefault"
FROM found
LEFT JOIN default_tokens ON default_tokens.organization_id = :organizationId
  AND default_tokens.user_id = found.user_id AND default_tokens.provider_id = found.provider_id
  AND default_tokens.token_id = found.id`;

/** A token without its secrets. */
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

/** The columns of a `TokenSummary`, from a row like those of oauth_tokens. */
const summary = (token: string, isDefault: string) => `${token}.id, ${token}.provider_id AS "providerId",
  ${token}.provider_account_label AS "label", ${token}.scopes, ${token}.expires_at AS "expiresAt",
  ${isDefault} AS "isDefault", ${token}.created_at AS "createdAt", ${token}.updated_at AS "updatedAt"`;

/** Takes the user from a parameter, so that every kind of join reads the defaults of this user only. */
const JOIN_DEFAULT = `
LEFT JOIN default_tokens ON default_tokens.organization_id = :organizationId AND default_tokens.user_id = :userId
  AND default_tokens.provider_id = token.provider_id AND default_tokens.token_id = token.id`;

const SUMMARY = summary('token', 'default_tokens.token_id IS NOT NULL');

/**
 * A page of the user's tokens, behind the token `:after`. Joins through the organization's few providers, because tokens
 * are indexed by (organization, provider, user, id). Each provider gives its next page, and the first rows of all are kept.
 */
const LIST = `
SELECT ${SUMMARY}
FROM oauth_providers AS provider
CROSS JOIN LATERAL (
  SELECT * FROM oauth_tokens
  WHERE oauth_tokens.organization_id = :organizationId AND oauth_tokens.provider_id = provider.provider_id
    AND oauth_tokens.user_id = :userId AND oauth_tokens.id > :after
  ORDER BY oauth_tokens.id LIMIT :size
) AS token${JOIN_DEFAULT}
WHERE provider.organization_id = :organizationId AND provider.deleting_at IS NULL`;

const ORDER = 'ORDER BY token.id LIMIT :size';
/** The bytes of the columns that a caller can make long. */
const BYTES = `octet_length(array_to_string(scopes, ' ')) + coalesce(octet_length(label), 0)`;
const LIST_ALL = cutPage(`${LIST} ${ORDER}`, BYTES);
const LIST_OF_PROVIDER = cutPage(`${LIST} AND provider.provider_id = :providerId ${ORDER}`, BYTES);

/** Tokens of providers that are in use. */
const TOKENS_IN_USE = `
FROM oauth_tokens AS token
JOIN oauth_providers AS provider ON provider.organization_id = token.organization_id
  AND provider.provider_id = token.provider_id AND provider.deleting_at IS NULL`;

const FIND = `
SELECT ${SUMMARY}${TOKENS_IN_USE}${JOIN_DEFAULT}
WHERE token.organization_id = :organizationId AND token.user_id = :userId AND token.id = :id`;

const EXISTS = `
SELECT 1${TOKENS_IN_USE}
WHERE token.organization_id = :organizationId AND token.provider_id = :providerId AND token.user_id = :userId LIMIT 1`;

/** Stops at the first token; reads tokens of providers of the type only. */
const EXISTS_IN_WORKSPACE = `
SELECT 1
FROM oauth_providers AS provider
CROSS JOIN LATERAL (
  SELECT 1 FROM oauth_tokens
  WHERE oauth_tokens.organization_id = :organizationId AND oauth_tokens.provider_id = provider.provider_id
    AND oauth_tokens.workspace_id = :workspaceId LIMIT 1
) AS token
WHERE provider.organization_id = :organizationId AND provider.provider_type = :providerType
  AND provider.deleting_at IS NULL LIMIT 1`;

export interface TokenChange {
  /** Empty: no label. Null or undefined: it stays as it is. */
  readonly label?: string | null | undefined;
  /** False: the token is no longer the default, and none takes its place. Null or undefined: it stays as it is. */
  readonly isDefault?: boolean | null | undefined;
}

/**
 * Changes a token of a provider in use. The upsert moves the default, and any number of requests may do so at once. The
 * deletion removes the default only if it is still this token.
 */
const UPDATE = `
WITH changed AS (
  UPDATE oauth_tokens AS token
  SET provider_account_label = nullif(coalesce(:label, token.provider_account_label), ''), updated_at = now()
  FROM oauth_providers AS provider
  WHERE token.organization_id = :organizationId AND token.id = :id AND token.user_id = :userId
    AND provider.organization_id = :organizationId AND provider.provider_id = token.provider_id
    AND provider.deleting_at IS NULL
  RETURNING token.*
), made_default AS (
  INSERT INTO default_tokens (organization_id, user_id, provider_id, token_id)
  SELECT owner.organization_id, user_id, provider_id, id FROM ${ownedRows('changed')} WHERE :isDefault::boolean
  ON CONFLICT (organization_id, user_id, provider_id) DO UPDATE SET token_id = excluded.token_id
), unmade AS (
  DELETE FROM default_tokens USING changed
  WHERE NOT :isDefault::boolean AND default_tokens.organization_id = :organizationId
    AND default_tokens.user_id = changed.user_id AND default_tokens.provider_id = changed.provider_id
    AND token_id = changed.id
), audited AS (
  ${recording('token.update', 'changed', 'id')}
)
SELECT ${summary(
  'changed',
  `(:isDefault::boolean IS TRUE OR (:isDefault::boolean IS NULL AND EXISTS (
    SELECT 1 FROM default_tokens
    WHERE organization_id = :organizationId AND user_id = :userId AND token_id = :id)))`,
)}
FROM changed`;

export type TokenRepository = ReturnType<typeof tokenRepository>;

export function tokenRepository(db: Statements) {
  const summaries = async (
    sql: string,
    bindings: Readonly<Record<string, string | boolean | null>>,
  ): Promise<readonly TokenSummary[]> => (await db.raw<{ rows: TokenSummary[] }>(sql, bindings)).rows;

  const isThere = async (sql: string, bindings: Readonly<Record<string, string>>): Promise<boolean> =>
    (await db.raw<{ rows: unknown[] }>(sql, bindings)).rows.length > 0;

  return {
    /** One token of the organization (`id` is a UUID), for an operator. It leaves an audit record. */
    async inspect(organizationId: string, id: string): Promise<StoredToken | undefined> {
      const bindings = { organizationId, id, ...recordedAs(OPERATOR) };
      const { rows } = await db.raw<{ rows: StoredToken[] }>(INSPECT, bindings);
      return rows[0];
    },

    /**
     * The user's tokens, of one provider or of all, the newest last. They are read page by page, as fast as they are taken,
     * so memory is bounded. No connection is held between pages.
     */
    list(
      organizationId: string,
      userId: string,
      providerId: string | null = null,
    ): AsyncGenerator<TokenSummary, void> {
      const sql = providerId === null ? LIST_ALL : LIST_OF_PROVIDER;
      return readPages(async (page) => {
        const bindings = { organizationId, userId, providerId, ...page };
        return (await db.raw<{ rows: (TokenSummary & PagePlace)[] }>(sql, bindings)).rows;
      });
    },

    /** Whether the user has a token of the provider. */
    exists(organizationId: string, userId: string, providerId: string): Promise<boolean> {
      return isThere(EXISTS, { organizationId, userId, providerId });
    },

    /** Whether anyone in the workspace has a token of a provider of this type. */
    existsInWorkspace(
      organizationId: string,
      workspaceId: string,
      providerType: ProviderType,
    ): Promise<boolean> {
      return isThere(EXISTS_IN_WORKSPACE, { organizationId, workspaceId, providerType });
    },

    /**
     * Changes the user's token (`id` is a UUID). Without a change, nothing is written.
     * @returns the token after the change; undefined: the user has no such token
     */
    async update(
      organizationId: string,
      userId: string,
      id: string,
      { label = null, isDefault = null }: TokenChange,
      by: Actor,
    ): Promise<TokenSummary | undefined> {
      const token = { organizationId, userId, id };
      const isChange = label !== null || isDefault !== null;
      const [found] = isChange
        ? await summaries(UPDATE, { ...token, label, isDefault, ...recordedAs(by) })
        : await summaries(FIND, token);
      return found;
    },
  };
}
