/** Finds the features that are lost behind a pooler such as PgBouncer. */
import { randomUUID } from 'node:crypto';
import type { Knex } from 'knex';
import pg from 'pg';
import { errorCode } from './errors.ts';

/** A pooler in transaction mode that does not keep track of statements prepared by name. */
export class UnpreparedError extends Error {
  constructor() {
    super(
      'the pooler in DATABASE_URL loses prepared statements: use PgBouncer 1.21 or later with max_prepared_statements above 0, its session mode, or the database itself',
    );
  }
}

/** Invalid statement name, duplicate prepared statement. */
const LOST = ['26000', '42P05'];
const ROUNDS = 5;

/**
 * Two clients prepare statements of the same names in turn. A pooler that does not track names fails then: either both
 * clients get the same connection, and a name is prepared twice, or a client gets another connection, which lacks the name.
 * @throws UnpreparedError
 */
export async function requirePreparedStatements(connectionString: string): Promise<void> {
  const clients = [new pg.Client({ connectionString }), new pg.Client({ connectionString })];
  try {
    for (const client of clients) {
      client.on('error', () => undefined); // the query fails with the same error
      await client.connect();
    }
    for (let round = 0; round < ROUNDS; round++) {
      const name = `probe-${randomUUID()}`;
      for (const client of [...clients, ...clients]) await client.query({ name, text: 'SELECT 1' });
    }
  } catch (error) {
    throw LOST.includes(errorCode(error) ?? '') ? new UnpreparedError() : error;
  } finally {
    await Promise.all(clients.map((client) => client.end()));
  }
}

const SETTINGS = `
SELECT name, setting FROM pg_settings
WHERE (name = 'statement_timeout' AND setting = '0') OR (name IN ('enable_seqscan', 'jit') AND setting = 'on')
ORDER BY name`;

/**
 * The settings of the service's connections that a pooler has dropped, each as the statement that sets it for the role.
 * @param statementTimeoutSeconds as configured; 0: none
 */
export async function droppedSettings(db: Knex, statementTimeoutSeconds: number): Promise<readonly string[]> {
  const { rows } = await db.raw<{ rows: { name: string }[] }>(SETTINGS);
  const wanted: Readonly<Record<string, string>> = {
    enable_seqscan: 'off',
    jit: 'off',
    ...(statementTimeoutSeconds > 0 && { statement_timeout: `'${statementTimeoutSeconds}s'` }),
  };
  const dropped = rows.filter(({ name }) => Object.hasOwn(wanted, name));
  if (dropped.length === 0) return [];
  const { rows: roles } = await db.raw<{ rows: { role: string }[] }>('SELECT current_user AS role');
  const role = pg.escapeIdentifier(roles[0]?.role ?? '');
  return dropped.map(({ name }) => `ALTER ROLE ${role} SET ${name} = ${wanted[name]}`);
}
