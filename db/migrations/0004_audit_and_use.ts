import type { Knex } from 'knex';

/** The audit trail is append-only, also for the service's own role (not for a superuser). API keys tell their last use. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.raw(`
    REVOKE UPDATE, DELETE, TRUNCATE ON audit_records FROM CURRENT_USER;
    ALTER TABLE api_keys ADD COLUMN last_used_at timestamptz;
    COMMENT ON COLUMN api_keys.last_used_at IS 'to the minute';
  `);
}
