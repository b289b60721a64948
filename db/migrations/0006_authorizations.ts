import type { Knex } from 'knex';

/**
 * Consents under way, the columns of tokens that come from consents, and `acts_for` of API keys. One statement a call, and
 * one constraint a statement, because the tables may be distributed (Citus).
 */
export async function up(knex: Knex): Promise<void> {
  for (const statement of STATEMENTS) await knex.schema.raw(statement);
}

const STATEMENTS = [
  `ALTER TABLE api_keys ADD COLUMN acts_for text NOT NULL DEFAULT 'user'`,
  `ALTER TABLE api_keys ADD CONSTRAINT api_keys_acts_for_check CHECK (acts_for IN ('user', 'organization'))`,

  `ALTER TABLE oauth_providers ADD COLUMN settings_version integer NOT NULL DEFAULT 1`,
  `COMMENT ON COLUMN oauth_providers.settings_version IS 'grows with every change; ends the authorizations begun before'`,

  `ALTER TABLE oauth_tokens ADD COLUMN requested_scopes text[]`,
  `COMMENT ON COLUMN oauth_tokens.requested_scopes IS 'asked for at the consent; null: the token was imported'`,
  `ALTER TABLE oauth_tokens ADD COLUMN refresh_expires_at timestamptz`,
  `COMMENT ON COLUMN oauth_tokens.refresh_expires_at IS 'of the refresh token; null: unknown'`,
  `ALTER TABLE oauth_tokens ADD COLUMN account_id text`,
  `COMMENT ON COLUMN oauth_tokens.account_id IS 'of the account at the provider, where the provider tells it'`,

  `ALTER TABLE audit_records ADD COLUMN agent_id text`,

  `CREATE TABLE authorizations (
    organization_id uuid NOT NULL,
    id uuid NOT NULL,
    user_id text NOT NULL,
    provider_id text NOT NULL,
    provider_version integer NOT NULL,
    workspace_id uuid NOT NULL,
    state_hash bytea NOT NULL,
    secrets text NOT NULL,
    secrets_key text NOT NULL,
    redirect_uri text NOT NULL,
    scopes text[] NOT NULL,
    is_default boolean NOT NULL,
    replaces_token_id uuid,
    agent_id text,
    credential text NOT NULL,
    request_id text,
    status text NOT NULL DEFAULT 'pending',
    token_id uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    CONSTRAINT authorizations_pkey PRIMARY KEY (organization_id, id),
    CONSTRAINT authorizations_state_hash_key UNIQUE (organization_id, state_hash),
    CONSTRAINT authorizations_user_id_check CHECK (length(user_id) BETWEEN 1 AND 255),
    CONSTRAINT authorizations_state_hash_check CHECK (length(state_hash) = 32),
    CONSTRAINT authorizations_status_check CHECK (status IN ('pending', 'claimed', 'completed', 'refused', 'failed')),
    CONSTRAINT authorizations_token_id_check CHECK ((token_id IS NOT NULL) = (status = 'completed'))
  )`,
  `COMMENT ON COLUMN authorizations.id IS '128 random bits, never a time'`,
  `COMMENT ON COLUMN authorizations.secrets IS 'Fernet ciphertext of the state and the PKCE verifier'`,
  `CREATE INDEX authorizations_user_id_idx ON authorizations (organization_id, user_id) WHERE status = 'pending'`,
  `CREATE INDEX authorizations_provider_id_idx ON authorizations (organization_id, provider_id)`,
  `CREATE INDEX authorizations_expires_at_idx ON authorizations (organization_id, expires_at)`,
  `CREATE INDEX authorizations_secrets_key_idx ON authorizations (organization_id, secrets_key) WHERE secrets_key >= ''`,
  `DO $$ BEGIN
    IF to_regclass('pg_dist_partition') IS NOT NULL THEN
      IF EXISTS (SELECT 1 FROM pg_dist_partition WHERE logicalrelid = 'organizations'::regclass) THEN
        PERFORM create_distributed_table('authorizations', 'organization_id', colocate_with => 'organizations');
      END IF;
    END IF;
  END $$`,
  `ALTER TABLE authorizations ADD CONSTRAINT authorizations_provider_id_fkey
    FOREIGN KEY (organization_id, provider_id) REFERENCES oauth_providers (organization_id, provider_id) ON DELETE CASCADE`,
  `ALTER TABLE authorizations ADD CONSTRAINT authorizations_workspace_id_fkey
    FOREIGN KEY (organization_id, workspace_id) REFERENCES workspaces (organization_id, workspace_id)`,
];
