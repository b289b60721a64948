/** Consents over several processes of ours on one database. */
import type { ChildProcess } from 'node:child_process';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { type HostileServer, startHostileServer } from './support/hostile-authorization-server.ts';
import { person, providerOf } from './support/person.ts';
import { exit, printed, spawnTokenhold } from './support/process.ts';
import { startVault, type Tenant, type TestVault } from './support/vault.ts';

let vault: TestVault;
let tenant: Tenant;
let provider: HostileServer;
let other: ChildProcess;
let otherUrl: string;

beforeAll(async () => {
  const FERNET_KEYS = Buffer.alloc(32, 7).toString('base64url').padEnd(44, '=');
  [vault, provider] = await Promise.all([startVault({ FERNET_KEYS }), startHostileServer()]);
  tenant = await vault.newTenant();
  const json = providerOf(provider, 'example');
  await vault.call('POST', '/v2/auth/providers', { key: tenant.apiKey, json });
  other = spawnTokenhold(['serve'], {
    DATABASE_URL: vault.connectionString,
    FERNET_KEYS,
    PORT: '0',
    PUBLIC_URL: vault.url,
    LOG_LEVEL: 'silent',
  });
  otherUrl = /http:\S+/.exec(await printed(other, /http:\S+\n/))?.[0] ?? '';
});

afterAll(async () => {
  other.kill('SIGTERM');
  await exit(other);
  await Promise.all([vault.close(), provider.stop()]);
});

const start = async () => {
  const json = { provider: 'example', scopes: [], force_new: true };
  const { body } = await vault.call('POST', '/v2/auth/authenticate', { key: tenant.apiKey, json });
  const { url, auth_id } = Object(body);
  return { url: String(url), authId: String(auth_id) };
};

/** Held by the other process. */
const wait = async (authId: string) => {
  const response = await fetch(`${otherUrl}/v2/auth/wait/${authId}?timeout=60`, {
    headers: { 'X-Api-Key': tenant.apiKey },
  });
  return Object(await response.json());
};

/** Waits until the other process has a waiting request. */
const untilWaiting = async (authId: string) => {
  const { rows } = await vault.db.raw(
    `SELECT count(*)::integer AS looks FROM pg_stat_activity WHERE application_name = 'tokenhold listener' AND datname = current_database()`,
  );
  expect(rows[0].looks).toBe(2);
  expect(
    await vault.authorizations.states([{ organizationId: tenant.organizationId, id: authId }]),
  ).toHaveLength(1);
};

it('a request that waits at one process is woken by a callback at another', async () => {
  const { url, authId } = await start();
  const waiting = wait(authId);
  await untilWaiting(authId);
  const startedAt = Date.now();
  await person().connect(url);
  expect(await waiting).toMatchObject({ status: 'completed' });
  expect(Date.now() - startedAt).toBeLessThan(4_000); // the poll alone takes up to 5 s
});

it('a link that one process made finishes at another', async () => {
  const { url, authId } = await start();
  const alice = person();
  const callback = await alice.untilCallback(url.replace(vault.url, otherUrl));
  const end = await alice.go(callback.replace(vault.url, otherUrl));
  expect(end.headers.get('location')).toBe(`${vault.url}/connected`);
  expect(await wait(authId)).toMatchObject({ status: 'completed' });
});

it('SIGTERM answers a request that waits: timeout', async () => {
  const { authId } = await start();
  const waiting = wait(authId);
  const settled = { isSettled: false };
  void waiting.then(() => {
    settled.isSettled = true;
  });
  // The process has read the request when it answers a later one.
  await fetch(`${otherUrl}/readyz`);
  expect(settled.isSettled).toBe(false);
  other.kill('SIGTERM');
  expect(await waiting).toEqual({ status: 'timeout', token: null });
  expect(await exit(other)).toBe(0);
});
