import type { Knex } from 'knex';
import { grantToService } from '../db/postgres/grants.ts';
import { isEmpty, isMigrated, migrate } from '../db/postgres/migrate.ts';
import type { Config } from './config.ts';
import { OperatorError } from './operator-error.ts';

type Settings = Pick<Config, 'migrateDatabaseUrl'>;

/** The database as the service reaches it. */
interface Database {
  readonly db: Knex;
  readonly connectionString: string;
}

/**
 * Brings the database up to date. The role of MIGRATE_DATABASE_URL owns the tables: it migrates, and grants the service's
 * role what that needs. Without that setting, the service's role migrates.
 * @returns the names of the migrations that ran
 */
export async function bringUpToDate(
  { migrateDatabaseUrl }: Settings,
  { db, connectionString }: Database,
): Promise<readonly string[]> {
  if (migrateDatabaseUrl === undefined) return migrate(connectionString);
  const ran = await migrate(migrateDatabaseUrl);
  const { rows } = await db.raw<{ rows: { role: string }[] }>('SELECT current_user AS role');
  await grantToService(migrateDatabaseUrl, rows[0]?.role ?? '');
  return ran;
}

/** For a server. A role that owns nothing can serve a database that is up to date. */
export async function prepareSchema(settings: Settings, database: Database): Promise<void> {
  if (settings.migrateDatabaseUrl === undefined && (await isMigrated(database.db))) return;
  await bringUpToDate(settings, database);
}

/** For a command: it migrates an empty database, and leaves a schema in use alone. @throws OperatorError */
export async function requireSchema(settings: Settings, database: Database): Promise<void> {
  if (await isMigrated(database.db)) return;
  if (!(await isEmpty(database.db))) {
    throw new OperatorError('the database has another version than this command: run `tokenhold migrate`');
  }
  await bringUpToDate(settings, database);
}
