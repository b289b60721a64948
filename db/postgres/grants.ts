import pg from 'pg';

/** The role of the service could change audit records, because it is the owner of the tables or a member of it. */
export class NoSeparateRoleError extends Error {
  constructor() {
    super(
      'the role of DATABASE_URL can act as the role of MIGRATE_DATABASE_URL, which owns the tables: name a role in DATABASE_URL that is neither the owner, nor a member of it, nor a superuser',
    );
  }
}

const IS_OWNER = `SELECT pg_has_role($1, current_user, 'MEMBER') AS "isOwner"`;

const TABLES = `
SELECT relname AS name FROM pg_class
WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
  AND relowner = (SELECT oid FROM pg_roles WHERE rolname = current_user)`;

/** The rights of the service on a table: it may add audit records, and only read the list of migrations. */
const RIGHTS: Readonly<Record<string, string>> = {
  audit_records: 'SELECT, INSERT',
  knex_migrations: 'SELECT',
  knex_migrations_lock: 'SELECT',
};
const OTHER_RIGHTS = 'SELECT, INSERT, UPDATE, DELETE';

/**
 * Grants the service's role the rights that it needs on each table, and revokes all others. It must run after each
 * migration, which may have made tables.
 * @param ownerUrl connects as the owner of the tables
 * @param role the role that the service connects as
 * @throws NoSeparateRoleError
 */
export async function grantToService(ownerUrl: string, role: string): Promise<void> {
  const client = new pg.Client({ connectionString: ownerUrl });
  const grantee = pg.escapeIdentifier(role);
  try {
    await client.connect();
    const membership = await client.query<{ isOwner: boolean }>(IS_OWNER, [role]);
    if (membership.rows[0]?.isOwner === true) throw new NoSeparateRoleError();
    const { rows } = await client.query<{ name: string }>(TABLES);
    await client.query('BEGIN'); // so that a running service is never without its rights
    for (const { name } of rows) {
      const table = pg.escapeIdentifier(name);
      await client.query(`REVOKE ALL ON ${table} FROM ${grantee}`);
      await client.query(`GRANT ${RIGHTS[name] ?? OTHER_RIGHTS} ON ${table} TO ${grantee}`);
    }
    await client.query('COMMIT');
  } finally {
    await client.end();
  }
}
