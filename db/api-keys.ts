import type { Knex } from 'knex';
import { type GeneratedApiKey, generateApiKey } from '../crypto/api-key.ts';
import { type Actor, record } from './audit.ts';

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

interface Row {
  api_key_id: string;
  organization_id: string;
  workspace_id: string;
  user_id: string;
  role: 'admin' | 'member';
  acts_for: ActsFor;
  expires_at: Date | null;
  revoked_at: Date | null;
  last_used_at: Date | null;
}

const COLUMNS = [
  'api_key_id',
  'organization_id',
  'workspace_id',
  'user_id',
  'role',
  'acts_for',
  'expires_at',
  'revoked_at',
  'last_used_at',
];

const apiKey = (row: Row): ApiKey => ({
  apiKeyId: row.api_key_id,
  organizationId: row.organization_id,
  workspaceId: row.workspace_id,
  userId: row.user_id,
  role: row.role,
  actsFor: row.acts_for,
  expiresAt: row.expires_at,
  revokedAt: row.revoked_at,
  lastUsedAt: row.last_used_at,
});

export function apiKeyRepository(db: Knex) {
  /** Undefined: the public id is taken. */
  function insert(key: NewApiKey & Omit<GeneratedApiKey, 'apiKey'>, by: Actor): Promise<ApiKey | undefined> {
    const { organizationId, apiKeyId } = key;
    return db.transaction(async (transaction) => {
      const rows: Row[] = await transaction('api_keys')
        .insert({
          api_key_id: apiKeyId,
          key_hash: Buffer.from(key.keyHash, 'hex'),
          organization_id: organizationId,
          workspace_id: key.workspaceId,
          user_id: key.userId,
          role: key.role,
          acts_for: key.actsFor ?? 'user',
          expires_at: db.raw('now() + make_interval(secs => ?::double precision)', [key.expiresInSeconds]),
        })
        .onConflict('api_key_id')
        .ignore()
        .returning(COLUMNS);
      if (rows[0] === undefined) return undefined;
      await record(transaction, by, { organizationId, action: 'api-key.create', objectId: apiKeyId });
      return apiKey(rows[0]);
    });
  }

  return {
    /** Makes an API key, under a public id that is free. */
    async create(owner: NewApiKey, by: Actor): Promise<IssuedApiKey> {
      for (;;) {
        const { apiKey, ...generated } = generateApiKey();
        const created = await insert({ ...owner, ...generated }, by);
        if (created !== undefined) return { ...created, apiKey };
      }
    },

    /** The organization's keys, oldest first, the revoked and expired ones included. */
    async list(organizationId: string): Promise<ApiKey[]> {
      const rows: Row[] = await db('api_keys')
        .where({ organization_id: organizationId })
        .orderBy(['created_at', 'api_key_id'])
        .select(COLUMNS);
      return rows.map(apiKey);
    },

    /** When the key was revoked: now, or earlier. Undefined: the organization has no such key. */
    revoke(organizationId: string, apiKeyId: string, by: Actor): Promise<Date | undefined> {
      return db.transaction(async (transaction) => {
        const rows: { revoked_at: Date }[] = await transaction('api_keys')
          .where({ organization_id: organizationId, api_key_id: apiKeyId })
          .update({ revoked_at: db.raw('coalesce(revoked_at, now())') })
          .returning('revoked_at');
        if (rows[0] === undefined) return undefined;
        await record(transaction, by, { organizationId, action: 'api-key.revoke', objectId: apiKeyId });
        return rows[0].revoked_at;
      });
    },
  };
}
