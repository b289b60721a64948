/** What a scrape costs: the counts of ciphertexts read whole indexes. */
import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from '@jest/globals';
import { generateKey } from '../crypto/fernet.ts';
import { exit, printed, spawnTokenhold } from './support/process.ts';
import { startVault, type TestVault } from './support/vault.ts';

let server: ChildProcess | undefined;
let vault: TestVault | undefined;
let served = '';

afterAll(async () => {
  server?.kill('SIGKILL');
  await vault?.close();
});

it('ciphertexts are counted once for all scrapes, and no request waits for the count', async () => {
  const keys = generateKey();
  vault = await startVault({ FERNET_KEYS: keys });
  const { apiKey } = await vault.newTenant();
  await vault.import(apiKey, { provider_id: 'slack', access_token: 'x' });
  server = spawnTokenhold(['serve'], {
    DATABASE_URL: vault.connectionString,
    FERNET_KEYS: keys,
    PORT: '0',
    METRICS_PORT: '0',
    DATABASE_POOL_MAX: '1',
  });
  let logged = '';
  for await (const chunk of server.stderr?.iterator({ destroyOnReturn: false }) ?? []) {
    logged += String(chunk);
    if (/"server\.port":\d+/.test(logged)) break;
  }
  const scrape = async () => {
    const answer = await fetch(`http://127.0.0.1:${/"server\.port":(\d+)/.exec(logged)?.[1]}/metrics`);
    return { status: answer.status, text: await answer.text() };
  };
  const url = /http:\S+/.exec(await printed(server, /listening on http:\S+/))?.[0];

  const locker = vault.outside();
  const lock = await locker.transaction();
  await lock.raw('LOCK TABLE oauth_providers IN ACCESS EXCLUSIVE MODE'); // the count hangs
  const scrapes = await Promise.all(Array.from({ length: 12 }, scrape));
  expect(scrapes.map(({ status }) => status)).toEqual(Array(12).fill(200));
  expect(scrapes[0]?.text).not.toMatch(/^tokenhold_ciphertexts\{/m);
  const { rows } = await vault.db.raw(
    "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database() AND query LIKE '%client_secret_key%'",
  );
  expect(rows).toHaveLength(1);
  expect((await fetch(`${url}/readyz`)).status).toBe(200); // by the only connection of the pool

  await lock.rollback();
  await locker.destroy();
  while (!/^tokenhold_ciphertexts\{/m.test((await scrape()).text));
  served = (await scrape()).text;
  server.kill();
  expect(await exit(server)).toBe(0);
});

it('ciphertexts that are being counted keep no service from stopping', async () => {
  const stopped = await startVault({ DATABASE_STATEMENT_TIMEOUT_SECONDS: '3600' });
  const locker = stopped.outside();
  const lock = await locker.transaction();
  await lock.raw('LOCK TABLE token_versions IN ACCESS EXCLUSIVE MODE'); // the count hangs, and nothing else
  await stopped.metrics();
  await stopped.close();
  await lock.rollback().catch(() => undefined); // its database is gone
  await locker.destroy();
});

it('are those that docs/operations.md names', () => {
  const documented = readFileSync(join(import.meta.dirname, '../docs/operations.md'), 'utf8');
  const chapter = documented.slice(documented.indexOf('\n## Metrics'), documented.indexOf('\n## Traces'));
  const names = new Set([...chapter.matchAll(/`(tokenhold_\w+)`/g)].map(([, name]) => name));
  const ours = new Set([...served.matchAll(/^# TYPE (tokenhold_\w+)/gm)].map(([, name]) => name));
  expect(names.size).toBeGreaterThan(10);
  expect([...ours].sort()).toEqual([...names].sort());
});
