import type { Knex } from 'knex';

/**
 * Labels for tokens; a provider that is deleted takes its tokens with it. One unique key serves the foreign key of the
 * defaults and finds the tokens of a provider and of a user: each further index that begins with the organization would be
 * one more that a plan, made and kept while the table is small, could read from end to end once it is large.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.raw(`
    ALTER TABLE default_tokens
      DROP CONSTRAINT default_tokens_organization_id_user_id_provider_id_token_i_fkey;
    ALTER TABLE oauth_tokens
      ADD COLUMN provider_account_label text,
      DROP CONSTRAINT oauth_tokens_organization_id_user_id_provider_id_id_key,
      ADD UNIQUE (organization_id, provider_id, user_id, id),
      DROP CONSTRAINT oauth_tokens_organization_id_provider_id_fkey,
      ADD FOREIGN KEY (organization_id, provider_id)
        REFERENCES oauth_providers (organization_id, provider_id) ON DELETE CASCADE;
    ALTER TABLE default_tokens
      ADD FOREIGN KEY (organization_id, provider_id, user_id, token_id)
        REFERENCES oauth_tokens (organization_id, provider_id, user_id, id) ON DELETE CASCADE;
  `);
}
