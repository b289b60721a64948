/** Installations of a GitHub App: the setup URL, and an `installation_id` that the browser brings. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type HostileServer, startHostileServer } from './support/hostile-authorization-server.ts';
import { person, providerOf } from './support/person.ts';
import { startVault, type Tenant, type TestVault } from './support/vault.ts';

const folder = mkdtempSync(join(tmpdir(), 'installation-'));
let vault: TestVault;
let provider: HostileServer;
let tenant: Tenant;

beforeAll(async () => {
  provider = await startHostileServer();
  const PROVIDER_CATALOGUE_FILE = join(folder, 'catalogue.json');
  const installationsUrl = `${provider.url}/list/installations?per_page=100`;
  const entry = {
    name: 'forge',
    displayName: 'Forge',
    match: [new URL(provider.url).host],
    installationsUrl,
  };
  writeFileSync(PROVIDER_CATALOGUE_FILE, JSON.stringify([entry]));
  vault = await startVault({ PROVIDER_CATALOGUE_FILE, AUTHORIZATIONS_PER_USER_MAX: '1000' });
  tenant = await vault.newTenant();
  const json = providerOf(provider, 'example');
  await vault.call('POST', '/v2/auth/providers', { key: tenant.apiKey, json });
});

afterAll(async () => {
  await Promise.all([vault.close(), provider.stop()]);
  rmSync(folder, { recursive: true });
});

const setup = (query: string) => person().go(`${vault.url}/v2/auth/setup/example?${query}`);

/** Where the provider sends the browser after the installation, without the id. */
async function installed() {
  const json = { provider: 'example', scopes: [], force_new: true };
  const { body } = await vault.call('POST', '/v2/auth/authenticate', { key: tenant.apiKey, json });
  const { url, auth_id } = Object(body);
  const alice = person();
  const callback = new URL(await alice.untilCallback(String(url)));
  return { alice, callback, authId: String(auth_id) };
}

/** Finishes the consent at one of the two doors, with these ids in the URL. @returns the metadata of its token */
async function metadataAfter(ids: readonly string[], door: 'callback' | 'setup' = 'callback') {
  const { alice, callback, authId } = await installed();
  callback.pathname = callback.pathname.replace('callback', door);
  callback.searchParams.set('setup_action', 'install');
  for (const id of ids) callback.searchParams.append('installation_id', id);
  const end = await alice.go(callback.href);
  expect(end.headers.get('location')).toBe(`${vault.url}/connected`);
  const { token_id } = await vault.db('authorizations').where({ id: authId }).first();
  return (await vault.db('oauth_tokens').where({ id: token_id }).first()).metadata;
}

const list = (ids: readonly unknown[]) => JSON.stringify({ installations: ids.map((id) => ({ id })) });
const page = (response: ServerResponse, ids: readonly unknown[], next?: string) =>
  response.writeHead(200, next === undefined ? {} : { Link: `<${next}>; rel="next"` }).end(list(ids));

describe('the setup URL', () => {
  it.each([
    ['setup_action=update&installation_id=5', 'Updated'],
    ['setup_action=request', 'Waiting for an owner'],
    ['setup_action=install&installation_id=5&code=forged', 'Installed'],
  ])('?%s says "%s", and writes nothing', async (query, title) => {
    const response = await setup(query);
    expect([response.status, await response.text()]).toEqual([200, expect.stringContaining(title)]);
  });

  it('finishes like a callback where it has a state', async () => {
    provider.installations = (_, response) => page(response, [5]);
    expect(await metadataAfter(['5'], 'setup')).toEqual({ installation_id: 5 });
    expect((await setup('setup_action=install&code=c&state=s')).status).toBe(400);
  });
});

describe('an installation_id', () => {
  it('is kept if the list that the new token may read holds it', async () => {
    const asked: unknown[] = [];
    provider.installations = ({ url, headers: { authorization } }, response) => {
      asked.push(url, provider.secrets.includes(authorization?.replace(/^Bearer /, '') ?? ''));
      page(response, [4, 5]);
    };
    expect(await metadataAfter(['5'])).toEqual({ installation_id: 5 });
    expect(asked).toEqual(['/list/installations?per_page=100', true]);
  });

  it('is looked for on the next pages of the list, ten at most', async () => {
    let pages = 0;
    provider.installations = ({ url = '' }, response) => {
      pages += 1;
      const { searchParams } = new URL(url, provider.url);
      const number = Number(searchParams.get('page') ?? 1);
      page(response, [100 + number], `${provider.url}/list/installations?per_page=100&page=${number + 1}`);
    };
    expect(await metadataAfter(['103'])).toEqual({ installation_id: 103 });
    expect(pages).toBe(3);
    expect(await metadataAfter(['199'])).toBeNull();
    expect(pages).toBe(13);
  });

  it.each<[string, HostileServer['installations']]>([
    ['a list without it', (_, response) => page(response, [50, '5', null])],
    ['a refusal', (_, response) => response.writeHead(403).end(list([5]))],
    ['an error', (_, response) => response.writeHead(500).end(list([5]))],
    ['a redirect', ({ url }, response) => response.writeHead(302, { Location: url }).end()],
    ['no list', (_, response) => response.end('{"installations":{"id":5}}')],
    ['no JSON', (_, response) => response.end('5')],
    ['a huge list', (_, response) => page(response, [5, 'x'.repeat(1_100_000)])],
    ['a cut connection', (_, response) => response.destroy()],
    ['no answer', () => undefined],
    [
      'a next page of another host',
      (_, response) => page(response, [], 'http://localhost:1/list/installations'),
    ],
  ])('is ignored where the provider answers %s, and the account is connected', async (_, answer) => {
    provider.installations = answer;
    expect(await metadataAfter(['5'])).toBeNull();
  });

  it('is ignored unasked where it is repeated, or no number', async () => {
    let count = 0;
    provider.installations = (_, response) => {
      count += 1;
      page(response, [5, 'x']);
    };
    for (const ids of [['5', '5'], ['x'], [''], ['-5'], ['5.0'], ['5'.repeat(16)]])
      expect([ids, await metadataAfter(ids)]).toEqual([ids, null]);
    expect(count).toBe(0);
  });
});
