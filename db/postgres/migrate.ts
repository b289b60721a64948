import type { Knex } from 'knex';
import pg from 'pg';
import * as vault from '../migrations/0001_vault.ts';
import * as inventory from '../migrations/0002_inventory.ts';
import * as keyFingerprints from '../migrations/0003_key_fingerprints.ts';
import * as auditAndUse from '../migrations/0004_audit_and_use.ts';
import { openDatabase } from './pool.ts';

/** Names carry no file extension, so sources (.ts) and the built image (.js) agree about what has run. */
const migrations: ReadonlyMap<string, Knex.Migration> = new Map([
  ['0001_vault', vault],
  ['0002_inventory', inventory],
  ['0003_key_fingerprints', keyFingerprints],
  ['0004_audit_and_use', auditAndUse],
]);

const migrationSource: Knex.MigrationSource<string> = {
  getMigrations: async () => [...migrations.keys()],
  getMigrationName: (name) => name,
  getMigration: async (name) => {
    const migration = migrations.get(name);
    if (migration === undefined) throw new Error(`no migration ${name}`);
    return migration;
  },
};

/** Any number that nothing else on this database locks. */
const ADVISORY_LOCK = 7_461_726_553;

export class NewerDatabaseError extends Error {
  constructor() {
    super('the database was migrated by a newer version of Tokenhold: run that version, or restore a backup');
  }
}

/** Whether nothing of ours was ever stored here. */
export async function isEmpty(db: Knex): Promise<boolean> {
  return !(await db.schema.hasTable('knex_migrations'));
}

async function appliedMigrations(db: Knex): Promise<string[]> {
  if (await isEmpty(db)) return [];
  const rows: { name: string }[] = await db('knex_migrations').select('name');
  return rows.map(({ name }) => name);
}

/** Whether the schema is exactly the one that this code works with. */
export async function isMigrated(db: Knex): Promise<boolean> {
  const applied = new Set(await appliedMigrations(db));
  return applied.size === migrations.size && [...migrations.keys()].every((name) => applied.has(name));
}

/**
 * Brings the schema up to date. Safe when several processes start at once: Knex's own lock does not cover the creation
 * of its tables, so an advisory lock surrounds it.
 * @throws NewerDatabaseError when the database holds migrations that this code does not know
 */
export async function migrate(connectionString: string): Promise<void> {
  const lock = new pg.Client({ connectionString });
  // Of its own, because a migration may take as long as it takes.
  const db = openDatabase({
    connectionString,
    poolMax: 2,
    statementTimeoutSeconds: 0,
    acquireTimeoutSeconds: 10,
  });
  try {
    await lock.connect();
    await lock.query('SELECT pg_advisory_lock($1)', [ADVISORY_LOCK]);
    if ((await appliedMigrations(db)).some((name) => !migrations.has(name))) throw new NewerDatabaseError();
    await db.migrate.latest({ migrationSource });
  } finally {
    await db.destroy();
    await lock.end();
  }
}
