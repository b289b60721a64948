/** PostgreSQL is killed, hangs or goes silent: callers get 503 with `Retry-After`, and are served as soon as it is back. */
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { startProxy } from '../bench/hostile/proxy.ts';
import { generateKey } from '../crypto/fernet.ts';
import { findRunning } from '../db/embedded/embedded.ts';
import { createDatabase } from './support/postgres.ts';
import { exit, printed, spawnTokenhold } from './support/process.ts';
import { IMPORT, startVault } from './support/vault.ts';

/** One operation of the hot statements, one of Knex. */
const REQUESTS = [
  ['POST', IMPORT, '{"provider_id":"slack","access_token":"x"}'],
  ['GET', '/v2/auth/tokens/exists?provider_id=slack', undefined],
] as const;
const CLIENTS_EACH = 8;

interface Seen {
  readonly path: string;
  readonly status: number;
  readonly retryAfter: string | null;
  /** By `performance.now()`. */
  readonly at: number;
}

/** Calls both operations, one request after another, until the signal. */
function load(url: string, key: string) {
  const seen: Seen[] = [];
  const ended = new AbortController();
  const client = async ([method, path, body]: (typeof REQUESTS)[number]) => {
    while (!ended.signal.aborted) {
      const headers = { 'X-Api-Key': key, 'Content-Type': 'application/json' };
      const answer = await fetch(url + path, { method, headers, body: body ?? null });
      await answer.arrayBuffer();
      const { status } = answer;
      seen.push({ path, status, retryAfter: answer.headers.get('retry-after'), at: performance.now() });
    }
  };
  const clients = REQUESTS.flatMap((request) => Array.from({ length: CLIENTS_EACH }, () => client(request)));
  return {
    seen,
    /** Resolves once each operation succeeds again after this moment. */
    async served(after = performance.now()): Promise<number> {
      const isServed = () =>
        REQUESTS.every(([, path]) =>
          seen.some((one) => one.path === path && one.status === 200 && one.at > after),
        );
      while (!isServed()) await delay(5);
      return performance.now() - after;
    },
    async end(): Promise<readonly Seen[]> {
      ended.abort();
      await Promise.all(clients);
      return seen;
    },
  };
}

/** The statuses, each with its `Retry-After`. */
const answers = (seen: readonly Seen[]): Set<string> =>
  new Set(seen.map(({ status, retryAfter }) => `${status} ${retryAfter}`));

describe('connections that go silent', () => {
  it('are replaced within the statement timeout and two seconds', async () => {
    const database = await createDatabase();
    const proxy = await startProxy(database.connectionString);
    const vault = await startVault({
      DATABASE_URL: proxy.connectionString,
      FERNET_KEYS: generateKey(),
      DATABASE_STATEMENT_TIMEOUT_SECONDS: '1',
      DATABASE_ACQUIRE_TIMEOUT_SECONDS: '1',
    });
    const tenant = await vault.newTenant();
    const callers = load(vault.url, tenant.apiKey);
    await callers.served();
    proxy.silence();
    await delay(20); // answers that had left before
    expect(await callers.served()).toBeLessThan(3_000);
    expect(answers(await callers.end())).toEqual(new Set(['200 null', '503 5']));
    await vault.close();
    proxy.close();
    await database.drop();
  });
});

describe('a database that is gone', () => {
  it('is answered for with 503, never 401', async () => {
    const database = await createDatabase();
    const vault = await startVault({ DATABASE_URL: database.connectionString });
    const importWith = (key: string) => vault.import(key, { provider_id: 'slack', access_token: 'x' });
    expect(await importWith(`thk_AAAAAA_${'A'.repeat(43)}`)).toMatchObject({ status: 401 });
    await database.drop();
    const { status, headers, text } = await importWith(`thk_BBBBBB_${'B'.repeat(43)}`); // the first one is remembered
    expect([status, headers.get('retry-after'), text]).toEqual([
      503,
      '5',
      '{"detail":"Service Unavailable"}',
    ]);
    expect(await vault.call('GET', '/readyz')).toMatchObject({ status: 503 });
    expect(await vault.call('GET', '/healthz')).toMatchObject({ status: 200 });
    await vault.close();
  });
});

describe('a PostgreSQL of its own', () => {
  let dataDir: string;
  let server: ChildProcess;
  let url: string;
  let key: string;

  beforeAll(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'tokenhold-outages-'));
    server = spawnTokenhold(['serve'], {
      DATA_DIR: dataDir,
      PORT: '0',
      LOG_LEVEL: 'silent',
      // On a busy machine, a start may wait for a connection for longer than a second.
      DATABASE_STATEMENT_TIMEOUT_SECONDS: '2',
    });
    const banner = await printed(server, /-d '.*'\n/);
    url = /listening on (\S+)/.exec(banner)?.[1] ?? '';
    key = /thk_\w{6}_[\w-]{43}/.exec(banner)?.[0] ?? '';
    await fetch(`${url}/v2/auth/providers`, {
      method: 'POST',
      headers: { 'X-Api-Key': key, 'Content-Type': 'application/json' },
      body: JSON.stringify({
        provider_id: 'slack',
        name: 'Slack',
        client_id: 'client',
        auth_url: 'https://slack.com/oauth/v2/authorize',
        token_url: 'https://slack.com/api/oauth.v2.access',
      }),
    });
  });

  afterAll(async () => {
    server.kill();
    await exit(server);
    rmSync(dataDir, { recursive: true });
  });

  const postmaster = () =>
    Number(readFileSync(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8').split('\n')[0]);

  it('that hangs is answered for with 503 as long as it hangs', async () => {
    const client = new pg.Client({ connectionString: (await findRunning(dataDir)) ?? '' });
    await client.connect();
    const callers = load(url, key);
    await callers.served();
    const { rows } = await client.query<{ pid: number }>(
      "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
    );
    await client.end();
    const processes = [postmaster(), ...rows.map(({ pid }) => pid)];
    for (const pid of processes) process.kill(pid, 'SIGSTOP');
    while (callers.seen.filter(({ status }) => status === 503).length < 4 * CLIENTS_EACH) await delay(20);
    for (const pid of processes) process.kill(pid, 'SIGCONT');
    await callers.served();
    expect(answers(await callers.end())).toEqual(new Set(['200 null', '503 5']));
  });

  it('that is killed again and again is answered for with 503', async () => {
    const callers = load(url, key);
    for (let kill = 0; kill < 2; kill++) {
      await callers.served();
      process.kill(postmaster(), 'SIGKILL');
      await delay(50);
    }
    await callers.served();
    expect(answers(await callers.end())).toEqual(new Set(['200 null', '503 5']));
  });
});
