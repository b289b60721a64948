import { setTimeout as delay } from 'node:timers/promises';
import { context, ROOT_CONTEXT } from '@opentelemetry/api';
import type { ApiKeyOwner } from './api-keys.ts';
import { createBatcher } from './postgres/batcher.ts';
import type { HotStatement, HotStatements } from './postgres/hot.ts';

/** An API key that authenticates. */
export interface ValidApiKey extends ApiKeyOwner {
  /** The public part of the key. */
  readonly apiKeyId: string;
  /** Its name in audit records. */
  readonly credential: string;
  readonly expiresAt: Date | null;
}

interface Row extends ValidApiKey {
  readonly keyHash: string;
  /** No use was recorded in this minute. */
  readonly isUnrecorded: boolean;
}

const IS_VALID = 'revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())';

/** Finds keys by hash, because the organization is known from the key only. $1: SHA-256 hashes. */
const FIND = `
SELECT encode(key_hash, 'hex') AS "keyHash", api_key_id AS "apiKeyId", 'api-key:' || api_key_id AS credential,
  organization_id AS "organizationId",
  workspace_id AS "workspaceId", user_id AS "userId", role, acts_for AS "actsFor", expires_at AS "expiresAt",
  last_used_at IS NULL OR last_used_at < date_trunc('minute', now()) AS "isUnrecorded"
FROM api_keys
WHERE key_hash = ANY ($1::bytea[]) AND ${IS_VALID}`;

/** Selects the keys that still authenticate, as one text: thousands of rows would take ten times as long. $1: public ids. */
const CONFIRM = `
SELECT coalesce(string_agg(api_key_id, ' '), '') AS "apiKeyIds" FROM api_keys
WHERE api_key_id = ANY (string_to_array($1, ' ')) AND ${IS_VALID}`;

/** $1: public ids. */
const RECORD_USE = `
UPDATE api_keys SET last_used_at = date_trunc('minute', now())
WHERE api_key_id = ANY ($1::text[]) AND (last_used_at IS NULL OR last_used_at < date_trunc('minute', now()))`;

/** Uses within this time are recorded together. A record is exact to the minute. */
const RECORD_MS = 1_000;
const RECORDED_AT_ONCE = 1_000;
/** How many uses wait to be recorded. Further ones are dropped: a later use of the key is recorded. */
const MAX_USES_WAITING = 10_000;

export type ApiKeyLookups = ReturnType<typeof apiKeyLookups>;

/** Finds API keys by their hash. Look-ups of the same moment share a statement. */
export function apiKeyLookups(hot: HotStatements) {
  /** The statement belongs to no request, so it makes no span. */
  const forNobody = <Row>(statement: HotStatement) =>
    context.with(ROOT_CONTEXT, () => hot.query<Row>(statement));
  const unrecorded = new Set<string>();
  const closing = new AbortController();
  let recording: Promise<void> | undefined;

  /** No request waits for this. If a use cannot be recorded, a later one of the same minute is. */
  async function recordUses(): Promise<void> {
    await delay(RECORD_MS, undefined, { signal: closing.signal, ref: false }).catch(() => undefined);
    while (unrecorded.size > 0) {
      const apiKeyIds = [...unrecorded].slice(0, RECORDED_AT_ONCE);
      for (const apiKeyId of apiKeyIds) unrecorded.delete(apiKeyId);
      await forNobody({ name: 'api-key.use', text: RECORD_USE, values: [apiKeyIds] }).catch(() => undefined);
    }
  }

  /** Resolves to the keys that still authenticate. */
  async function confirm(keys: readonly ValidApiKey[]): Promise<ReadonlySet<ValidApiKey>> {
    const values = [keys.map(({ apiKeyId }) => apiKeyId).join(' ')];
    const statement = { name: 'api-key.confirm', text: CONFIRM, values };
    const [row] = await forNobody<{ readonly apiKeyIds: string }>(statement);
    const valid = new Set(row?.apiKeyIds.split(' '));
    return new Set(keys.filter(({ apiKeyId }) => valid.has(apiKeyId)));
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

    confirm,

    /** Takes no more look-ups, and resolves once the uses are recorded. */
    async close(): Promise<void> {
      await batcher.close();
      closing.abort();
      await recording;
    },
  };
}
