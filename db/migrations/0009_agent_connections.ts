import type { Knex } from 'knex';

/** The token that an agent uses for a provider. One statement a call, because the tables may be distributed (Citus). */
export async function up(knex: Knex): Promise<void> {
  for (const statement of STATEMENTS) await knex.schema.raw(statement);
}

const STATEMENTS = [
  `CREATE TABLE agent_connections (
    organization_id uuid NOT NULL,
    id uuid NOT NULL,
    agent_id text NOT NULL,
    provider_id text NOT NULL,
    user_id text NOT NULL,
    token_id uuid NOT NULL,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT agent_connections_pkey PRIMARY KEY (organization_id, id),
    CONSTRAINT agent_connections_agent_id_provider_id_key UNIQUE (organization_id, agent_id, provider_id),
    CONSTRAINT agent_connections_agent_id_check CHECK (length(agent_id) BETWEEN 1 AND 255)
  )`,
  `COMMENT ON COLUMN agent_connections.user_id IS 'the owner of the token'`,
  `CREATE INDEX agent_connections_token_idx ON agent_connections (organization_id, provider_id, user_id, token_id)`,
  `DO $$ BEGIN
    IF to_regclass('pg_dist_partition') IS NOT NULL THEN
      IF EXISTS (SELECT 1 FROM pg_dist_partition WHERE logicalrelid = 'organizations'::regclass) THEN
        PERFORM create_distributed_table('agent_connections', 'organization_id', colocate_with => 'organizations');
      END IF;
    END IF;
  END $$`,
  `ALTER TABLE agent_connections ADD CONSTRAINT agent_connections_token_fkey
    FOREIGN KEY (organization_id, provider_id, user_id, token_id)
    REFERENCES oauth_tokens (organization_id, provider_id, user_id, id) ON DELETE CASCADE`,
];
