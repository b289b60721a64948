import type { ApiKeyOwner } from './api-keys.ts';
import { createBatcher } from './postgres/batcher.ts';
import type { HotStatements } from './postgres/hot.ts';

/** An API key that authenticates. */
export interface ValidApiKey extends ApiKeyOwner {
  /** The public part of the key. */
  readonly apiKeyId: string;
  readonly expiresAt: Date | null;
}

interface Row extends ValidApiKey {
  readonly keyHash: string;
  /** No use was recorded in this minute. */
  readonly isUnrecorded: boolean;
}

/** Finds keys by hash, because the organization is known from the key only. $1: SHA-256 hashes. */
const FIND = `
SELECT encode(key_hash, 'hex') AS "keyHash", api_key_id AS "apiKeyId", organization_id AS "organizationId",
  workspace_id AS "workspaceId", user_id AS "userId", role, acts_for AS "actsFor", expires_at AS "expiresAt",
  last_used_at IS NULL OR last_used_at < date_trunc('minute', now()) AS "isUnrecorded"
FROM api_keys
WHERE key_hash = ANY ($1::bytea[]) AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())`;

/** $1: public ids. */
const RECORD_USE = `
UPDATE api_keys SET last_used_at = date_trunc('minute', now())
WHERE api_key_id = ANY ($1::text[]) AND (last_used_at IS NULL OR last_used_at < date_trunc('minute', now()))`;

/** How many uses wait to be recorded. Further ones are dropped: a later use of the key is recorded. */
const MAX_USES_WAITING = 1_000;

export type ApiKeyLookups = ReturnType<typeof apiKeyLookups>;

/** Finds API keys by their hash. Look-ups of the same moment share a statement. */
export function apiKeyLookups(hot: HotStatements) {
  const unrecorded = new Set<string>();
  let recording: Promise<void> | undefined;

  /** No request waits for this. If a use cannot be recorded, a later one of the same minute is. */
  async function recordUses(): Promise<void> {
    while (unrecorded.size > 0) {
      const apiKeyIds = [...unrecorded];
      unrecorded.clear();
      await hot.query({ name: 'api-key.use', text: RECORD_USE, values: [apiKeyIds] }).catch(() => undefined);
    }
  }

  async function find(keyHashes: readonly string[]): Promise<(ValidApiKey | undefined)[]> {
    const values = [keyHashes.map((keyHash) => Buffer.from(keyHash, 'hex'))];
    const rows = await hot.query<Row>({ name: 'api-key.find', text: FIND, values });
    const found = new Map(rows.map((row) => [row.keyHash, row]));
    for (const { apiKeyId, isUnrecorded } of rows) {
      if (isUnrecorded && unrecorded.size < MAX_USES_WAITING) unrecorded.add(apiKeyId);
    }
    if (recording === undefined && unrecorded.size > 0) {
      recording = recordUses().finally(() => {
        recording = undefined;
      });
    }
    return keyHashes.map((keyHash) => found.get(keyHash));
  }

  const batcher = createBatcher<string, ValidApiKey | undefined>({
    send: find,
    tenantOf: () => '', // the look-up finds it
    sizeOf: (keyHash) => keyHash.length,
  });

  return {
    /** The key with this SHA-256, in hexadecimal digits. Undefined: there is none, or it is revoked or expired. */
    find: (keyHash: string) => batcher.add(keyHash),

    /** Takes no more look-ups, and resolves once the uses are recorded. */
    async close(): Promise<void> {
      await batcher.close();
      await recording;
    },
  };
}
