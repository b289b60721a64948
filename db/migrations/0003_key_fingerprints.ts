import type { Knex } from 'knex';

/**
 * Beside every ciphertext stands the fingerprint of the key that sealed it. Empty: it was sealed before fingerprints were
 * kept. The indexes are partial, on a condition that always holds, so that only the statements that count keys use them.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.raw(`
    ALTER TABLE oauth_tokens ADD COLUMN access_token_key text NOT NULL DEFAULT '', ADD COLUMN refresh_token_key text;
    UPDATE oauth_tokens SET refresh_token_key = '' WHERE refresh_token IS NOT NULL;
    ALTER TABLE oauth_tokens ADD CHECK ((refresh_token IS NULL) = (refresh_token_key IS NULL));

    ALTER TABLE oauth_providers ADD COLUMN client_secret_key text;
    UPDATE oauth_providers SET client_secret_key = '' WHERE client_secret IS NOT NULL;
    ALTER TABLE oauth_providers ADD CHECK ((client_secret IS NULL) = (client_secret_key IS NULL));

    CREATE INDEX oauth_tokens_access_token_key ON oauth_tokens (organization_id, access_token_key)
      WHERE access_token_key >= '';
    CREATE INDEX oauth_tokens_refresh_token_key ON oauth_tokens (organization_id, refresh_token_key)
      WHERE refresh_token_key >= '';
    CREATE INDEX oauth_providers_client_secret_key ON oauth_providers (organization_id, client_secret_key)
      WHERE client_secret_key >= '';
  `);
}
