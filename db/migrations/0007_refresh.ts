import type { Knex } from 'knex';

/**
 * What keeps grants alive: generations and leases of tokens, earlier and late answers of providers, pauses of providers, and
 * the database that the vault lives in. One statement a call, and one constraint a statement, because the tables may be
 * distributed (Citus).
 */
export async function up(knex: Knex): Promise<void> {
  for (const statement of STATEMENTS) await knex.schema.raw(statement);
}

const distributed = (distribute: string) => `DO $$ BEGIN
    IF to_regclass('pg_dist_partition') IS NOT NULL THEN
      IF EXISTS (SELECT 1 FROM pg_dist_partition WHERE logicalrelid = 'organizations'::regclass) THEN
        PERFORM ${distribute};
      END IF;
    END IF;
  END $$`;

const STATEMENTS = [
  `ALTER TABLE oauth_tokens ADD COLUMN generation integer NOT NULL DEFAULT 0`,
  `COMMENT ON COLUMN oauth_tokens.generation IS 'grows with every pair of tokens that takes the place of another'`,
  `ALTER TABLE oauth_tokens ADD COLUMN grant_number integer NOT NULL DEFAULT 0`,
  `COMMENT ON COLUMN oauth_tokens.grant_number IS 'grows with every consent that replaces the grant'`,
  `ALTER TABLE oauth_tokens ADD COLUMN received_at timestamptz`,
  `COMMENT ON COLUMN oauth_tokens.received_at IS 'of the current pair; null: with the row'`,
  `ALTER TABLE oauth_tokens ADD COLUMN received_by uuid`,
  `COMMENT ON COLUMN oauth_tokens.received_by IS 'the refresh attempt whose answer is the current pair'`,
  `ALTER TABLE oauth_tokens ADD COLUMN refresh_attempt uuid`,
  `COMMENT ON COLUMN oauth_tokens.refresh_attempt IS 'claimed, and not settled; without a lease an orphan'`,
  `ALTER TABLE oauth_tokens ADD COLUMN lease_until timestamptz`,
  `ALTER TABLE oauth_tokens ADD COLUMN refresh_begun_at timestamptz`,
  `COMMENT ON COLUMN oauth_tokens.refresh_begun_at IS 'of the last attempt'`,
  `ALTER TABLE oauth_tokens ADD COLUMN refresh_failures integer NOT NULL DEFAULT 0`,
  `COMMENT ON COLUMN oauth_tokens.refresh_failures IS 'since the last answer'`,
  `ALTER TABLE oauth_tokens ADD COLUMN refresh_after timestamptz`,
  `COMMENT ON COLUMN oauth_tokens.refresh_after IS 'no attempt before'`,
  `ALTER TABLE oauth_tokens ADD COLUMN refresh_problem text`,
  `COMMENT ON COLUMN oauth_tokens.refresh_problem IS 'how the last attempt failed, of a known list'`,
  `ALTER TABLE oauth_tokens ADD COLUMN refresh_due_at timestamptz DEFAULT now() + interval '1 day'`,
  `COMMENT ON COLUMN oauth_tokens.refresh_due_at IS 'when the background pass looks at it next'`,
  `ALTER TABLE oauth_tokens ADD COLUMN dead_at timestamptz`,
  `ALTER TABLE oauth_tokens ADD COLUMN dead_reason text`,
  `ALTER TABLE oauth_tokens ADD COLUMN last_used_at timestamptz`,
  `COMMENT ON COLUMN oauth_tokens.last_used_at IS 'given out, to the hour'`,
  `ALTER TABLE oauth_tokens ADD CONSTRAINT oauth_tokens_dead_reason_check
    CHECK ((dead_at IS NULL) = (dead_reason IS NULL))`,
  `ALTER TABLE oauth_tokens ADD CONSTRAINT oauth_tokens_lease_until_check
    CHECK ((refresh_attempt IS NULL) = (lease_until IS NULL))`,
  `CREATE INDEX oauth_tokens_refresh_due_idx ON oauth_tokens (organization_id, refresh_due_at)
    WHERE refresh_token IS NOT NULL AND dead_at IS NULL`,
  `CREATE INDEX oauth_tokens_refresh_expires_idx ON oauth_tokens (organization_id, refresh_expires_at)
    WHERE refresh_expires_at IS NOT NULL AND dead_at IS NULL`,
  `CREATE INDEX oauth_tokens_attempt_idx ON oauth_tokens (organization_id, lease_until)
    WHERE refresh_attempt IS NOT NULL`,
  `CREATE INDEX oauth_tokens_dead_idx ON oauth_tokens (organization_id, provider_id) WHERE dead_at IS NOT NULL`,

  `ALTER TABLE oauth_providers ADD COLUMN refresh_failures integer NOT NULL DEFAULT 0`,
  `COMMENT ON COLUMN oauth_providers.refresh_failures IS 'since the last answer'`,
  `ALTER TABLE oauth_providers ADD COLUMN refresh_paused_until timestamptz`,
  `ALTER TABLE oauth_providers ADD COLUMN refresh_paused_version integer`,
  `COMMENT ON COLUMN oauth_providers.refresh_paused_version IS 'of the settings that the pause is for'`,
  `ALTER TABLE oauth_providers ADD COLUMN refresh_problem text`,
  `COMMENT ON COLUMN oauth_providers.refresh_problem IS 'why refreshes pause, of a known list'`,

  `CREATE TABLE token_versions (
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
    received_at timestamptz NOT NULL DEFAULT now(),
    refused_at timestamptz,
    CONSTRAINT token_versions_pkey PRIMARY KEY (organization_id, id)
  )`,
  `COMMENT ON TABLE token_versions IS 'pairs beside the current one: its predecessor, and answers that came late'`,
  `COMMENT ON COLUMN token_versions.id IS 'the refresh attempt that put the pair there'`,
  `COMMENT ON COLUMN token_versions.parent IS 'the generation that was redeemed for the pair; null: unknown'`,
  `COMMENT ON COLUMN token_versions.is_candidate IS 'came late, and was never current'`,
  `COMMENT ON COLUMN token_versions.refused_at IS 'when the provider refused the refresh token'`,
  `COMMENT ON COLUMN token_versions.access_token IS 'Fernet ciphertext'`,
  `COMMENT ON COLUMN token_versions.refresh_token IS 'Fernet ciphertext'`,
  `CREATE INDEX token_versions_token_idx ON token_versions (organization_id, token_id)`,
  `CREATE INDEX token_versions_access_token_key_idx ON token_versions (organization_id, access_token_key)
    WHERE access_token_key >= ''`,
  `CREATE INDEX token_versions_refresh_token_key_idx ON token_versions (organization_id, refresh_token_key)
    WHERE refresh_token_key >= ''`,
  distributed(
    `create_distributed_table('token_versions', 'organization_id', colocate_with => 'organizations')`,
  ),
  `ALTER TABLE token_versions ADD CONSTRAINT token_versions_token_id_fkey
    FOREIGN KEY (organization_id, token_id) REFERENCES oauth_tokens (organization_id, id) ON DELETE CASCADE`,

  `CREATE TABLE vault_identity (
    system_identifier text NOT NULL,
    database_oid text NOT NULL,
    adopted_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT vault_identity_pkey PRIMARY KEY (system_identifier, database_oid)
  )`,
  `COMMENT ON TABLE vault_identity IS 'the database that may refresh; in a copy of it nothing is refreshed'`,
  distributed(`create_reference_table('vault_identity')`),
];
