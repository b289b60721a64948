import { createHash, createHmac } from 'node:crypto';
import type { Knex } from 'knex';
import type { HotStatements } from './postgres/hot.ts';

/** Hashes of a request that its client may repeat, and of its key. */
export interface Repeatable {
  /** SHA-256 of the user and the key, 64 hexadecimal digits. */
  readonly keyHash: string;
  /** HMAC-SHA256 of the request, 64 hexadecimal digits. */
  readonly requestHash: string;
}

/**
 * @param key of the client, unique among the user's requests of 24 hours
 * @param request the content that a repetition must share. It may hold secrets: a guess can be tested only with the key
 */
export const repeatable = (userId: string, key: string, request: unknown): Repeatable => ({
  keyHash: createHash('sha256')
    .update(JSON.stringify([userId, key]))
    .digest('hex'),
  requestHash: createHmac('sha256', key).update(JSON.stringify(request)).digest('hex'),
});

/** What became of an import. */
export interface ImportOutcome {
  readonly outcome: 'stored' | 'no-provider' | 'full' | 'key-reused' | 'too-soon';
  /** The token of the first request with this key, which may be this one. Absent in a batch without keys. */
  readonly tokenId?: string;
}

/** The key was used for another request within 24 hours. Nothing was stored. */
export class KeyReusedError extends Error {}

/** The first request with the key has no answer yet. Nothing was stored for this one. */
export class RepeatedTooSoonError extends Error {}

/** How long a key is remembered. */
export const KEY_LIFETIME = '24 hours';

/**
 * The earlier requests whose keys the batch repeats, as common table expressions for the import's statement. `$1` is its
 * batch, with `keyHash` and `requestHash` in hexadecimal.
 */
export const KNOWN = `known AS (
  SELECT row.id, used.token_id AS "tokenId", used.request_hash = decode(row."requestHash", 'hex') AS "isSame"
  FROM json_to_recordset($1::json) AS row ("organizationId" uuid, id uuid, "keyHash" text, "requestHash" text)
  JOIN idempotency_keys AS used
    ON used.organization_id = row."organizationId" AND used.key_hash = decode(row."keyHash", 'hex')
  WHERE used.expires_at > now()
)`;

/**
 * Claims the keys of `judged`. If another transaction is claiming a key, the upsert waits for it and then sees its row,
 * although the statement's snapshot does not. The order keeps two statements from locking the same two keys crosswise.
 */
export const CLAIMED = `claimed AS (
  INSERT INTO idempotency_keys AS used (organization_id, key_hash, request_hash, token_id, expires_at)
  SELECT "organizationId", decode("keyHash", 'hex'), decode("requestHash", 'hex'), id, now() + interval '${KEY_LIFETIME}'
  FROM judged WHERE "keyHash" IS NOT NULL AND NOT "isFull"
  ORDER BY "organizationId", "keyHash"
  ON CONFLICT (organization_id, key_hash) DO UPDATE
    SET request_hash = excluded.request_hash, token_id = excluded.token_id, expires_at = excluded.expires_at
    WHERE used.expires_at <= now()
  RETURNING used.token_id
)`;

/** $1: organizations. $2: hashes of keys. */
const FIND = `
SELECT organization_id AS "organizationId", encode(key_hash, 'hex') AS "keyHash",
  encode(request_hash, 'hex') AS "requestHash", token_id AS "tokenId", expires_at <= now() AS "isExpired"
FROM idempotency_keys WHERE organization_id = ANY ($1::uuid[]) AND key_hash = ANY ($2::bytea[])`;

const DELETE_EXPIRED = `
DELETE FROM idempotency_keys
WHERE organization_id = ANY ($1::uuid[]) AND key_hash = ANY ($2::bytea[]) AND expires_at <= now()`;

interface UsedKey extends Repeatable {
  readonly organizationId: string;
  readonly tokenId: string;
  readonly isExpired: boolean;
}

/**
 * Finds the earlier requests of these keys. Expired ones are deleted, so that the keys can be claimed again.
 * @returns the outcome of a request whose key was used before; undefined: it was not
 */
export async function findKnown(
  hot: HotStatements,
  given: readonly (Repeatable & { readonly organizationId: string })[],
): Promise<(organizationId: string, repeating: Repeatable) => ImportOutcome | undefined> {
  if (given.length === 0) return () => undefined;
  const values = [
    given.map(({ organizationId }) => organizationId),
    given.map(({ keyHash }) => Buffer.from(keyHash, 'hex')),
  ];
  const used = await hot.query<UsedKey>({ name: 'import.keys', text: FIND, values });
  if (used.some(({ isExpired }) => isExpired)) {
    await hot.query({ name: 'import.expired-keys', text: DELETE_EXPIRED, values });
  }
  const earlier = new Map(
    used
      .filter(({ isExpired }) => !isExpired)
      .map((key) => [`${key.organizationId} ${key.keyHash}`, key] as const),
  );
  return (organizationId, { keyHash, requestHash }) => {
    const known = earlier.get(`${organizationId} ${keyHash}`);
    if (known === undefined) return undefined;
    return { outcome: known.requestHash === requestHash ? 'stored' : 'key-reused', tokenId: known.tokenId };
  };
}

/** One index probe for each organization. Keys that have not expired are not read. */
const SWEEP = `
WITH expired AS (
  SELECT old.organization_id, old.key_hash
  FROM organizations, LATERAL (
    SELECT organization_id, key_hash FROM idempotency_keys
    WHERE idempotency_keys.organization_id = organizations.organization_id AND expires_at < now()
    ORDER BY expires_at LIMIT :size
  ) AS old
  LIMIT :size
), deleted AS (
  DELETE FROM idempotency_keys USING expired
  WHERE idempotency_keys.organization_id = expired.organization_id AND idempotency_keys.key_hash = expired.key_hash
    AND idempotency_keys.expires_at < now()
  RETURNING 1
)
SELECT count(*)::integer AS deleted FROM deleted`;

const PAGE = 1_000;

export type IdempotencyKeyRepository = ReturnType<typeof idempotencyKeyRepository>;

export const idempotencyKeyRepository = (db: Knex) => ({
  /** Deletes expired keys of all organizations, page by page. Any number of processes may do so. */
  async sweep(): Promise<void> {
    for (;;) {
      const { rows } = await db.raw<{ rows: { deleted: number }[] }>(SWEEP, { size: PAGE });
      if ((rows[0]?.deleted ?? 0) < PAGE) return;
    }
  },
});
