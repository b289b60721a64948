import type { Knex } from 'knex';

/** PostgreSQL has cut the first name off. The others do not say which column they check. */
const CONSTRAINTS = [
  {
    table: 'default_tokens',
    from: 'default_tokens_organization_id_provider_id_user_id_token_i_fkey',
    to: 'default_tokens_token_fkey',
  },
  { table: 'oauth_tokens', from: 'oauth_tokens_check', to: 'oauth_tokens_refresh_token_key_check' },
  { table: 'oauth_providers', from: 'oauth_providers_check', to: 'oauth_providers_client_secret_key_check' },
] as const;

/** These ended like the names of unique constraints. */
const INDEXES = [
  'oauth_tokens_access_token_key',
  'oauth_tokens_refresh_token_key',
  'oauth_providers_client_secret_key',
] as const;

/**
 * Every constraint and index gets a name of its own that says what it holds. A provider that is being deleted is marked.
 * It is out of use at once, while its tokens are deleted in steps.
 */
export async function up(knex: Knex): Promise<void> {
  if (!(await isDistributed(knex))) {
    for (const { table, from, to } of CONSTRAINTS) {
      await knex.raw(`ALTER TABLE ${table} RENAME CONSTRAINT ${from} TO ${to}`);
    }
  }
  for (const index of INDEXES) await knex.raw(`ALTER INDEX ${index} RENAME TO ${index}_idx`);
  await knex.raw('ALTER TABLE oauth_providers ADD COLUMN deleting_at timestamptz');
  await knex.raw(
    `COMMENT ON COLUMN oauth_providers.deleting_at IS 'out of use since then; its tokens are being deleted'`,
  );
  await knex.raw(`CREATE INDEX oauth_providers_deleting_idx ON oauth_providers (organization_id, provider_id)
    WHERE deleting_at IS NOT NULL`);
}

/** Whether Citus shards the tables. It cannot rename their constraints, and the names matter to people only. */
async function isDistributed(knex: Knex): Promise<boolean> {
  const catalogue = await knex.raw<{ rows: { isThere: boolean }[] }>(
    `SELECT to_regclass('pg_catalog.pg_dist_partition') IS NOT NULL AS "isThere"`,
  );
  if (catalogue.rows[0]?.isThere !== true) return false;
  const { rows } = await knex.raw<{ rows: unknown[] }>('SELECT 1 FROM pg_dist_partition LIMIT 1');
  return rows.length > 0;
}
