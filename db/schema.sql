-- Written by `npm run schema` from the migrations. Do not edit.

CREATE TABLE agent_connections (
  organization_id uuid NOT NULL,
  id uuid NOT NULL,
  agent_id text NOT NULL,
  provider_id text NOT NULL,
  user_id text NOT NULL,
  token_id uuid NOT NULL,
  created_by text NOT NULL,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT agent_connections_pkey PRIMARY KEY (organization_id, id),
  CONSTRAINT agent_connections_agent_id_provider_id_key UNIQUE (organization_id, agent_id, provider_id),
  CONSTRAINT agent_connections_token_fkey FOREIGN KEY (organization_id, provider_id, user_id, token_id) REFERENCES oauth_tokens(organization_id, provider_id, user_id, id) ON DELETE CASCADE,
  CONSTRAINT agent_connections_agent_id_check CHECK (((length(agent_id) >= 1) AND (length(agent_id) <= 255)))
);
COMMENT ON COLUMN agent_connections.user_id IS 'the owner of the token';
CREATE INDEX agent_connections_token_idx ON agent_connections USING btree (organization_id, provider_id, user_id, token_id);

CREATE TABLE api_keys (
  api_key_id text NOT NULL,
  key_hash bytea NOT NULL,
  organization_id uuid NOT NULL,
  workspace_id uuid NOT NULL,
  user_id text NOT NULL,
  role text NOT NULL,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  expires_at timestamp with time zone,
  revoked_at timestamp with time zone,
  last_used_at timestamp with time zone,
  acts_for text NOT NULL DEFAULT 'user'::text,
  CONSTRAINT api_keys_pkey PRIMARY KEY (api_key_id),
  CONSTRAINT api_keys_key_hash_key UNIQUE (key_hash),
  CONSTRAINT api_keys_organization_id_workspace_id_fkey FOREIGN KEY (organization_id, workspace_id) REFERENCES workspaces(organization_id, workspace_id),
  CONSTRAINT api_keys_acts_for_check CHECK ((acts_for = ANY (ARRAY['user'::text, 'organization'::text]))),
  CONSTRAINT api_keys_api_key_id_check CHECK ((api_key_id ~ '^[0-9A-Za-z]{6}$'::text)),
  CONSTRAINT api_keys_key_hash_check CHECK ((length(key_hash) = 32)),
  CONSTRAINT api_keys_role_check CHECK ((role = ANY (ARRAY['admin'::text, 'member'::text]))),
  CONSTRAINT api_keys_user_id_check CHECK (((length(user_id) >= 1) AND (length(user_id) <= 255)))
);
COMMENT ON COLUMN api_keys.last_used_at IS 'to the minute';

CREATE TABLE audit_records (
  organization_id uuid NOT NULL,
  id uuid NOT NULL,
  recorded_at timestamp with time zone NOT NULL DEFAULT now(),
  user_id text NOT NULL,
  credential text NOT NULL,
  action text NOT NULL,
  object_id text NOT NULL,
  request_id text,
  agent_id text,
  outcome text,
  CONSTRAINT audit_records_pkey PRIMARY KEY (organization_id, id)
);
COMMENT ON COLUMN audit_records.outcome IS 'of token.delete and token.revoke: pending, revoked, unsupported or failed';

CREATE TABLE authorizations (
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
  status text NOT NULL DEFAULT 'pending'::text,
  token_id uuid,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  expires_at timestamp with time zone NOT NULL,
  CONSTRAINT authorizations_pkey PRIMARY KEY (organization_id, id),
  CONSTRAINT authorizations_state_hash_key UNIQUE (organization_id, state_hash),
  CONSTRAINT authorizations_provider_id_fkey FOREIGN KEY (organization_id, provider_id) REFERENCES oauth_providers(organization_id, provider_id) ON DELETE CASCADE,
  CONSTRAINT authorizations_workspace_id_fkey FOREIGN KEY (organization_id, workspace_id) REFERENCES workspaces(organization_id, workspace_id),
  CONSTRAINT authorizations_state_hash_check CHECK ((length(state_hash) = 32)),
  CONSTRAINT authorizations_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'claimed'::text, 'completed'::text, 'refused'::text, 'failed'::text]))),
  CONSTRAINT authorizations_token_id_check CHECK (((token_id IS NOT NULL) = (status = 'completed'::text))),
  CONSTRAINT authorizations_user_id_check CHECK (((length(user_id) >= 1) AND (length(user_id) <= 255)))
);
COMMENT ON COLUMN authorizations.id IS '128 random bits, never a time';
COMMENT ON COLUMN authorizations.secrets IS 'Fernet ciphertext of the state and the PKCE verifier';
CREATE INDEX authorizations_expires_at_idx ON authorizations USING btree (organization_id, expires_at);
CREATE INDEX authorizations_provider_id_idx ON authorizations USING btree (organization_id, provider_id);
CREATE INDEX authorizations_secrets_key_idx ON authorizations USING btree (organization_id, secrets_key) WHERE (secrets_key >= ''::text);
CREATE INDEX authorizations_user_id_idx ON authorizations USING btree (organization_id, user_id) WHERE (status = 'pending'::text);

CREATE TABLE default_tokens (
  organization_id uuid NOT NULL,
  user_id text NOT NULL,
  provider_id text NOT NULL,
  token_id uuid NOT NULL,
  CONSTRAINT default_tokens_pkey PRIMARY KEY (organization_id, user_id, provider_id),
  CONSTRAINT default_tokens_token_fkey FOREIGN KEY (organization_id, provider_id, user_id, token_id) REFERENCES oauth_tokens(organization_id, provider_id, user_id, id) ON DELETE CASCADE
);

CREATE TABLE idempotency_keys (
  organization_id uuid NOT NULL,
  key_hash bytea NOT NULL,
  request_hash bytea NOT NULL,
  token_id uuid NOT NULL,
  expires_at timestamp with time zone NOT NULL,
  CONSTRAINT idempotency_keys_pkey PRIMARY KEY (organization_id, key_hash),
  CONSTRAINT idempotency_keys_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(organization_id) ON DELETE CASCADE,
  CONSTRAINT idempotency_keys_key_hash_check CHECK ((length(key_hash) = 32)),
  CONSTRAINT idempotency_keys_request_hash_check CHECK ((length(request_hash) = 32))
);
COMMENT ON COLUMN idempotency_keys.key_hash IS 'SHA-256 of the user and the Idempotency-Key';
COMMENT ON COLUMN idempotency_keys.request_hash IS 'HMAC-SHA256 of the request; its key is the Idempotency-Key, which is not stored';
COMMENT ON COLUMN idempotency_keys.token_id IS 'the answer; the token may be gone by now';
CREATE INDEX idempotency_keys_expires_at_idx ON idempotency_keys USING btree (organization_id, expires_at);

CREATE TABLE oauth_providers (
  organization_id uuid NOT NULL,
  id uuid NOT NULL,
  provider_id text NOT NULL,
  name text NOT NULL,
  client_id text NOT NULL,
  client_secret text,
  auth_url text NOT NULL,
  token_url text NOT NULL,
  uses_pkce boolean NOT NULL DEFAULT false,
  code_challenge_method text DEFAULT 'S256'::text,
  provider_type text,
  token_endpoint_auth_method text NOT NULL DEFAULT 'client_secret_post'::text,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  updated_at timestamp with time zone NOT NULL DEFAULT now(),
  client_secret_key text,
  deleting_at timestamp with time zone,
  settings_version integer NOT NULL DEFAULT 1,
  refresh_failures integer NOT NULL DEFAULT 0,
  refresh_paused_until timestamp with time zone,
  refresh_paused_version integer,
  refresh_problem text,
  revocation_endpoint text,
  mcp_server_url text,
  issuer text,
  sends_issuer boolean NOT NULL DEFAULT false,
  resource text,
  default_scopes text[],
  is_dynamic_client boolean NOT NULL DEFAULT false,
  registration_endpoint text,
  registration_token text,
  registration_token_key text,
  registration_uri text,
  client_secret_expires_at timestamp with time zone,
  registered_again_at timestamp with time zone,
  CONSTRAINT oauth_providers_pkey PRIMARY KEY (organization_id, id),
  CONSTRAINT oauth_providers_organization_id_provider_id_key UNIQUE (organization_id, provider_id),
  CONSTRAINT oauth_providers_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(organization_id),
  CONSTRAINT oauth_providers_client_secret_key_check CHECK (((client_secret IS NULL) = (client_secret_key IS NULL))),
  CONSTRAINT oauth_providers_provider_id_check CHECK (((length(provider_id) >= 1) AND (length(provider_id) <= 255))),
  CONSTRAINT oauth_providers_provider_type_check CHECK ((provider_type = ANY (ARRAY['microsoft'::text, 'salesforce'::text, 'slack'::text]))),
  CONSTRAINT oauth_providers_registration_token_key_check CHECK (((registration_token IS NULL) = (registration_token_key IS NULL))),
  CONSTRAINT oauth_providers_token_endpoint_auth_method_check CHECK ((token_endpoint_auth_method = ANY (ARRAY['none'::text, 'client_secret_basic'::text, 'client_secret_post'::text])))
);
COMMENT ON COLUMN oauth_providers.client_secret IS 'Fernet ciphertext';
COMMENT ON COLUMN oauth_providers.deleting_at IS 'out of use since then; its tokens are being deleted';
COMMENT ON COLUMN oauth_providers.settings_version IS 'grows with every change; ends the authorizations begun before';
COMMENT ON COLUMN oauth_providers.refresh_failures IS 'since the last answer';
COMMENT ON COLUMN oauth_providers.refresh_paused_version IS 'of the settings that the pause is for';
COMMENT ON COLUMN oauth_providers.refresh_problem IS 'why refreshes pause, of a known list';
COMMENT ON COLUMN oauth_providers.revocation_endpoint IS 'RFC 7009; null: none was discovered';
COMMENT ON COLUMN oauth_providers.issuer IS 'RFC 8414; null: the provider was not discovered';
COMMENT ON COLUMN oauth_providers.sends_issuer IS 'RFC 9207: a callback without iss is refused';
COMMENT ON COLUMN oauth_providers.resource IS 'RFC 8707; null: none is sent';
COMMENT ON COLUMN oauth_providers.default_scopes IS 'asked for where a request names no scopes';
COMMENT ON COLUMN oauth_providers.registration_endpoint IS 'RFC 7591; null: the client was not registered by us';
COMMENT ON COLUMN oauth_providers.registration_token IS 'Fernet ciphertext; RFC 7592';
COMMENT ON COLUMN oauth_providers.client_secret_expires_at IS 'of a registered client; null: never';
COMMENT ON COLUMN oauth_providers.registered_again_at IS 'when a process last claimed to register the client again';
CREATE INDEX oauth_providers_client_secret_key_idx ON oauth_providers USING btree (organization_id, client_secret_key) WHERE (client_secret_key >= ''::text);
CREATE INDEX oauth_providers_deleting_idx ON oauth_providers USING btree (organization_id, provider_id) WHERE (deleting_at IS NOT NULL);
CREATE INDEX oauth_providers_registration_token_key_idx ON oauth_providers USING btree (organization_id, registration_token_key) WHERE (registration_token_key >= ''::text);

CREATE TABLE oauth_tokens (
  organization_id uuid NOT NULL,
  id uuid NOT NULL,
  user_id text NOT NULL,
  provider_id text NOT NULL,
  workspace_id uuid NOT NULL,
  access_token text NOT NULL,
  refresh_token text,
  scopes text[] NOT NULL,
  metadata jsonb,
  expires_at timestamp with time zone,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  updated_at timestamp with time zone NOT NULL DEFAULT now(),
  provider_account_label text,
  access_token_key text NOT NULL DEFAULT ''::text,
  refresh_token_key text,
  requested_scopes text[],
  refresh_expires_at timestamp with time zone,
  account_id text,
  generation integer NOT NULL DEFAULT 0,
  grant_number integer NOT NULL DEFAULT 0,
  received_at timestamp with time zone,
  received_by uuid,
  refresh_attempt uuid,
  lease_until timestamp with time zone,
  refresh_begun_at timestamp with time zone,
  refresh_failures integer NOT NULL DEFAULT 0,
  refresh_after timestamp with time zone,
  refresh_problem text,
  refresh_due_at timestamp with time zone DEFAULT (now() + '1 day'::interval),
  dead_at timestamp with time zone,
  dead_reason text,
  last_used_at timestamp with time zone,
  CONSTRAINT oauth_tokens_pkey PRIMARY KEY (organization_id, id),
  CONSTRAINT oauth_tokens_organization_id_provider_id_user_id_id_key UNIQUE (organization_id, provider_id, user_id, id),
  CONSTRAINT oauth_tokens_organization_id_provider_id_fkey FOREIGN KEY (organization_id, provider_id) REFERENCES oauth_providers(organization_id, provider_id) ON DELETE CASCADE,
  CONSTRAINT oauth_tokens_organization_id_workspace_id_fkey FOREIGN KEY (organization_id, workspace_id) REFERENCES workspaces(organization_id, workspace_id),
  CONSTRAINT oauth_tokens_dead_reason_check CHECK (((dead_at IS NULL) = (dead_reason IS NULL))),
  CONSTRAINT oauth_tokens_lease_until_check CHECK (((refresh_attempt IS NULL) = (lease_until IS NULL))),
  CONSTRAINT oauth_tokens_refresh_token_key_check CHECK (((refresh_token IS NULL) = (refresh_token_key IS NULL))),
  CONSTRAINT oauth_tokens_user_id_check CHECK (((length(user_id) >= 1) AND (length(user_id) <= 255)))
);
COMMENT ON COLUMN oauth_tokens.access_token IS 'Fernet ciphertext';
COMMENT ON COLUMN oauth_tokens.refresh_token IS 'Fernet ciphertext';
COMMENT ON COLUMN oauth_tokens.requested_scopes IS 'asked for at the consent; null: the token was imported';
COMMENT ON COLUMN oauth_tokens.refresh_expires_at IS 'of the refresh token; null: unknown';
COMMENT ON COLUMN oauth_tokens.account_id IS 'of the account at the provider, where the provider tells it';
COMMENT ON COLUMN oauth_tokens.generation IS 'grows with every pair of tokens that takes the place of another';
COMMENT ON COLUMN oauth_tokens.grant_number IS 'grows with every consent that replaces the grant';
COMMENT ON COLUMN oauth_tokens.received_at IS 'of the current pair; null: with the row';
COMMENT ON COLUMN oauth_tokens.received_by IS 'the refresh attempt whose answer is the current pair';
COMMENT ON COLUMN oauth_tokens.refresh_attempt IS 'claimed, and not settled; without a lease an orphan';
COMMENT ON COLUMN oauth_tokens.refresh_begun_at IS 'of the last attempt';
COMMENT ON COLUMN oauth_tokens.refresh_failures IS 'since the last answer';
COMMENT ON COLUMN oauth_tokens.refresh_after IS 'no attempt before';
COMMENT ON COLUMN oauth_tokens.refresh_problem IS 'how the last attempt failed, of a known list';
COMMENT ON COLUMN oauth_tokens.refresh_due_at IS 'when the background pass looks at it next';
COMMENT ON COLUMN oauth_tokens.last_used_at IS 'given out, to the hour';
CREATE INDEX oauth_tokens_access_token_key_idx ON oauth_tokens USING btree (organization_id, access_token_key) WHERE (access_token_key >= ''::text);
CREATE INDEX oauth_tokens_attempt_idx ON oauth_tokens USING btree (organization_id, lease_until) WHERE (refresh_attempt IS NOT NULL);
CREATE INDEX oauth_tokens_dead_idx ON oauth_tokens USING btree (organization_id, provider_id) WHERE (dead_at IS NOT NULL);
CREATE INDEX oauth_tokens_refresh_due_idx ON oauth_tokens USING btree (organization_id, refresh_due_at) WHERE ((refresh_token IS NOT NULL) AND (dead_at IS NULL));
CREATE INDEX oauth_tokens_refresh_expires_idx ON oauth_tokens USING btree (organization_id, refresh_expires_at) WHERE ((refresh_expires_at IS NOT NULL) AND (dead_at IS NULL));
CREATE INDEX oauth_tokens_refresh_token_key_idx ON oauth_tokens USING btree (organization_id, refresh_token_key) WHERE (refresh_token_key >= ''::text);

CREATE TABLE organizations (
  organization_id uuid NOT NULL,
  name text NOT NULL,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT organizations_pkey PRIMARY KEY (organization_id),
  CONSTRAINT organizations_name_check CHECK (((length(name) >= 1) AND (length(name) <= 255)))
);

CREATE TABLE revocations (
  organization_id uuid NOT NULL,
  id uuid NOT NULL,
  provider_id text NOT NULL,
  access_token text NOT NULL,
  access_token_key text NOT NULL,
  refresh_token text,
  refresh_token_key text,
  metadata jsonb,
  client_id text NOT NULL,
  client_secret text,
  client_secret_key text,
  auth_url text NOT NULL,
  token_url text NOT NULL,
  token_endpoint_auth_method text NOT NULL,
  revocation_endpoint text,
  user_id text NOT NULL,
  credential text NOT NULL,
  request_id text,
  attempts integer NOT NULL DEFAULT 0,
  problem text,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  next_attempt_at timestamp with time zone NOT NULL DEFAULT now(),
  token_id uuid,
  CONSTRAINT revocations_pkey PRIMARY KEY (organization_id, id),
  CONSTRAINT revocations_client_secret_key_check CHECK (((client_secret IS NULL) = (client_secret_key IS NULL))),
  CONSTRAINT revocations_refresh_token_key_check CHECK (((refresh_token IS NULL) = (refresh_token_key IS NULL)))
);
COMMENT ON TABLE revocations IS 'deleted tokens, and grants that could not be stored, whose providers have not been told yet';
COMMENT ON COLUMN revocations.id IS 'of the deleted token, or of the attempt whose answer could not be stored';
COMMENT ON COLUMN revocations.access_token IS 'Fernet ciphertext';
COMMENT ON COLUMN revocations.refresh_token IS 'Fernet ciphertext';
COMMENT ON COLUMN revocations.client_secret IS 'Fernet ciphertext; the provider may be gone';
COMMENT ON COLUMN revocations.user_id IS 'who deleted the token';
COMMENT ON COLUMN revocations.problem IS 'why the last attempt failed, of a known list';
COMMENT ON COLUMN revocations.next_attempt_at IS 'during an attempt, the end of its lease';
COMMENT ON COLUMN revocations.token_id IS 'of the token; null: the id of the row';
CREATE INDEX revocations_access_token_key_idx ON revocations USING btree (organization_id, access_token_key) WHERE (access_token_key >= ''::text);
CREATE INDEX revocations_client_secret_key_idx ON revocations USING btree (organization_id, client_secret_key) WHERE (client_secret_key >= ''::text);
CREATE INDEX revocations_next_attempt_at_idx ON revocations USING btree (organization_id, next_attempt_at);
CREATE INDEX revocations_refresh_token_key_idx ON revocations USING btree (organization_id, refresh_token_key) WHERE (refresh_token_key >= ''::text);

CREATE TABLE token_versions (
  organization_id uuid NOT NULL,
  id uuid NOT NULL,
  token_id uuid NOT NULL,
  grant_number integer NOT NULL,
  generation integer NOT NULL,
  parent integer,
  is_candidate boolean NOT NULL,
  access_token text NOT NULL,
  access_token_key text NOT NULL,
  refresh_token text NOT NULL,
  refresh_token_key text NOT NULL,
  received_at timestamp with time zone NOT NULL DEFAULT now(),
  refused_at timestamp with time zone,
  CONSTRAINT token_versions_pkey PRIMARY KEY (organization_id, id),
  CONSTRAINT token_versions_token_id_fkey FOREIGN KEY (organization_id, token_id) REFERENCES oauth_tokens(organization_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE token_versions IS 'pairs beside the current one: its predecessor, and answers that came late';
COMMENT ON COLUMN token_versions.id IS 'the refresh attempt that put the pair there';
COMMENT ON COLUMN token_versions.parent IS 'the generation that was redeemed for the pair; null: unknown';
COMMENT ON COLUMN token_versions.is_candidate IS 'came late, and was never current';
COMMENT ON COLUMN token_versions.access_token IS 'Fernet ciphertext';
COMMENT ON COLUMN token_versions.refresh_token IS 'Fernet ciphertext';
COMMENT ON COLUMN token_versions.refused_at IS 'when the provider refused the refresh token';
CREATE INDEX token_versions_access_token_key_idx ON token_versions USING btree (organization_id, access_token_key) WHERE (access_token_key >= ''::text);
CREATE INDEX token_versions_refresh_token_key_idx ON token_versions USING btree (organization_id, refresh_token_key) WHERE (refresh_token_key >= ''::text);
CREATE INDEX token_versions_token_idx ON token_versions USING btree (organization_id, token_id);

CREATE TABLE vault_identity (
  system_identifier text NOT NULL,
  database_oid text NOT NULL,
  adopted_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT vault_identity_pkey PRIMARY KEY (system_identifier, database_oid)
);
COMMENT ON TABLE vault_identity IS 'the database that may refresh; in a copy of it nothing is refreshed';

CREATE TABLE workspaces (
  organization_id uuid NOT NULL,
  workspace_id uuid NOT NULL,
  name text NOT NULL,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT workspaces_pkey PRIMARY KEY (organization_id, workspace_id),
  CONSTRAINT workspaces_organization_id_name_key UNIQUE (organization_id, name),
  CONSTRAINT workspaces_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(organization_id),
  CONSTRAINT workspaces_name_check CHECK (((length(name) >= 1) AND (length(name) <= 255)))
);
