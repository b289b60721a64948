import type { Knex } from 'knex';

/**
 * Tokens get labels, and a deleted provider takes its tokens along. One unique key serves the foreign key of the defaults,
 * and finds the tokens of a provider and of a user. A further index that begins with the organization would be a danger: a
 * plan that was made for a small table could use it, and read all of it once the table is large.
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
