import { type Context, context, ROOT_CONTEXT } from '@opentelemetry/api';
import type { Knex } from 'knex';
import type { Sealed } from '../crypto/key-ring.ts';
import { newId } from '../crypto/uuid.ts';
import type { Actor } from './audit.ts';
import { createBatcher } from './postgres/batcher.ts';
import { isRowFault } from './postgres/errors.ts';

/** A token as it is stored: sealed. */
export interface TokenImport {
  readonly organizationId: string;
  readonly userId: string;
  readonly providerId: string;
  readonly workspaceId: string;
  readonly accessToken: Sealed;
  readonly refreshToken: Sealed | null;
  readonly scopes: readonly string[];
  readonly metadata: Readonly<Record<string, unknown>> | null;
  /** Counted from the database's clock; null: never, as far as we know. */
  readonly expiresInSeconds: number | null;
  readonly isDefault: boolean;
}

/**
 * Any number of imports in one statement, one round trip: each token whose provider exists, its audit record, and the
 * default, which is the last one where several want to be it. Defaults are sorted, so two statements never lock the same two
 * crosswise. Whoever waits longer than a second for a lock lets the others go first.
 */
export const IMPORT = `
WITH patience AS MATERIALIZED (
  SELECT set_config('lock_timeout', '1s', true)
), given AS (
  SELECT row.*
  FROM patience, ROWS FROM (json_to_recordset(?::json) AS (
    "organizationId" uuid, id uuid, "userId" text, "providerId" text, "workspaceId" uuid,
    "accessToken" text, "accessTokenKey" text, "refreshToken" text, "refreshTokenKey" text,
    scopes text[], metadata jsonb, "expiresInSeconds" double precision, "isDefault" boolean,
    "auditId" uuid, credential text, "requestId" text)) WITH ORDINALITY AS row
  JOIN oauth_providers AS provider
    ON provider.organization_id = row."organizationId" AND provider.provider_id = row."providerId"
), stored AS (
  INSERT INTO oauth_tokens (organization_id, id, user_id, provider_id, workspace_id,
    access_token, access_token_key, refresh_token, refresh_token_key, scopes, metadata, expires_at)
  SELECT "organizationId", id, "userId", "providerId", "workspaceId",
    "accessToken", "accessTokenKey", "refreshToken", "refreshTokenKey", scopes, metadata,
    now() + make_interval(secs => "expiresInSeconds")
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

/** A token on its way into a statement. */
interface Row {
  readonly organizationId: string;
  readonly id: string;
  readonly json: string;
  /** Of the request, for tracing. */
  readonly context: Context;
}

/** The token as the statement reads it. Each field is named, since an object that is spread takes three times as long. */
const json = (id: string, token: TokenImport, by: Actor): string =>
  JSON.stringify({
    organizationId: token.organizationId,
    id,
    userId: token.userId,
    providerId: token.providerId,
    workspaceId: token.workspaceId,
    accessToken: token.accessToken.ciphertext,
    accessTokenKey: token.accessToken.key,
    refreshToken: token.refreshToken?.ciphertext,
    refreshTokenKey: token.refreshToken?.key,
    scopes: token.scopes,
    metadata: token.metadata,
    expiresInSeconds: token.expiresInSeconds,
    isDefault: token.isDefault,
    auditId: newId(),
    credential: by.credential,
    requestId: by.requestId,
  });

export type ImportRepository = ReturnType<typeof importRepository>;

/** Imports of tokens, batched under load. */
export function importRepository(db: Knex) {
  const batcher = createBatcher<Row, boolean>({
    async store(rows) {
      const given = `[${rows.map((row) => row.json).join()}]`;
      // One statement for several requests is a span of the first.
      const { rows: stored } = await context.with(
        rows[0]?.context ?? ROOT_CONTEXT,
        async () => db.raw<{ rows: { id: string }[] }>(IMPORT, [given]).options({ name: 'import' }), // prepared once for each connection
      );
      const ids = new Set(stored.map(({ id }) => id));
      return rows.map(({ id }) => ids.has(id));
    },
    isRowFault,
    tenantOf: ({ organizationId }) => organizationId,
    sizeOf: ({ json }) => json.length,
  });
  return {
    /**
     * Stores a token and its audit record.
     * @returns the token's id; undefined: the organization has no such provider, and nothing was stored
     * @throws OverloadedError
     */
    async store(token: TokenImport, by: Actor): Promise<string | undefined> {
      const id = newId();
      const isStored = await batcher.add({
        organizationId: token.organizationId,
        id,
        json: json(id, token, by),
        context: context.active(),
      });
      return isStored ? id : undefined;
    },

    /** Takes no more imports, and resolves once those under way are stored. */
    close: () => batcher.close(),
  };
}
