/** An import that names the expiry as OAuth does: ignored by the contract, told to the operator. */
import type { ChildProcess } from 'node:child_process';
import { afterAll, expect, it } from '@jest/globals';
import { generateKey } from '../crypto/fernet.ts';
import { exit, spawnTokenhold } from './support/process.ts';
import { IMPORT, startVault, type TestVault } from './support/vault.ts';

let server: ChildProcess | undefined;
let vault: TestVault | undefined;

afterAll(async () => {
  server?.kill('SIGKILL');
  await vault?.close();
});

it('each import with expires_in alone is counted, and one of each API key and hour is logged', async () => {
  const keys = generateKey();
  vault = await startVault({ FERNET_KEYS: keys });
  const tenants = [await vault.newTenant(), await vault.newTenant()];
  server = spawnTokenhold(['serve'], {
    DATABASE_URL: vault.connectionString,
    FERNET_KEYS: keys,
    PORT: '0',
    METRICS_PORT: '0',
  });
  let logged = '';
  server.stderr?.on('data', (chunk) => {
    logged += String(chunk);
  });
  let printed = '';
  for await (const chunk of server.stdout ?? []) {
    printed += String(chunk);
    if (/listening on http:\S+\n/.test(printed)) break;
  }
  const url = /http:\S+/.exec(printed)?.[0];
  const send = async (key: string, fields: object) => {
    const answer = await fetch(`${url}${IMPORT}`, {
      method: 'POST',
      headers: { 'X-Api-Key': key, 'Content-Type': 'application/json' },
      body: JSON.stringify({ provider_id: 'slack', access_token: 'hush', ...fields }),
    });
    expect(answer.status).toBe(200);
  };
  for (const { apiKey } of tenants) {
    await send(apiKey, { expires_in: 3600 });
    await send(apiKey, { expires_at: '2026', expires_in_seconds: null });
    await send(apiKey, { expires_in: 3600, expires_in_seconds: 3600 });
    await send(apiKey, {});
  }
  const port = /"server\.port":(\d+)/.exec(logged)?.[1];
  expect(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()).toMatch(
    /^tokenhold_imports_with_ignored_expiry_total 4$/m,
  );
  server.kill();
  expect(await exit(server)).toBe(0);
  const lines = logged.split('\n').filter((line) => line.includes('that is ignored'));
  expect(lines.map((line) => JSON.parse(line))).toMatchObject(
    tenants.map(({ organizationId }) => ({
      level: 'warn',
      'tokenhold.organization.id': organizationId,
      'tokenhold.field': 'expires_in',
    })),
  );
  expect(logged).not.toContain('hush');
});
