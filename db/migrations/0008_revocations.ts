import type { Knex } from 'knex';

/**
 * Deleted tokens that are not yet revoked at their providers, and `outcome` of audit records. One statement a call, and one
 * constraint a statement, because the tables may be distributed (Citus).
 */
export async function up(knex: Knex): Promise<void> {
  for (const statement of STATEMENTS) await knex.schema.raw(statement);
}

const STATEMENTS = [
  `ALTER TABLE oauth_providers ADD COLUMN revocation_endpoint text`,
  `COMMENT ON COLUMN oauth_providers.revocation_endpoint IS 'RFC 7009; null: none was discovered'`,
  `ALTER TABLE audit_records ADD COLUMN outcome text`,
  `COMMENT ON COLUMN audit_records.outcome IS 'of token.delete and token.revoke: pending, revoked, unsupported or failed'`,
  `CREATE TABLE revocations (
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
    created_at timestamptz NOT NULL DEFAULT now(),
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT revocations_pkey PRIMARY KEY (organization_id, id),
    CONSTRAINT revocations_refresh_token_key_check CHECK ((refresh_token IS NULL) = (refresh_token_key IS NULL)),
    CONSTRAINT revocations_client_secret_key_check CHECK ((client_secret IS NULL) = (client_secret_key IS NULL))
  )`,
  `COMMENT ON TABLE revocations IS 'deleted tokens whose providers have not been told yet'`,
  `COMMENT ON COLUMN revocations.id IS 'of the deleted token'`,
  `COMMENT ON COLUMN revocations.access_token IS 'Fernet ciphertext'`,
  `COMMENT ON COLUMN revocations.refresh_token IS 'Fernet ciphertext'`,
  `COMMENT ON COLUMN revocations.client_secret IS 'Fernet ciphertext; the provider may be gone'`,
  `COMMENT ON COLUMN revocations.user_id IS 'who deleted the token'`,
  `COMMENT ON COLUMN revocations.problem IS 'why the last attempt failed, of a known list'`,
  `COMMENT ON COLUMN revocations.next_attempt_at IS 'during an attempt, the end of its lease'`,
  `CREATE INDEX revocations_next_attempt_at_idx ON revocations (organization_id, next_attempt_at)`,
  `CREATE INDEX revocations_access_token_key_idx ON revocations (organization_id, access_token_key)
    WHERE access_token_key >= ''`,
  `CREATE INDEX revocations_refresh_token_key_idx ON revocations (organization_id, refresh_token_key)
    WHERE refresh_token_key >= ''`,
  `CREATE INDEX revocations_client_secret_key_idx ON revocations (organization_id, client_secret_key)
    WHERE client_secret_key >= ''`,
  `DO $$ BEGIN
    IF to_regclass('pg_dist_partition') IS NOT NULL THEN
      IF EXISTS (SELECT 1 FROM pg_dist_partition WHERE logicalrelid = 'organizations'::regclass) THEN
        PERFORM create_distributed_table('revocations', 'organization_id', colocate_with => 'organizations');
      END IF;
    END IF;
  END $$`,
];
