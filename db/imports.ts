import type { Sealed } from '../crypto/key-ring.ts';
import { newId } from '../crypto/uuid.ts';
import type { Actor } from './audit.ts';
import { createBatcher } from './postgres/batcher.ts';
import { isForeignKeyViolation } from './postgres/errors.ts';
import type { HotStatements } from './postgres/hot.ts';

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

/** How long an import waits for a lock if it delays no other organization. */
const PATIENCE = '1s';

interface StatementOptions {
  /** Whether the statement may wait longer for a lock, because it delays no other organization. */
  readonly isPatient?: boolean;
  /** How many tokens a user may have of a provider; 0: any number. */
  readonly tokensMax: number;
}

const UNLIMITED = `judged AS (
  SELECT *, false AS "isFull" FROM found
), given AS (
  SELECT * FROM judged
)`;

/**
 * Leaves out the tokens of users who have as many as they may. For each user of the batch, one probe reads up to `tokensMax`
 * entries of an index. Imports of the same batch do not count each other.
 */
const limitedTo = (tokensMax: number): string => `full_user AS MATERIALIZED (
  SELECT "organizationId", "providerId", "userId"
  FROM (SELECT DISTINCT "organizationId", "providerId", "userId" FROM found) AS owner
  WHERE EXISTS (
    SELECT 1 FROM oauth_tokens
    WHERE organization_id = owner."organizationId" AND provider_id = owner."providerId" AND user_id = owner."userId"
    OFFSET ${tokensMax - 1})
), judged AS (
  SELECT *, ("organizationId", "providerId", "userId") IN (
    SELECT "organizationId", "providerId", "userId" FROM full_user) AS "isFull"
  FROM found
), given AS (
  SELECT * FROM judged WHERE NOT "isFull"
)`;

/**
 * Stores any number of imports in one statement, one round trip: each token whose provider exists, its audit record, and the
 * default. If several tokens want to be the same default, the last one is. Defaults are sorted, so that two statements never
 * lock the same two rows in opposite orders. $1: a JSON array of tokens, as `json` writes them. The answer has a row for each
 * token whose provider exists.
 */
export const importStatement = ({ isPatient = false, tokensMax }: StatementOptions): string => `
WITH found AS (
  SELECT row.*
  FROM ${isPatient ? `(SELECT set_config('lock_timeout', '${PATIENCE}', true) OFFSET 0) AS patience, ` : ''}ROWS FROM (json_to_recordset($1::json) AS (
    "organizationId" uuid, id uuid, "userId" text, "providerId" text, "workspaceId" uuid,
    "accessToken" text, "accessTokenKey" text, "refreshToken" text, "refreshTokenKey" text,
    scopes text[], metadata jsonb, "expiresInSeconds" double precision, "isDefault" boolean,
    "auditId" uuid, credential text, "requestId" text)) WITH ORDINALITY AS row
  JOIN oauth_providers AS provider
    ON provider.organization_id = row."organizationId" AND provider.provider_id = row."providerId"
    AND provider.deleting_at IS NULL
), ${tokensMax === 0 ? UNLIMITED : limitedTo(tokensMax)}, stored AS (
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
SELECT id, "isFull" FROM judged`;

/** A token that waits for its statement. */
interface Row {
  readonly organizationId: string;
  readonly id: string;
  readonly json: string;
}

/** The token as the statement reads it. Each field is named, because spreading the object takes three times as long. */
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

/** The user has as many tokens of the provider as the setting allows; nothing was stored. */
export class TooManyTokensError extends Error {
  constructor() {
    super('The user has too many OAuth tokens of this provider');
  }
}

type Outcome = 'stored' | 'no-provider' | 'full';

/** Imports of tokens, batched under load. @param tokensMax how many a user may have of a provider; 0: any number */
export function importRepository(hot: HotStatements, tokensMax: number) {
  const together = { name: 'import', text: importStatement({ tokensMax }) };
  const apart = { name: 'import-apart', text: importStatement({ tokensMax, isPatient: true }) };

  async function send(rows: readonly Row[], isApart: boolean): Promise<Outcome[]> {
    const values = [`[${rows.map((row) => row.json).join()}]`];
    try {
      const found = await hot.query<{ id: string; isFull: boolean }>({
        ...(isApart ? apart : together),
        values,
      });
      const outcomes = new Map(found.map(({ id, isFull }) => [id, isFull ? 'full' : 'stored'] as const));
      return rows.map(({ id }) => outcomes.get(id) ?? 'no-provider');
    } catch (error) {
      // The provider was deleted after the statement had found it.
      if (rows.length === 1 && isForeignKeyViolation(error)) return ['no-provider'];
      throw error;
    }
  }

  const batcher = createBatcher<Row, Outcome>({
    send,
    tenantOf: ({ organizationId }) => organizationId,
    sizeOf: ({ json }) => json.length,
  });
  return {
    /**
     * Stores a token and its audit record.
     * @returns the token's id; undefined: the organization has no such provider, and nothing was stored
     * @throws TooManyTokensError, OverloadedError
     */
    async store(token: TokenImport, by: Actor): Promise<string | undefined> {
      const id = newId();
      const outcome = await batcher.add({
        organizationId: token.organizationId,
        id,
        json: json(id, token, by),
      });
      if (outcome === 'full') throw new TooManyTokensError();
      return outcome === 'stored' ? id : undefined;
    },

    /** Takes no more imports, and resolves once those under way are stored. */
    close: () => batcher.close(),
  };
}
