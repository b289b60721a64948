import type { Knex } from 'knex';

/**
 * Beside every ciphertext, the fingerprint of the key that sealed it; null: sealed before fingerprints were kept. Indexed, so
 * that counting does not read the ciphertexts.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.raw(`
    ALTER TABLE oauth_tokens ADD COLUMN access_token_key text, ADD COLUMN refresh_token_key text;
    ALTER TABLE oauth_providers ADD COLUMN client_secret_key text;
    CREATE INDEX oauth_tokens_keys ON oauth_tokens (organization_id, access_token_key, refresh_token_key);
    CREATE INDEX oauth_providers_keys ON oauth_providers (organization_id, client_secret_key);
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.raw(`
    ALTER TABLE oauth_tokens DROP COLUMN access_token_key, DROP COLUMN refresh_token_key;
    ALTER TABLE oauth_providers DROP COLUMN client_secret_key;
  `);
}
