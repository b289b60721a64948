/** The schema can be sharded by organization: read from the catalogue of a migrated database. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Knex } from 'knex';
import { migrate } from '../db/postgres/migrate.ts';
import { openDatabase } from '../db/postgres/pool.ts';
import { createDatabase } from './support/postgres.ts';

/** Keys are looked up by their hash before the organization is known; the identity is of the database. Reference tables on a cluster. */
const NOT_SHARDED = ['api_keys', 'vault_identity', 'knex_migrations', 'knex_migrations_lock'];

let database: Awaited<ReturnType<typeof createDatabase>>;
let db: Knex;

beforeAll(async () => {
  database = await createDatabase('empty');
  await migrate(database.connectionString); // on a cluster, the template is distributed already
  db = openDatabase({
    connectionString: database.connectionString,
    poolMax: 1,
    statementTimeoutSeconds: 10,
    acquireTimeoutSeconds: 10,
  });
});

afterAll(async () => {
  await db.destroy();
  await database.drop();
});

async function query<Row>(sql: string): Promise<readonly Row[]> {
  return (await db.raw<{ rows: Row[] }>(sql)).rows;
}

const isSharded = ({ table }: { readonly table: string }): boolean => !NOT_SHARDED.includes(table);

describe('every table', () => {
  it('belongs to an organization by its first column', async () => {
    const tables = await query<{ table: string; column: string; type: string; notNull: boolean }>(
      `SELECT relname AS "table", attname AS "column", format_type(atttypid, NULL) AS type, attnotnull AS "notNull"
       FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attnum = 1
       WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'`,
    );
    expect(tables.length).toBeGreaterThan(NOT_SHARDED.length);
    for (const { table, ...first } of tables.filter(isSharded)) {
      expect({ table, ...first }).toEqual({ table, column: 'organization_id', type: 'uuid', notNull: true });
    }
  });

  it('has indexes that all begin with the organization', async () => {
    const indexes = await query<{ table: string; name: string; first: string }>(
      `SELECT indrelid::regclass::text AS "table", indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid, 1, true) AS first
       FROM pg_index JOIN pg_class ON pg_class.oid = indrelid WHERE relnamespace = 'public'::regnamespace`,
    );
    const others = indexes.filter(isSharded).filter(({ first }) => first !== 'organization_id');
    expect(others).toEqual([]);
  });

  it('refers to rows of the same organization only', async () => {
    const keys = await query<{ table: string; name: string; from: string; to: string }>(
      `SELECT conrelid::regclass::text AS "table", conname AS name, referencing.attname AS "from", referenced.attname AS "to"
       FROM pg_constraint
       JOIN pg_attribute AS referencing ON referencing.attrelid = conrelid AND referencing.attnum = conkey[1]
       JOIN pg_attribute AS referenced ON referenced.attrelid = confrelid AND referenced.attnum = confkey[1]
       WHERE contype = 'f' AND connamespace = 'public'::regnamespace`,
    );
    expect(keys.length).toBeGreaterThan(0);
    for (const { name, from, to } of keys) {
      expect({ name, from, to }).toEqual({ name, from: 'organization_id', to: 'organization_id' });
    }
  });

  it('has no trigger of its own and no sequence, which a cluster could not shard', async () => {
    expect(await query('SELECT tgname FROM pg_trigger WHERE NOT tgisinternal')).toEqual([]);
    const sequences = await query<{ name: string }>(
      `SELECT relname AS name FROM pg_class WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace`,
    );
    expect(sequences.filter(({ name }) => !name.startsWith('knex_'))).toEqual([]);
  });
});

describe('deploy/citus.sql', () => {
  const script = readFileSync(new URL('../deploy/citus.sql', import.meta.url), 'utf8');
  const made = (kind: string) =>
    [...script.matchAll(new RegExp(`^SELECT create_${kind}_table\\('(\\w+)'`, 'gm'))].map(
      ([, table]) => table,
    );

  it('distributes every table that belongs to an organization, and no other', async () => {
    const tables = await query<{ table: string }>(
      `SELECT relname AS "table" FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'`,
    );
    const sharded = tables.filter(isSharded).map(({ table }) => table);
    expect(made('distributed').toSorted()).toEqual(sharded.toSorted());
    expect(made('reference').toSorted()).toEqual(NOT_SHARDED.toSorted());
  });

  it('distributes a table after those that it refers to', async () => {
    const keys = await query<{ from: string; to: string }>(
      `SELECT conrelid::regclass::text AS "from", confrelid::regclass::text AS "to"
       FROM pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace`,
    );
    const order = made('distributed');
    for (const { from, to } of keys.filter(({ from }) => !NOT_SHARDED.includes(from))) {
      expect({ from, to, isAfter: order.indexOf(from) > order.indexOf(to) }).toMatchObject({ isAfter: true });
    }
  });

  it('drops the foreign keys of reference tables, which may not point at a distributed one', async () => {
    const keys = await query<{ table: string; name: string }>(
      `SELECT conrelid::regclass::text AS "table", conname AS name
       FROM pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace`,
    );
    const dropped = [...script.matchAll(/DROP CONSTRAINT IF EXISTS (\w+)/g)].map(([, name]) => name);
    expect(dropped).toEqual(keys.filter((key) => !isSharded(key)).map(({ name }) => name));
  });
});

describe('every constraint and index', () => {
  const KINDS: Readonly<Record<string, string>> = { p: 'pkey', u: 'key', f: 'fkey', c: 'check' };

  it('has a name of its table and its kind, not cut off and not numbered', async () => {
    const constraints = await query<{ table: string; name: string; kind: string }>(
      `SELECT relname AS "table", conname AS name, contype AS kind
       FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid
       WHERE connamespace = 'public'::regnamespace AND contype IN ('p', 'u', 'f', 'c')`,
    );
    for (const { table, name, kind } of constraints) {
      expect(name).toMatch(new RegExp(`^${table}_${kind === 'p' ? '' : '\\w+_'}${KINDS[kind]}$`));
      expect(name.length).toBeLessThan(63);
    }
    const indexes = await query<{ table: string; name: string }>(
      `SELECT indrelid::regclass::text AS "table", indexrelid::regclass::text AS name
       FROM pg_index JOIN pg_class ON pg_class.oid = indrelid
       WHERE relnamespace = 'public'::regnamespace
         AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u'))`,
    );
    for (const { table, name } of indexes) expect(name).toMatch(new RegExp(`^${table}_\\w+_idx$`));
  });
});
