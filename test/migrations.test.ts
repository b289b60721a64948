/** Migrations: up from every earlier version, side by side with other processes, and never down. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Knex } from 'knex';
import { isAdditive, MIGRATIONS, type Migration } from '../db/migrations/index.ts';
import { isMigrated, migrate, NewerDatabaseError } from '../db/postgres/migrate.ts';
import { openDatabase } from '../db/postgres/pool.ts';
import { createDatabase } from './support/postgres.ts';

let database: Awaited<ReturnType<typeof createDatabase>>;
let db: Knex;

beforeEach(async () => {
  database = await createDatabase('empty');
  db = openDatabase({
    connectionString: database.connectionString,
    poolMax: 4,
    statementTimeoutSeconds: 10,
    acquireTimeoutSeconds: 10,
  });
});

afterEach(async () => {
  await db.destroy();
  await database.drop();
});

const up = (migrations?: readonly Migration[]) => migrate(database.connectionString, migrations);

describe('a migration', () => {
  const later = MIGRATIONS.slice(4);

  it('says from 0005 on whether processes of the version before go on working', () => {
    for (const { name } of later) expect(name).toMatch(/^\d{4}_[a-z_]+\.(additive|breaking)$/);
  });

  it('stands in the order of its number', () => {
    const names = MIGRATIONS.map(({ name }) => name);
    expect(names).toEqual(names.toSorted());
    expect(new Set(names.map((name) => name.slice(0, 4))).size).toBe(names.length);
  });
});

describe('several processes that start at once', () => {
  it('migrate an empty database once', async () => {
    const ran = await Promise.all([up(), up(), up()]);
    expect(ran.map((names) => names.length).sort()).toEqual([0, 0, MIGRATIONS.length]);
    expect(await isMigrated(db)).toBe(true);
  });

  it('take turns by a lock that ends with its transaction, so that no pooler keeps it', async () => {
    const holders: { state: string }[] = [];
    const look = async (knex: Knex) => {
      const { rows } = await knex.raw(
        `SELECT state FROM pg_locks JOIN pg_stat_activity USING (pid)
         WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
      );
      holders.push(...rows);
    };
    await up([...MIGRATIONS, { name: '9999_look.additive', up: look }]);
    expect(holders).toEqual([{ state: 'idle in transaction' }]);
  });

  it('go on where a killed process left the lock of Knex behind', async () => {
    await up(MIGRATIONS.slice(0, 2));
    await db('knex_migrations_lock').update({ is_locked: 1 });
    await up();
    expect(await isMigrated(db)).toBe(true);
  });
});

describe('a newer version', () => {
  const additive: Migration = {
    name: '9998_colour.additive',
    up: async (knex) => {
      await knex.raw('ALTER TABLE workspaces ADD COLUMN colour text');
    },
  };
  const breaking: Migration = {
    name: '9999_no_names.breaking',
    up: async (knex) => {
      await knex.raw('ALTER TABLE workspaces DROP COLUMN name');
    },
  };

  it('may be ahead by additive migrations: this one is ready, and starts', async () => {
    await up([...MIGRATIONS, additive]);
    expect(await isMigrated(db)).toBe(true);
    expect(await up()).toEqual([]);
  });

  it('may not be ahead by a breaking one: this one is not ready, and refuses to start', async () => {
    await up([...MIGRATIONS, additive, breaking]);
    expect(await isMigrated(db)).toBe(false);
    await expect(up()).rejects.toThrow(NewerDatabaseError);
  });

  it('finds a database of this one not ready until it is migrated', async () => {
    await up();
    expect(await isMigrated(db, [...MIGRATIONS, additive])).toBe(false);
    expect(await up([...MIGRATIONS, additive])).toEqual([additive.name]);
    expect(await isMigrated(db, [...MIGRATIONS, additive])).toBe(true);
  });

  it('that is unknown and says nothing of its kind counts as breaking', () => {
    expect(isAdditive('0042_unknown')).toBe(false);
  });
});
