import type { Knex } from 'knex';

/** Labels for tokens; a provider that is deleted takes its tokens with it, and they are found by provider. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.raw(`
    ALTER TABLE oauth_tokens
      ADD COLUMN provider_account_label text,
      DROP CONSTRAINT oauth_tokens_organization_id_provider_id_fkey,
      ADD CONSTRAINT oauth_tokens_organization_id_provider_id_fkey
        FOREIGN KEY (organization_id, provider_id) REFERENCES oauth_providers (organization_id, provider_id) ON DELETE CASCADE;
    CREATE INDEX oauth_tokens_provider ON oauth_tokens (organization_id, provider_id, workspace_id);
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.raw(`
    DROP INDEX oauth_tokens_provider;
    ALTER TABLE oauth_tokens
      DROP COLUMN provider_account_label,
      DROP CONSTRAINT oauth_tokens_organization_id_provider_id_fkey,
      ADD CONSTRAINT oauth_tokens_organization_id_provider_id_fkey
        FOREIGN KEY (organization_id, provider_id) REFERENCES oauth_providers (organization_id, provider_id);
  `);
}
