import type { Knex } from 'knex';

/** Providers that were discovered through an MCP server. One statement a call, because the tables may be distributed (Citus). */
export async function up(knex: Knex): Promise<void> {
  for (const statement of STATEMENTS) await knex.schema.raw(statement);
}

const STATEMENTS = [
  `ALTER TABLE oauth_providers ADD COLUMN mcp_server_url text`,
  `ALTER TABLE oauth_providers ADD COLUMN issuer text`,
  `COMMENT ON COLUMN oauth_providers.issuer IS 'RFC 8414; null: the provider was not discovered'`,
  `ALTER TABLE oauth_providers ADD COLUMN sends_issuer boolean NOT NULL DEFAULT false`,
  `COMMENT ON COLUMN oauth_providers.sends_issuer IS 'RFC 9207: a callback without iss is refused'`,
  `ALTER TABLE oauth_providers ADD COLUMN resource text`,
  `COMMENT ON COLUMN oauth_providers.resource IS 'RFC 8707; null: none is sent'`,
  `ALTER TABLE oauth_providers ADD COLUMN default_scopes text[]`,
  `COMMENT ON COLUMN oauth_providers.default_scopes IS 'asked for where a request names no scopes'`,
  `ALTER TABLE oauth_providers ADD COLUMN is_dynamic_client boolean NOT NULL DEFAULT false`,
  `ALTER TABLE oauth_providers ADD COLUMN registration_endpoint text`,
  `COMMENT ON COLUMN oauth_providers.registration_endpoint IS 'RFC 7591; null: the client was not registered by us'`,
  `ALTER TABLE oauth_providers ADD COLUMN registration_token text`,
  `COMMENT ON COLUMN oauth_providers.registration_token IS 'Fernet ciphertext; RFC 7592'`,
  `ALTER TABLE oauth_providers ADD COLUMN registration_token_key text`,
  `ALTER TABLE oauth_providers ADD COLUMN registration_uri text`,
  `ALTER TABLE oauth_providers ADD COLUMN client_secret_expires_at timestamptz`,
  `COMMENT ON COLUMN oauth_providers.client_secret_expires_at IS 'of a registered client; null: never'`,
  `ALTER TABLE oauth_providers ADD COLUMN registered_again_at timestamptz`,
  `COMMENT ON COLUMN oauth_providers.registered_again_at IS 'when a process last claimed to register the client again'`,
  `ALTER TABLE oauth_providers ADD CONSTRAINT oauth_providers_registration_token_key_check
    CHECK ((registration_token IS NULL) = (registration_token_key IS NULL))`,
  `CREATE INDEX oauth_providers_registration_token_key_idx ON oauth_providers (organization_id, registration_token_key)
    WHERE registration_token_key >= ''`,
];
