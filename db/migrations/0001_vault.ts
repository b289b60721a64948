import type { Knex } from 'knex';

/**
 * The vault. `organization_id` leads every key and index, so the same schema can be distributed by it; the exception is
 * `api_keys`, which is looked up by hash before the organization is known.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.raw(`
    CREATE TABLE organizations (
      organization_id uuid PRIMARY KEY,
      name text NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
      created_at timestamptz NOT NULL DEFAULT now()
    );

    CREATE TABLE workspaces (
      organization_id uuid NOT NULL REFERENCES organizations,
      workspace_id uuid NOT NULL,
      name text NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
      created_at timestamptz NOT NULL DEFAULT now(),
      PRIMARY KEY (organization_id, workspace_id),
      UNIQUE (organization_id, name)
    );

    CREATE TABLE api_keys (
      api_key_id text PRIMARY KEY CHECK (api_key_id ~ '^[0-9A-Za-z]{6}$'),
      key_hash bytea NOT NULL UNIQUE CHECK (length(key_hash) = 32),
      organization_id uuid NOT NULL,
      workspace_id uuid NOT NULL,
      user_id text NOT NULL CHECK (length(user_id) BETWEEN 1 AND 255),
      role text NOT NULL CHECK (role IN ('admin', 'member')),
      created_at timestamptz NOT NULL DEFAULT now(),
      expires_at timestamptz,
      revoked_at timestamptz,
      FOREIGN KEY (organization_id, workspace_id) REFERENCES workspaces
    );

    CREATE TABLE oauth_providers (
      organization_id uuid NOT NULL REFERENCES organizations,
      id uuid NOT NULL,
      provider_id text NOT NULL CHECK (length(provider_id) BETWEEN 1 AND 255),
      name text NOT NULL,
      client_id text NOT NULL,
      client_secret text,
      auth_url text NOT NULL,
      token_url text NOT NULL,
      uses_pkce boolean NOT NULL DEFAULT false,
      code_challenge_method text DEFAULT 'S256',
      provider_type text CHECK (provider_type IN ('microsoft', 'salesforce', 'slack')),
      token_endpoint_auth_method text NOT NULL DEFAULT 'client_secret_post'
        CHECK (token_endpoint_auth_method IN ('none', 'client_secret_basic', 'client_secret_post')),
      created_at timestamptz NOT NULL DEFAULT now(),
      updated_at timestamptz NOT NULL DEFAULT now(),
      PRIMARY KEY (organization_id, id),
      UNIQUE (organization_id, provider_id)
    );
    COMMENT ON COLUMN oauth_providers.client_secret IS 'Fernet ciphertext';

    CREATE TABLE oauth_tokens (
      organization_id uuid NOT NULL,
      id uuid NOT NULL,
      user_id text NOT NULL CHECK (length(user_id) BETWEEN 1 AND 255),
      provider_id text NOT NULL,
      workspace_id uuid NOT NULL,
      access_token text NOT NULL,
      refresh_token text,
      scopes text[] NOT NULL,
      metadata jsonb,
      expires_at timestamptz,
      created_at timestamptz NOT NULL DEFAULT now(),
      updated_at timestamptz NOT NULL DEFAULT now(),
      PRIMARY KEY (organization_id, id),
      UNIQUE (organization_id, user_id, provider_id, id),
      FOREIGN KEY (organization_id, provider_id) REFERENCES oauth_providers (organization_id, provider_id),
      FOREIGN KEY (organization_id, workspace_id) REFERENCES workspaces
    );
    COMMENT ON COLUMN oauth_tokens.access_token IS 'Fernet ciphertext';
    COMMENT ON COLUMN oauth_tokens.refresh_token IS 'Fernet ciphertext';

    -- The row that names the default is what concurrent imports queue on; a flag on the token would race with itself.
    CREATE TABLE default_tokens (
      organization_id uuid NOT NULL,
      user_id text NOT NULL,
      provider_id text NOT NULL,
      token_id uuid NOT NULL,
      PRIMARY KEY (organization_id, user_id, provider_id),
      FOREIGN KEY (organization_id, user_id, provider_id, token_id)
        REFERENCES oauth_tokens (organization_id, user_id, provider_id, id) ON DELETE CASCADE
    );

    -- No foreign keys: a record outlives what it tells of.
    CREATE TABLE audit_records (
      organization_id uuid NOT NULL,
      id uuid NOT NULL,
      recorded_at timestamptz NOT NULL DEFAULT now(),
      user_id text NOT NULL,
      credential text NOT NULL,
      action text NOT NULL,
      object_id text NOT NULL,
      request_id text,
      PRIMARY KEY (organization_id, id)
    );
  `);
}
