import type { Knex } from 'knex';
import { type GeneratedApiKey, generateApiKey } from '../crypto/api-key.ts';
import { type Actor, record } from './audit.ts';
import { retryLocked } from './postgres/errors.ts';

/** Whether the key acts for its own user only, or for any user of its organization. */
export type ActsFor = 'user' | 'organization';

export interface ApiKeyOwner {
  readonly organizationId: string;
  readonly workspaceId: string;
  readonly userId: string;
  readonly role: 'admin' | 'member';
  readonly actsFor: ActsFor;
}

export interface ApiKey extends ApiKeyOwner {
  /** The public part of the key. */
  readonly apiKeyId: string;
  readonly expiresAt: Date | null;
  readonly revokedAt: Date | null;
  /** To the minute; null: never. */
  readonly lastUsedAt: Date | null;
}

export interface NewApiKey extends Omit<ApiKeyOwner, 'actsFor'> {
  /** Default: its own user. */
  readonly actsFor?: ActsFor | undefined;
  readonly expiresInSeconds: number | null;
}

/** An API key just made. The key itself is stored nowhere. */
export type IssuedApiKey = ApiKey & { readonly apiKey: string };

const COLUMNS = `api_key_id AS "apiKeyId", organization_id AS "organizationId", workspace_id AS "workspaceId",
  user_id AS "userId", role, acts_for AS "actsFor", expires_at AS "expiresAt", revoked_at AS "revokedAt",
  last_used_at AS "lastUsedAt"`;

const CREATE = `
INSERT INTO api_keys (api_key_id, key_hash, organization_id, workspace_id, user_id, role, acts_for, expires_at)
VALUES (:apiKeyId, :keyHash, :organizationId, :workspaceId, :userId, :role, :actsFor,
  now() + make_interval(secs => :expiresInSeconds::double precision))
ON CONFLICT (api_key_id) DO NOTHING
RETURNING ${COLUMNS}`;

const LIST = `
SELECT ${COLUMNS} FROM api_keys WHERE organization_id = :organizationId ORDER BY created_at, api_key_id`;

const REVOKE = `
UPDATE api_keys SET revoked_at = now()
WHERE organization_id = :organizationId AND api_key_id = :apiKeyId AND revoked_at IS NULL
RETURNING revoked_at AS "revokedAt"`;

const FIND_REVOKED = `
SELECT revoked_at AS "revokedAt" FROM api_keys
WHERE organization_id = :organizationId AND api_key_id = :apiKeyId AND revoked_at IS NOT NULL`;

export type ApiKeyRepository = ReturnType<typeof apiKeyRepository>;

export function apiKeyRepository(db: Knex) {
  /** Undefined: the public id is taken. */
  function insert(key: NewApiKey & Omit<GeneratedApiKey, 'apiKey'>, by: Actor): Promise<ApiKey | undefined> {
    const { organizationId, apiKeyId } = key;
    return db.transaction(async (transaction) => {
      const { rows } = await transaction.raw<{ rows: ApiKey[] }>(CREATE, {
        apiKeyId,
        keyHash: Buffer.from(key.keyHash, 'hex'),
        organizationId,
        workspaceId: key.workspaceId,
        userId: key.userId,
        role: key.role,
        actsFor: key.actsFor ?? 'user',
        expiresInSeconds: key.expiresInSeconds,
      });
      const [created] = rows;
      if (created !== undefined) {
        await record(transaction, by, { organizationId, action: 'api-key.create', objectId: apiKeyId });
      }
      return created;
    });
  }

  return {
    /** Makes an API key with a free public id. */
    async create(owner: NewApiKey, by: Actor): Promise<IssuedApiKey> {
      for (;;) {
        const { apiKey, ...generated } = generateApiKey();
        const created = await retryLocked(() => insert({ ...owner, ...generated }, by));
        if (created !== undefined) return { ...created, apiKey };
      }
    },

    /** The organization's keys, oldest first, the revoked and expired ones included. */
    async list(organizationId: string): Promise<readonly ApiKey[]> {
      return (await db.raw<{ rows: ApiKey[] }>(LIST, { organizationId })).rows;
    },

    /**
     * Revokes the key. The first revocation leaves an audit record.
     * @returns when it was revoked: now, or earlier; undefined: the organization has no such key
     */
    revoke(organizationId: string, apiKeyId: string, by: Actor): Promise<Date | undefined> {
      const key = { organizationId, apiKeyId };
      const change = async (transaction: Knex.Transaction) => {
        const revoked = await transaction.raw<{ rows: { revokedAt: Date }[] }>(REVOKE, key);
        const [now] = revoked.rows;
        if (now !== undefined) {
          await record(transaction, by, { organizationId, action: 'api-key.revoke', objectId: apiKeyId });
          return now.revokedAt;
        }
        const earlier = await transaction.raw<{ rows: { revokedAt: Date }[] }>(FIND_REVOKED, key);
        return earlier.rows[0]?.revokedAt;
      };
      return retryLocked(() => db.transaction(change));
    },
  };
}
