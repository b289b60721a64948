import { CLAIMED, KNOWN } from './idempotency-keys.ts';
import { type Columns, manyRows, oneRow } from './postgres/rows.ts';

/** A token as the statement reads it. */
export interface ImportRow {
  readonly organizationId: string;
  readonly id: string;
  readonly userId: string;
  readonly providerId: string;
  readonly workspaceId: string;
  readonly accessToken: string;
  readonly accessTokenKey: string;
  readonly refreshToken: string | null;
  readonly refreshTokenKey: string | null;
  readonly scopes: readonly string[];
  /** JSON. */
  readonly metadata: string | null;
  readonly expiresInSeconds: number | null;
  readonly isDefault: boolean;
  readonly auditId: string;
  readonly credential: string;
  readonly requestId: string | null;
  /** Of a request with an idempotency key. */
  readonly keyHash: string | null;
  readonly requestHash: string | null;
}

export const IMPORT_COLUMNS: Columns<ImportRow> = {
  organizationId: 'uuid',
  id: 'uuid',
  userId: 'text',
  providerId: 'text',
  workspaceId: 'uuid',
  accessToken: 'text',
  accessTokenKey: 'text',
  refreshToken: 'text',
  refreshTokenKey: 'text',
  scopes: 'text[]',
  metadata: 'text',
  expiresInSeconds: 'double precision',
  isDefault: 'boolean',
  auditId: 'uuid',
  credential: 'text',
  requestId: 'text',
  keyHash: 'text',
  requestHash: 'text',
};

/** How long an import waits for a lock if it delays no other organization. */
export const PATIENCE = '1s';

interface StatementOptions {
  /** Whether the statement takes a single row, by its columns. It cannot be repeatable. */
  readonly isSingle?: boolean;
  /** Whether the statement may wait longer for a lock, because it delays no other organization. */
  readonly isPatient?: boolean;
  /** How many tokens a user may have of a provider; 0: any number. */
  readonly tokensMax: number;
  /** Whether a token of the batch has an idempotency key. */
  readonly isRepeatable?: boolean;
}

const UNLIMITED = 'judged AS (SELECT *, false AS "isFull" FROM found)';

const GIVEN = `given AS (
  SELECT * FROM judged WHERE NOT "isFull"
)`;

/** Without the tokens whose key another statement has claimed. */
const GIVEN_ONCE = `${CLAIMED}, given AS (
  SELECT * FROM judged WHERE NOT "isFull" AND ("keyHash" IS NULL OR id IN (SELECT token_id FROM claimed))
)`;

const OUTCOMES = `SELECT id, CASE WHEN "isFull" THEN 'full' ELSE 'stored' END AS outcome FROM judged`;

const OUTCOMES_ONCE = `
SELECT id, CASE
  WHEN "isFull" THEN 'full'
  WHEN "keyHash" IS NULL OR id IN (SELECT token_id FROM claimed) THEN 'stored'
  ELSE 'too-soon' END AS outcome, id AS "tokenId"
FROM judged
UNION ALL
SELECT id, CASE WHEN "isSame" THEN 'stored' ELSE 'key-reused' END, "tokenId" FROM known`;

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
)`;

/**
 * Stores any number of imports in one statement, one round trip: each token whose provider exists, its audit record, and the
 * default. If several tokens want to be the same default, the last one is. Defaults are sorted, so that two statements never
 * lock the same two rows in opposite orders. The answer has a row for each token whose provider exists, and for each that
 * repeats an earlier request.
 */
export const importStatement = ({
  isSingle = false,
  isPatient = false,
  isRepeatable = false,
  tokensMax,
}: StatementOptions): string => `
WITH ${isRepeatable ? `${KNOWN}, ` : ''}found AS (
  SELECT row.*
  FROM ${isPatient ? `(SELECT set_config('lock_timeout', '${PATIENCE}', true) OFFSET 0) AS patience, ` : ''}${(isSingle ? oneRow : manyRows)(IMPORT_COLUMNS)}
  JOIN oauth_providers AS provider
    ON provider.organization_id = row."organizationId" AND provider.provider_id = row."providerId"
    AND provider.deleting_at IS NULL
  ${isRepeatable ? 'WHERE row.id NOT IN (SELECT id FROM known)' : ''}
), ${tokensMax === 0 ? UNLIMITED : limitedTo(tokensMax)}, ${isRepeatable ? GIVEN_ONCE : GIVEN}, stored AS (
  INSERT INTO oauth_tokens (organization_id, id, user_id, provider_id, workspace_id,
    access_token, access_token_key, refresh_token, refresh_token_key, scopes, metadata, expires_at)
  SELECT "organizationId", id, "userId", "providerId", "workspaceId",
    "accessToken", "accessTokenKey", "refreshToken", "refreshTokenKey", scopes, metadata::jsonb,
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
${isRepeatable ? OUTCOMES_ONCE : OUTCOMES}`;
