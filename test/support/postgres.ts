import { mkdtempSync, rmSync } from 'node:fs';
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

/** Runs statements on the server of the test run, outside any test's database. */
export async function onServer(...statements: string[]): Promise<void> {
  const client = new pg.Client({ connectionString: serverUrl() });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
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
  if (process.env['TEST_DATABASE_URL'] === undefined) {
    dataDir = mkdtempSync(join(tmpdir(), 'tokenhold-test-'));
    embedded = await startEmbedded(dataDir);
    process.env['TEST_DATABASE_URL'] = embedded.connectionString;
  }
  await onServer(`DROP DATABASE IF EXISTS ${TEMPLATE}`, `CREATE DATABASE ${TEMPLATE} TEMPLATE template0`);
  const connectionString = databaseUrl(serverUrl(), TEMPLATE);
  await migrate(connectionString);
}

export async function teardown(): Promise<void> {
  await onServer(`DROP DATABASE ${TEMPLATE}`);
  await embedded?.stop();
  if (dataDir !== undefined) rmSync(dataDir, { recursive: true });
}
