import type { Knex } from 'knex';

/** The requests that a client may repeat. One statement a call, because the tables may be distributed (Citus). */
export async function up(knex: Knex): Promise<void> {
  for (const statement of STATEMENTS) await knex.schema.raw(statement);
}

const STATEMENTS = [
  `CREATE TABLE idempotency_keys (
    organization_id uuid NOT NULL,
    key_hash bytea NOT NULL,
    request_hash bytea NOT NULL,
    token_id uuid NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT idempotency_keys_pkey PRIMARY KEY (organization_id, key_hash),
    CONSTRAINT idempotency_keys_key_hash_check CHECK (length(key_hash) = 32),
    CONSTRAINT idempotency_keys_request_hash_check CHECK (length(request_hash) = 32)
  )`,
  `COMMENT ON COLUMN idempotency_keys.key_hash IS 'SHA-256 of the user and the Idempotency-Key'`,
  `COMMENT ON COLUMN idempotency_keys.request_hash IS 'HMAC-SHA256 of the request; its key is the Idempotency-Key, which is not stored'`,
  `COMMENT ON COLUMN idempotency_keys.token_id IS 'the answer; the token may be gone by now'`,
  `CREATE INDEX idempotency_keys_expires_at_idx ON idempotency_keys (organization_id, expires_at)`,
  `DO $$ BEGIN
    IF to_regclass('pg_dist_partition') IS NOT NULL THEN
      IF EXISTS (SELECT 1 FROM pg_dist_partition WHERE logicalrelid = 'organizations'::regclass) THEN
        PERFORM create_distributed_table('idempotency_keys', 'organization_id', colocate_with => 'organizations');
      END IF;
    END IF;
  END $$`,
  `ALTER TABLE idempotency_keys ADD CONSTRAINT idempotency_keys_organization_id_fkey
    FOREIGN KEY (organization_id) REFERENCES organizations (organization_id) ON DELETE CASCADE`,
];
