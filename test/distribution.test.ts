/** What doctor asks for on a cluster, from the placements that Citus reports. */
import { describe, expect, it } from '@jest/globals';
import knex from 'knex';
import { missingStatements, readDistribution, type TablePlacement } from '../db/postgres/distribution.ts';
import { migrate } from '../db/postgres/migrate.ts';
import { createDatabase } from './support/postgres.ts';

const table = (name: string, kind: TablePlacement['kind'], colocation: number | null): TablePlacement => ({
  table: name,
  kind,
  colocation,
});
const missing = (...tables: TablePlacement[]) =>
  missingStatements({ nodes: [], tables: [table('organizations', 'distributed', 1), ...tables] });

describe('a distribution', () => {
  it('lacks nothing where each table is placed like its organization, or on every node', () => {
    expect(missing(table('oauth_tokens', 'distributed', 1), table('api_keys', 'reference', 2))).toEqual([]);
  });

  it('lacks nothing where no table is distributed', () => {
    const tables = [table('organizations', 'local', null), table('api_keys', 'local', null)];
    expect(missingStatements({ nodes: [], tables })).toEqual([]);
  });

  it.each([
    [
      table('oauth_tokens', 'local', null),
      "SELECT create_distributed_table('oauth_tokens', 'organization_id', colocate_with => 'organizations');",
    ],
    [table('api_keys', 'local', null), "SELECT create_reference_table('api_keys');"],
    [
      table('oauth_tokens', 'distributed', 7),
      "SELECT alter_distributed_table('oauth_tokens', colocate_with => 'organizations');",
    ],
  ])('of %j is mended by a statement', (placement, statement) => {
    expect(missing(placement)).toEqual([statement]);
  });

  it('is mended in an order in which no table refers to a local one', async () => {
    const database = await createDatabase('empty');
    await migrate(database.connectionString);
    const db = knex({ client: 'pg', connection: database.connectionString, searchPath: ['public', 'citus'] });
    // The catalogue of Citus, after the first of its statements.
    await db.raw('CREATE SCHEMA citus');
    await db.raw(
      'CREATE TABLE citus.pg_dist_node (nodename text, nodeport int, isactive bool, noderole text, groupid int)',
    );
    await db.raw(
      'CREATE TABLE citus.pg_dist_partition (logicalrelid regclass, partmethod text, repmodel text, colocationid int)',
    );
    await db.raw("INSERT INTO citus.pg_dist_partition VALUES ('organizations', 'h', 's', 1)");
    const statements = missingStatements(await readDistribution(db)).join();
    const { rows } = await db.raw<{ rows: { from: string; to: string }[] }>(
      `SELECT conrelid::regclass::text AS "from", confrelid::regclass::text AS "to" FROM pg_constraint
       WHERE contype = 'f' AND confrelid <> 'organizations'::regclass AND conrelid <> 'api_keys'::regclass`,
    );
    await db.destroy();
    await database.drop();
    expect(rows.length).toBeGreaterThan(0);
    for (const { from, to } of rows) {
      expect(statements).toMatch(new RegExp(`'${to}'.*'${from}'`));
    }
  });
});
