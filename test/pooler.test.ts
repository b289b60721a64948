/** Features that are lost behind a pooler. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import knex from 'knex';
import { openDatabase } from '../db/postgres/pool.ts';
import { droppedSettings, requirePreparedStatements } from '../db/postgres/pooler.ts';
import { explain } from '../service/failure.ts';
import { createDatabase, hasOneServer } from './support/postgres.ts';

let database: Awaited<ReturnType<typeof createDatabase>>;

beforeAll(async () => {
  database = await createDatabase('empty');
});

afterAll(() => database.drop());

describe('the settings of a connection', () => {
  it('hold on a connection of the service', async () => {
    const { connectionString } = database;
    const db = openDatabase({
      connectionString,
      poolMax: 1,
      statementTimeoutSeconds: 10,
      acquireTimeoutSeconds: 10,
    });
    expect(await droppedSettings(db, 10)).toEqual([]);
    await db.destroy();
  });

  const isBare = hasOneServer('dropped settings of a connection', 'there the role has the settings');
  (isBare ? it : it.skip)(
    'that were dropped are told as the statements that set them for the role',
    async () => {
      const bare = knex({ client: 'pg', connection: database.connectionString });
      const { rows } = await bare.raw('SELECT quote_ident(current_user) AS role');
      const told = await droppedSettings(bare, 10);
      expect(told.map((one) => one.replace(`"${rows[0].role}"`, rows[0].role))).toEqual([
        `ALTER ROLE ${rows[0].role} SET enable_seqscan = off`,
        `ALTER ROLE ${rows[0].role} SET jit = off`,
        `ALTER ROLE ${rows[0].role} SET statement_timeout = '10s'`,
      ]);
      expect((await droppedSettings(bare, 0)).join()).not.toMatch(/statement_timeout/);
      await bare.destroy();
    },
  );
});

it('PostgreSQL itself keeps prepared statements', async () => {
  await expect(requirePreparedStatements(database.connectionString)).resolves.toBeUndefined();
});

it.each([
  ['unsupported startup parameter: statement_timeout', 'statement_timeout'],
  ['unsupported startup parameter in options: enable_seqscan', 'enable_seqscan'],
])('a start that PgBouncer refuses names the parameter to ignore: %s', (message, parameter) => {
  expect(explain(Object.assign(new Error(message), { code: '08P01' }))).toMatch(
    `add ${parameter} to its ignore_startup_parameters`,
  );
});
