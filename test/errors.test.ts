/** The errors of an outage, thrown by the installed versions of pg, pg-pool and Knex: `isUnavailable` knows all of them. */
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { isUnavailable } from '../db/postgres/errors.ts';
import { openHotStatements } from '../db/postgres/hot.ts';
import { openDatabase } from '../db/postgres/pool.ts';
import { persist } from '../vault/refresh/persist.ts';
import { createDatabase } from './support/postgres.ts';

let database: Awaited<ReturnType<typeof createDatabase>>;
/** Accepts connections, and says nothing. */
let silent: Server;
let silentUrl: string;
const accepted: Socket[] = [];

beforeAll(async () => {
  database = await createDatabase('empty');
  silent = createServer((socket) => accepted.push(socket)).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const address = silent.address();
  silentUrl = `postgresql://user@127.0.0.1:${typeof address === 'object' ? address?.port : ''}/none`;
});

afterAll(async () => {
  for (const socket of accepted) socket.destroy();
  silent.close();
  await database.drop();
});

const thrown = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

async function connected(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: database.connectionString });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

const SLEEP = 'SELECT pg_sleep(30)';

const PG: Readonly<Record<string, () => Promise<unknown>>> = {
  async 'Connection terminated unexpectedly'() {
    const client = await connected();
    const error = thrown(client.query(SLEEP));
    client.connection.stream.destroy();
    return error;
  },
  async 'Connection terminated'() {
    const client = await connected();
    const error = thrown(client.query(SLEEP));
    await client.end();
    return error;
  },
  async 'Client has encountered a connection error and is not queryable'() {
    const client = await connected();
    client.connection.stream.destroy();
    await new Promise<void>((resolve) => client.once('end', resolve)); // after an `error`
    return thrown(client.query('SELECT 1'));
  },
  async 'Client was closed and is not queryable'() {
    const client = await connected();
    await client.end();
    return thrown(client.query('SELECT 1'));
  },
  async 'timeout expired'() {
    return thrown(new pg.Client({ connectionString: silentUrl, connectionTimeoutMillis: 20 }).connect());
  },
  async 'Connection terminated due to connection timeout'() {
    return thrown(
      new pg.Pool({ connectionString: silentUrl, connectionTimeoutMillis: 20 }).query('SELECT 1'),
    );
  },
  async 'timeout exceeded when trying to connect'() {
    const { connectionString } = database;
    const pool = new pg.Pool({ connectionString, connectionTimeoutMillis: 1_000, max: 1 });
    const client = await pool.connect();
    const error = await thrown(pool.query('SELECT 1'));
    client.release();
    await pool.end();
    return error;
  },
  async 'Cannot use a pool after calling end on the pool'() {
    const pool = new pg.Pool({ connectionString: database.connectionString });
    await pool.end();
    return thrown(pool.query('SELECT 1'));
  },
};

const open = (connectionString = database.connectionString) =>
  openDatabase({ connectionString, poolMax: 1, statementTimeoutSeconds: 1, acquireTimeoutSeconds: 1 });

const KNEX: Readonly<Record<string, () => Promise<unknown>>> = {
  async 'a connection lost in a statement'() {
    const db = open();
    const other = await connected();
    const { rows } = await db.raw('SELECT pg_backend_pid() AS pid');
    const error = thrown(Promise.resolve(db.raw(SLEEP)));
    await other.query('SELECT pg_terminate_backend($1)', [rows[0].pid]);
    await other.end();
    await db.destroy();
    return error;
  },
  async 'no free connection'() {
    const db = open();
    const transaction = await db.transaction();
    const error = await thrown(Promise.resolve(db.raw('SELECT 1')));
    await transaction.rollback();
    await db.destroy();
    return error;
  },
  async 'a server that does not answer'() {
    const db = open(silentUrl);
    const error = await thrown(Promise.resolve(db.raw('SELECT 1')));
    await db.destroy();
    return error;
  },
  async 'a statement that takes too long'() {
    const db = open();
    const error = await thrown(Promise.resolve(db.raw(SLEEP)));
    await db.destroy();
    return error;
  },
  async 'a pool that closes while a statement waits for a connection'() {
    const db = open();
    const transaction = await db.transaction();
    const error = thrown(Promise.resolve(db.raw('SELECT 1')));
    const closing = db.destroy();
    await transaction.rollback();
    await closing;
    return error;
  },
  async 'a pool that is closed'() {
    const db = open();
    await db.destroy();
    return thrown(Promise.resolve(db.raw('SELECT 1')));
  },
};

describe('an outage', () => {
  it.each(Object.keys(PG))('is what pg says with: %s', async (text) => {
    const error = await PG[text]?.();
    expect(error).toMatchObject({ message: text });
    expect(isUnavailable(error)).toBe(true);
  });

  it.each(Object.keys(PG))('is what pg says behind the SQL that Knex puts before it: %s', (text) => {
    expect(isUnavailable(new Error(`select * from "api_keys" - ${text}`))).toBe(true);
  });

  it.each(Object.keys(KNEX))('is told by Knex: %s', async (name) => {
    expect(isUnavailable(await KNEX[name]?.())).toBe(true);
  });

  it.each([
    ['server closed the connection', 'while executing command on 10.0.0.2:5432'],
    ['failure on connection marked as essential: 10.0.0.2:5432', undefined],
    ['DELETE FROM t - failure on connection marked as essential: 10.0.0.2:5432', undefined],
    ["failed to prepare transaction 'citus_0_3456_341_0' on host 10.0.0.2:5432", undefined],
    ['postmaster was shut down, exiting', undefined],
  ])('is that Citus lost a node: %s', (text, where) => {
    expect(isUnavailable(Object.assign(new Error(text), { code: 'XX000', where }))).toBe(true);
  });
});

describe('another error', () => {
  it('is none, whatever text it quotes', () => {
    expect(isUnavailable(new Error('Connection terminated: no such column'))).toBe(false);
    expect(isUnavailable(Object.assign(new Error('timeout expired'), { code: '22P02' }))).toBe(false);
    expect(isUnavailable(Object.assign(new Error('cache lookup failed'), { code: 'XX000', where: '' }))).toBe(
      false,
    );
  });
});

it('connections of the hot statements close once the statement under way has ended', async () => {
  const hot = openHotStatements({
    connectionString: database.connectionString,
    statementTimeoutSeconds: 5,
    acquireTimeoutSeconds: 5,
    isTracing: false,
  });
  const sleep = (seconds: number) =>
    hot.query({ name: 'sleep', text: 'SELECT pg_sleep($1), 1 AS one', values: [seconds] });
  await sleep(0); // opens the connection
  const answer = sleep(0.1);
  await hot.close();
  expect(await answer).toMatchObject([{ one: 1 }]);
});

describe('a write of what only this process knows', () => {
  const refused = new Error('permission denied');
  const away = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });

  it('is given up if the database goes on refusing it', async () => {
    let tries = 0;
    const write = async () => {
      tries += 1;
      throw refused;
    };
    await expect(persist(write, 200)).rejects.toBe(refused);
    expect(tries).toBeGreaterThan(1);
    expect(tries).toBeLessThan(10);
  });

  it('is not given up while the database is away', async () => {
    const failures = [away, away, away];
    const write = async () => {
      const failure = failures.shift();
      if (failure !== undefined) throw failure;
      return 'written';
    };
    expect(await persist(write, 0)).toBe('written');
  });
});
