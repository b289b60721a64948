import type { Knex } from 'knex';
import type { Ciphertext } from '../crypto/fernet.ts';
import { createBatcher } from './batcher.ts';
import { isRowFault } from './errors.ts';
import { newId } from './id.ts';

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

/**
 * Any number of imports in one statement, one round trip: each token whose provider exists, its audit record, and the
 * default, which is the last one where several want to be it. Rows are sorted, so two statements never lock the same two
 * defaults crosswise. Whoever waits longer than a second for a lock lets the others go first.
 */
export const IMPORT = `
WITH patience AS MATERIALIZED (
  SELECT set_config('lock_timeout', '1s', true)
), given AS (
  SELECT row.*
  FROM patience, ROWS FROM (json_to_recordset(?::json) AS (
    "organizationId" uuid, id uuid, "userId" text, "providerId" text, "workspaceId" uuid,
    "accessToken" text, "refreshToken" text, scopes text[], metadata jsonb, "expiresInSeconds" double precision,
    "isDefault" boolean, "auditId" uuid, credential text, "requestId" text)) WITH ORDINALITY AS row
  JOIN oauth_providers AS provider
    ON provider.organization_id = row."organizationId" AND provider.provider_id = row."providerId"
), stored AS (
  INSERT INTO oauth_tokens (organization_id, id, user_id, provider_id, workspace_id,
    access_token, refresh_token, scopes, metadata, expires_at)
  SELECT "organizationId", id, "userId", "providerId", "workspaceId",
    "accessToken", "refreshToken", scopes, metadata, now() + make_interval(secs => "expiresInSeconds")
  FROM given
), made_default AS (
  INSERT INTO default_tokens (organization_id, user_id, provider_id, token_id)
  SELECT DISTINCT ON ("organizationId", "userId", "providerId") "organizationId", "userId", "providerId", id
  FROM given WHERE "isDefault"
  ORDER BY "organizationId", "userId", "providerId", ordinality DESC
  ON CONFLICT (organization_id, user_id, provider_id) DO UPDATE SET token_id = excluded.token_id
), audited AS (
  INSERT INTO audit_records (organization_id, id, user_id, credential, action, object_id, request_id)
  SELECT "organizationId", "auditId", "userId", credential, 'token.import', id, "requestId" FROM given
)
SELECT id FROM given`;

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

/** A token on its way into a statement. */
interface Row {
  readonly organizationId: string;
  readonly id: string;
  readonly json: string;
}

export function tokenRepository(db: Knex) {
  const imports = createBatcher<Row, boolean>({
    async store(rows) {
      const { rows: stored } = await db
        .raw<{ rows: { id: string }[] }>(IMPORT, [`[${rows.map(({ json }) => json).join()}]`])
        .options({ name: 'import' }); // prepared once for each connection
      const ids = new Set(stored.map(({ id }) => id));
      return rows.map(({ id }) => ids.has(id));
    },
    isRowFault,
    tenantOf: ({ organizationId }) => organizationId,
    sizeOf: ({ json }) => json.length,
  });
  return {
    /** Stores a token. False: the organization has no such provider, and nothing was stored. */
    import(token: TokenImport): Promise<boolean> {
      return imports.add({ organizationId: token.organizationId, id: token.id, json: JSON.stringify(token) });
    },

    /** Takes no more imports, and resolves once those under way are stored. */
    close: () => imports.close(),

    /** One token of the organization (`id` is a UUID), read on an operator's behalf and recorded as such. */
    async inspect(organizationId: string, id: string): Promise<StoredToken | undefined> {
      const { rows } = await db.raw<{ rows: StoredToken[] }>(INSPECT, {
        organizationId,
        id,
        auditId: newId(),
      });
      return rows[0];
    },
  };
}
