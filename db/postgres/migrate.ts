import type { Knex } from 'knex';
import pg from 'pg';
import { isAdditive, MIGRATIONS, type Migration } from '../migrations/index.ts';
import { openDatabase } from './pool.ts';

/** Any number that nothing else on this database locks. */
const ADVISORY_LOCK = 7_461_726_553;

export class NewerDatabaseError extends Error {
  constructor() {
    super('the database was migrated by a newer version of Tokenhold: run that version, or restore a backup');
  }
}

/** Whether this database was never migrated. */
export async function isEmpty(db: Knex): Promise<boolean> {
  return !(await db.schema.hasTable('knex_migrations'));
}

async function appliedMigrations(db: Knex): Promise<ReadonlySet<string>> {
  if (await isEmpty(db)) return new Set();
  const { rows } = await db.raw<{ rows: { name: string }[] }>('SELECT name FROM knex_migrations');
  return new Set(rows.map(({ name }) => name));
}

/** The applied breaking migrations that are not among these. */
function breakingAhead(applied: ReadonlySet<string>, migrations: readonly Migration[]): readonly string[] {
  const known = new Set<string>(migrations.map(({ name }) => name));
  return [...applied].filter((name) => !known.has(name) && !isAdditive(name));
}

/**
 * Whether this code works with the schema: all of our migrations are applied, and newer ones are additive. So processes of
 * two versions can serve side by side while a new version is rolled out.
 */
export async function isMigrated(db: Knex, migrations: readonly Migration[] = MIGRATIONS): Promise<boolean> {
  const applied = await appliedMigrations(db);
  return migrations.every(({ name }) => applied.has(name)) && breakingAhead(applied, migrations).length === 0;
}

/**
 * Brings the schema up to date. Several processes may do so at once: an advisory lock makes them take turns. Knex's own lock
 * does not cover the creation of its tables.
 * @returns the names of the migrations that ran
 * @throws NewerDatabaseError when the database holds breaking migrations that this code does not know
 */
export async function migrate(
  connectionString: string,
  migrations: readonly Migration[] = MIGRATIONS,
): Promise<readonly string[]> {
  // Its own pool, because a migration may take any time.
  const db = openDatabase({
    connectionString,
    poolMax: 2,
    statementTimeoutSeconds: 0,
    acquireTimeoutSeconds: 10,
  });
  try {
    return await locked(connectionString, () => run(db, migrations));
  } finally {
    await db.destroy();
  }
}

/**
 * Runs a task while no other process runs one. The lock belongs to a transaction: behind a pooler such as PgBouncer, a
 * session's lock would stay on the server connection.
 */
async function locked<Result>(connectionString: string, task: () => Promise<Result>): Promise<Result> {
  const client = new pg.Client({ connectionString });
  try {
    await client.connect();
    await client.query('BEGIN');
    await client.query(
      `SELECT set_config(name, '0', true) FROM pg_settings WHERE name IN
        ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout')`,
    );
    await client.query('SELECT pg_advisory_xact_lock($1)', [ADVISORY_LOCK]);
    const result = await task();
    await client.query('COMMIT');
    return result;
  } finally {
    await client.end();
  }
}

async function run(db: Knex, migrations: readonly Migration[]): Promise<readonly string[]> {
  if (breakingAhead(await appliedMigrations(db), migrations).length > 0) throw new NewerDatabaseError();
  const config: Knex.MigratorConfig = {
    migrationSource: {
      getMigrations: async () => [...migrations],
      getMigrationName: ({ name }: Migration) => name,
      getMigration: async ({ up }: Migration) => ({ up, down: onlyUp }),
    },
    disableMigrationsListValidation: true, // additive migrations may be ahead of us
  };
  // A process that was killed in a migration leaves Knex's lock behind. Ours is held, so nobody else has it.
  if (await db.schema.hasTable('knex_migrations_lock')) await db.migrate.forceFreeMigrationsLock(config);
  const [, names]: [number, string[]] = await db.migrate.latest(config);
  return names;
}

/** Knex wants every migration to have a way back. */
async function onlyUp(): Promise<void> {
  throw new Error('migrations only go up');
}
