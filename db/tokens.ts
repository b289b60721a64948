import type { Knex } from 'knex';
import { v7 as uuidv7 } from 'uuid';
import type { Ciphertext } from '../crypto/fernet.ts';

/** A token as it is stored: sealed, and with an id of its own. */
export interface TokenImport {
  readonly organizationId: string;
  readonly id: string;
  readonly userId: string;
  readonly providerId: string;
  readonly workspaceId: string;
  readonly accessToken: Ciphertext;
  readonly refreshToken: Ciphertext | null;
  readonly scopes: readonly string[];
  readonly metadata: Readonly<Record<string, unknown>> | null;
  /** Counted from the database's clock; null: never, as far as we know. */
  readonly expiresInSeconds: number | null;
  readonly isDefault: boolean;
  readonly auditId: string;
  readonly credential: string;
  readonly requestId: string;
}

/** One statement, one round trip: the token where its provider exists, the default, and the audit record. */
const IMPORT = `
WITH given AS (
  SELECT * FROM json_to_recordset(?::json) AS row (
    "organizationId" uuid, id uuid, "userId" text, "providerId" text, "workspaceId" uuid,
    "accessToken" text, "refreshToken" text, scopes text[], metadata jsonb, "expiresInSeconds" double precision,
    "isDefault" boolean, "auditId" uuid, credential text, "requestId" text)
), stored AS (
  INSERT INTO oauth_tokens (organization_id, id, user_id, provider_id, workspace_id,
    access_token, refresh_token, scopes, metadata, expires_at)
  SELECT "organizationId", given.id, "userId", "providerId", "workspaceId",
    "accessToken", "refreshToken", scopes, metadata, now() + make_interval(secs => "expiresInSeconds")
  FROM given
  JOIN oauth_providers AS provider
    ON provider.organization_id = given."organizationId" AND provider.provider_id = given."providerId"
  RETURNING organization_id, id, user_id, provider_id
), made_default AS (
  INSERT INTO default_tokens (organization_id, user_id, provider_id, token_id)
  SELECT stored.organization_id, stored.user_id, stored.provider_id, stored.id
  FROM stored JOIN given ON given.id = stored.id AND given."organizationId" = stored.organization_id
  WHERE given."isDefault"
  ON CONFLICT (organization_id, user_id, provider_id) DO UPDATE SET token_id = excluded.token_id
), audited AS (
  INSERT INTO audit_records (organization_id, id, user_id, credential, action, object_id, request_id)
  SELECT stored.organization_id, given."auditId", stored.user_id, given.credential, 'token.import', stored.id, given."requestId"
  FROM stored JOIN given ON given.id = stored.id AND given."organizationId" = stored.organization_id
)
SELECT id FROM stored`;

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
  INSERT INTO audit_records (organization_id, id, user_id, credential, action, object_id)
  SELECT organization_id, :auditId, 'operator', 'command-line', 'token.inspect', id FROM found
)
SELECT access_token AS "accessToken", refresh_token AS "refreshToken", scopes, metadata, expires_at AS "expiresAt",
  EXISTS (SELECT FROM default_tokens
    WHERE default_tokens.organization_id = found.organization_id AND default_tokens.user_id = found.user_id
      AND default_tokens.provider_id = found.provider_id AND token_id = found.id) AS "isDefault"
FROM found`;

export const tokenRepository = (db: Knex) => ({
  /** Stores a token. False: the organization has no such provider, and nothing was stored. */
  async import(token: TokenImport): Promise<boolean> {
    const { rows } = await db.raw<{ rows: unknown[] }>(IMPORT, [JSON.stringify([token])]);
    return rows.length === 1;
  },

  /** One token of the organization (`id` is a UUID), read on an operator's behalf and recorded as such. */
  async inspect(organizationId: string, id: string): Promise<StoredToken | undefined> {
    const { rows } = await db.raw<{ rows: StoredToken[] }>(INSPECT, {
      organizationId,
      id,
      auditId: uuidv7(),
    });
    return rows[0];
  },
});
