-- Distributes the tables of Tokenhold over a Citus cluster, by organization. Works on empty and on filled tables.
--   1. Stop the service, or start with an empty database that `tokenhold migrate` has migrated.
--   2. As the role that owns the tables, at the coordinator: psql -v ON_ERROR_STOP=1 -f deploy/citus.sql
--   3. Start the service. It asks once, at its start, whether the tables are distributed.
-- docs/scaling.md says when this is worth it. Later migrations distribute their own tables.

-- A reference table may not point at a distributed one.
ALTER TABLE api_keys DROP CONSTRAINT IF EXISTS api_keys_organization_id_workspace_id_fkey;

-- On every node: they are read before the organization is known, or have none.
SELECT create_reference_table('api_keys');
SELECT create_reference_table('vault_identity');
SELECT create_reference_table('knex_migrations');
SELECT create_reference_table('knex_migrations_lock');

-- By organization, referenced tables first.
SELECT create_distributed_table('organizations', 'organization_id', shard_count => 32);
SELECT create_distributed_table('workspaces', 'organization_id', colocate_with => 'organizations');
SELECT create_distributed_table('oauth_providers', 'organization_id', colocate_with => 'organizations');
SELECT create_distributed_table('oauth_tokens', 'organization_id', colocate_with => 'organizations');
SELECT create_distributed_table('default_tokens', 'organization_id', colocate_with => 'organizations');
SELECT create_distributed_table('agent_connections', 'organization_id', colocate_with => 'organizations');
SELECT create_distributed_table('token_versions', 'organization_id', colocate_with => 'organizations');
SELECT create_distributed_table('authorizations', 'organization_id', colocate_with => 'organizations');
SELECT create_distributed_table('revocations', 'organization_id', colocate_with => 'organizations');
SELECT create_distributed_table('idempotency_keys', 'organization_id', colocate_with => 'organizations');
SELECT create_distributed_table('audit_records', 'organization_id', colocate_with => 'organizations');

-- Otherwise the coordinator keeps a copy of every ciphertext of a filled table. Foreign keys take the other tables along.
SELECT truncate_local_data_after_distributing_table('public.organizations');
SELECT truncate_local_data_after_distributing_table('public.revocations');
GRANT TRUNCATE ON audit_records TO CURRENT_USER; -- a migration took the right from the owner
SELECT truncate_local_data_after_distributing_table('public.audit_records');
REVOKE TRUNCATE ON audit_records FROM CURRENT_USER;
SELECT truncate_local_data_after_distributing_table('public.api_keys');
SELECT truncate_local_data_after_distributing_table('public.vault_identity');
SELECT truncate_local_data_after_distributing_table('public.knex_migrations');
SELECT truncate_local_data_after_distributing_table('public.knex_migrations_lock');
