import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { type EmbeddedDatabase, startEmbedded } from '../../db/embedded/embedded.ts';
import { migrate } from '../../db/postgres/migrate.ts';

/** Jest's global setup and teardown: one PostgreSQL for the whole run, with a migrated template database to clone. */
const TEMPLATE = 'vault_template';

let embedded: EmbeddedDatabase | undefined;
let dataDir: string | undefined;

/** The same server's URL for another database. */
export function databaseUrl(server: string, database: string): string {
  const url = new URL(server);
  url.pathname = `/${database}`;
  return url.href;
}

async function run(connectionString: string, ...statements: string[]): Promise<void> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

/** The nodes of a cluster, its coordinator first. Empty: the run has one PostgreSQL. */
const cluster = (): readonly string[] => process.env['TEST_CITUS_URLS']?.split(',') ?? [];

export const isOneServer = (): boolean => cluster().length === 0;

/** Whether the run has one PostgreSQL, which the tests need. On a cluster they are left out, and stderr says why. */
export function hasOneServer(tests: string, reason: string): boolean {
  if (!isOneServer()) process.stderr.write(`Left out on a cluster, because ${reason}: ${tests}\n`);
  return isOneServer();
}

/** How often to try a property. On a cluster a try takes about ten times as long. */
export const tries = (count: number): number => (isOneServer() ? count : Math.ceil(count / 10));

/**
 * Runs statements on the server of the test run, outside any test's database. On a cluster they run on each node, because each
 * keeps its part of a database in a database of the same name, and roles of its own.
 */
export async function onServer(...statements: string[]): Promise<void> {
  await Promise.all((isOneServer() ? [serverUrl()] : cluster()).map((node) => run(node, ...statements)));
}

const hostAndPort = (url: string): string => {
  const { hostname, port } = new URL(url);
  return `'${hostname}', ${port || 5432}`;
};

/**
 * Settings of a connection do not reach other nodes, and settings of its role do: docs/scaling.md sets them for the service.
 * The last one is for tests: a statement over all shards opens one connection to each node, and no more.
 */
const ROLE_SETTINGS = {
  enable_seqscan: 'off',
  jit: 'off',
  lock_timeout: '1s',
  'citus.max_adaptive_executor_pool_size': '1',
};

const alterRole = (change: (name: string, value: string) => string): string[] =>
  Object.entries(ROLE_SETTINGS).map(([name, value]) => `ALTER ROLE CURRENT_USER ${change(name, value)}`);

/** Makes the migrated template a database of the cluster, and distributes its tables as operators do. */
async function distribute(): Promise<void> {
  const [coordinator = '', ...workers] = cluster();
  for (const node of cluster()) await run(databaseUrl(node, TEMPLATE), 'CREATE EXTENSION citus');
  const script = readFileSync(new URL('../../deploy/citus.sql', import.meta.url), 'utf8')
    .replace(/^--.*$/gm, '')
    .replace('shard_count => 32', 'shard_count => 4'); // so that a database is soon cloned
  await run(
    databaseUrl(coordinator, TEMPLATE),
    `SELECT citus_set_coordinator_host(${hostAndPort(coordinator)})`,
    ...workers.map((worker) => `SELECT citus_add_node(${hostAndPort(worker)})`),
    ...script.split(/;\s*$/m).filter((statement) => statement.trim() !== ''),
  );
  // Citus keeps a process in each database, and no database with one can be cloned.
  await onServer(
    ...alterRole((name, value) => `SET ${name} = '${value}'`),
    `SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = '${TEMPLATE}'`,
  );
}

export function serverUrl(): string {
  const url = process.env['TEST_DATABASE_URL'];
  if (url === undefined) throw new Error('the global setup has not run');
  return url;
}

let clones = 0;

/** A database of the test's own: a migrated one, or an empty one. */
export async function createDatabase(template: 'migrated' | 'empty' = 'migrated') {
  const name = `vault_${process.pid}_${process.env['JEST_WORKER_ID']}_${Date.now()}_${clones++}`;
  await onServer(`CREATE DATABASE ${name} TEMPLATE ${template === 'migrated' ? TEMPLATE : 'template0'}`);
  return {
    connectionString: databaseUrl(serverUrl(), name),
    drop: () => onServer(`DROP DATABASE ${name} WITH (FORCE)`),
  };
}

export async function setup(): Promise<void> {
  if (!isOneServer()) process.env['TEST_DATABASE_URL'] = cluster()[0];
  if (process.env['TEST_DATABASE_URL'] === undefined) {
    dataDir = mkdtempSync(join(tmpdir(), 'tokenhold-test-'));
    embedded = await startEmbedded(dataDir);
    process.env['TEST_DATABASE_URL'] = embedded.connectionString;
  }
  await onServer(
    `DROP DATABASE IF EXISTS ${TEMPLATE} WITH (FORCE)`,
    `CREATE DATABASE ${TEMPLATE} TEMPLATE template0`,
  );
  const connectionString = databaseUrl(serverUrl(), TEMPLATE);
  await migrate(connectionString);
  if (!isOneServer()) await distribute();
}

export async function teardown(): Promise<void> {
  await onServer(`DROP DATABASE ${TEMPLATE}`);
  if (!isOneServer()) await onServer(...alterRole((name) => `RESET ${name}`));
  await embedded?.stop();
  if (dataDir !== undefined) rmSync(dataDir, { recursive: true });
}
