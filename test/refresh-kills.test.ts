/** `kill -9` at each point of a refresh: claimed, rotated by the provider, answered, sent to the database, stored. */
import type { ChildProcess } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Knex } from 'knex';
import { type GrantGiven, type StrictServer, startStrictServer } from '../bench/refresh/strict.ts';
import { generateKey } from '../crypto/fernet.ts';
import { OPERATOR } from '../db/audit.ts';
import { loadConfig } from '../service/config.ts';
import { openCommandVault, type Vault } from '../service/repositories.ts';
import { createDatabase, isOneServer, onServer } from './support/postgres.ts';
import { exit, printed, spawnTokenhold, tokenhold } from './support/process.ts';

let database: Awaited<ReturnType<typeof createDatabase>>;
let settings: Record<string, string>;
/** Each test has a provider of its own, because a server behaves alike to all grants. */
let lenient: StrictServer;
let strict: StrictServer;
let vault: Vault;
let organizationId: string;
let apiKey: string;

beforeAll(async () => {
  database = await createDatabase();
  settings = {
    DATABASE_URL: database.connectionString,
    FERNET_KEYS: generateKey(),
    PORT: '0',
    LOG_LEVEL: 'silent',
  };
  [lenient, strict, vault] = await Promise.all([
    startStrictServer(),
    startStrictServer(),
    openCommandVault(loadConfig(settings)),
  ]);
  const created = await vault.organizations.create('acme');
  if (created === undefined) throw new Error('no organization');
  organizationId = created.organizationId;
  const owner = { ...created, userId: 'alice', role: 'admin', expiresInSeconds: null } as const;
  ({ apiKey } = await vault.apiKeys.create(owner, OPERATOR));
  for (const [providerId, { tokenUrl }] of Object.entries({ lenient, strict })) {
    const provider = {
      providerId,
      name: providerId,
      clientId: 'client',
      clientSecret: null,
      authUrl: 'https://provider.example/authorize',
      tokenUrl,
      providerType: null,
    };
    await vault.providers.create(organizationId, provider, OPERATOR);
  }
});

afterAll(async () => {
  await vault.close();
  await Promise.all([lenient.stop(), strict.stop()]);
  await database.drop();
});

interface Running {
  readonly child: ChildProcess;
  readonly url: string;
}

async function start(): Promise<Running> {
  const child = spawnTokenhold(['serve'], settings);
  const url = /http:\S+/.exec(await printed(child, /listening/))?.[0] ?? '';
  return { child, url };
}

async function post({ url }: Running, path: string, json: object): Promise<unknown> {
  const headers = { 'content-type': 'application/json', 'x-api-key': apiKey };
  const answer = await fetch(`${url}/v2/auth/${path}`, {
    method: 'POST',
    headers,
    body: JSON.stringify(json),
  });
  return answer.json();
}

type ProviderId = 'lenient' | 'strict';

/** An expired token. */
async function hold(running: Running, provider_id: ProviderId, given: GrantGiven): Promise<string> {
  const token = { access_token: given.accessToken, refresh_token: given.refreshToken, expires_in_seconds: 0 };
  return String(Object(await post(running, 'tokens/import', { provider_id, ...token })).token_id);
}

const row = async (id: string) => vault.db('oauth_tokens').where({ id }).first();

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 50));
}

/** On a cluster, statements wait for locks at the node that has the row. */
const [OWN, BLOCKED] = isOneServer()
  ? [
      'SELECT pg_backend_pid() AS id',
      'SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND :id = ANY (pg_blocking_pids(pid))',
    ]
  : ['SELECT citus_backend_gpid() AS id', 'SELECT 1 FROM citus_lock_waits WHERE blocking_gpid = :id'];

/** Whether a statement waits for a lock of this transaction. */
async function isBlocking(transaction: Knex.Transaction): Promise<boolean> {
  const own = await transaction.raw<{ rows: { id: number }[] }>(OWN);
  const { rows } = await vault.db.raw(BLOCKED, { id: own.rows[0]?.id ?? 0 });
  return rows.length > 0;
}

/**
 * A process with five tokens, each at another point of its refresh: the provider has not seen the request, it has rotated,
 * its answer arrives just before `kill`, the answer is sent to the database, or stored.
 */
async function atEachPoint(provider: ProviderId, server: StrictServer, reuseSeconds: number) {
  await server.behave({ reuseSeconds });
  const running = await start();
  const grants = await server.grants(5);
  const ids = await Promise.all(grants.map((grant) => hold(running, provider, grant)));
  const [claimed = '', rotated = '', answered = '', sent = '', stored = ''] = ids;
  const refresh = (token_id: string) =>
    void post(running, 'authenticate', { provider, scopes: [], token_id }).catch(() => undefined);
  const isHeld = async (count: number) => (await server.stats()).held === count;
  const isAsked = async (count: number) => (await server.stats()).requests === count;

  refresh(stored);
  await until(async () => (await row(stored)).generation === 1);
  await server.behave({ reuseSeconds, mode: 'lurk' });
  refresh(claimed);
  await until(() => isHeld(1));
  await server.behave({ reuseSeconds, ms: 60_000 });
  const { requests } = await server.stats();
  refresh(rotated);
  await until(() => isAsked(requests + 1));
  await server.behave({ reuseSeconds, mode: 'hold' });
  refresh(sent);
  await until(() => isHeld(2));
  const lock = await vault.db.transaction();
  await lock('oauth_tokens').where({ organization_id: organizationId, id: sent }).forUpdate();
  await server.release('hold');
  await until(() => isBlocking(lock));
  refresh(answered);
  await until(() => isHeld(2));

  async function kill(): Promise<void> {
    running.child.kill('SIGSTOP');
    await server.release('hold');
    running.child.kill('SIGKILL');
    await exit(running.child);
    await server.behave({ reuseSeconds });
    await server.release();
    await lock.rollback();
  }
  return { ids, kill };
}

const rows = (ids: readonly string[]) => Promise.all(ids.map(row));

const states = async (server: StrictServer, ids: readonly string[]) =>
  server.check((await rows(ids)).map(({ refresh_token }) => vault.keyRing.open(refresh_token)));

describe('a process that is killed', () => {
  let ofLenient: readonly string[];
  let ofStrict: readonly string[];
  let other: Running;

  // Leases of both run out at the same time.
  beforeAll(async () => {
    const [one, another] = await Promise.all([
      atEachPoint('lenient', lenient, 30),
      atEachPoint('strict', strict, 0),
    ]);
    [ofLenient, ofStrict] = [one.ids, another.ids];
    await Promise.all([one.kill(), another.kill()]);
    other = await start();
  });

  afterAll(async () => {
    other.child.kill();
    expect(await exit(other.child)).toBe(0);
  });

  it('loses no grant where the provider has a reuse window: another process takes over, and serves', async () => {
    await until(async () => (await rows(ofLenient)).every(({ generation }) => generation === 1));
    expect(new Set(await states(lenient, ofLenient))).toEqual(new Set(['current']));
    for (const token_id of ofLenient) {
      const body = await post(other, 'authenticate', { provider: 'lenient', scopes: [], token_id });
      expect(body).toMatchObject({ status: 'completed' });
    }
  });

  it('loses at a strict provider what it did not live to store, and an operator sees that', async () => {
    const list = async (state: string) =>
      JSON.parse(
        (await tokenhold(['token', 'list', '--organization', 'acme', '--state', state, '--json'], settings))
          .stdout,
      );
    await until(async () =>
      (await rows(ofStrict)).every(({ generation, dead_at }) => generation === 1 || dead_at !== null),
    );
    expect(await states(strict, ofStrict)).toEqual(['current', 'dead', 'dead', 'current', 'current']);
    const dead: { token_id: string; reason: string }[] = await list('dead');
    expect(dead.map(({ token_id, reason }) => [token_id, reason]).sort()).toEqual(
      [ofStrict[1], ofStrict[2]].map((id) => [id, 'answer_lost']).sort(),
    );
    const { stdout } = await tokenhold(['doctor', '--json'], settings);
    expect(JSON.parse(stdout)).toContainEqual({
      check: 'grants',
      ok: true,
      detail: `warning: 2 dead of strict in ${organizationId} (answer_lost)`,
    });
  });
});

describe('a process that is asked to stop', () => {
  it('keeps an answer in memory while the database is away, through SIGTERM', async () => {
    const running = await start();
    await strict.behave({ mode: 'hold' });
    const [grant] = await strict.grants(1);
    if (grant === undefined) throw new Error('no grant');
    const id = await hold(running, 'strict', grant);
    void post(running, 'authenticate', { provider: 'strict', scopes: [], token_id: id }).catch(
      () => undefined,
    );
    await until(async () => (await strict.stats()).held > 0);
    const name = new URL(database.connectionString).pathname.slice(1);
    await onServer(`ALTER DATABASE ${name} SET default_transaction_read_only = on`);
    await vault.db.raw(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE datname = current_database() AND pid <> pg_backend_pid()`,
    );
    await strict.behave({});
    await strict.release();
    running.child.kill('SIGTERM');
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(running.child.exitCode).toBeNull();
    await onServer(`ALTER DATABASE ${name} RESET default_transaction_read_only`);
    await vault.db.raw(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE datname = current_database() AND pid <> pg_backend_pid()`,
    );
    expect(await exit(running.child)).toBe(0);
    expect(await states(strict, [id])).toEqual(['current']);
  });
});
