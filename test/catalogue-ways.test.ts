/** Providers' own ways of refresh and revocation, as requests that a service makes with an operator's catalogue file. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createCatalogue } from '../oauth/catalogue/catalogue.ts';
import { type HostileServer, startHostileServer } from './support/hostile-authorization-server.ts';
import { person, providerOf } from './support/person.ts';
import { startVault, type Tenant, type TestVault } from './support/vault.ts';

const REVOKED = ['notion', 'shopify', 'zendesk', 'miro'] as const;

let vault: TestVault;
let tenant: Tenant;
let servers: Record<(typeof REVOKED)[number] | 'zoho' | 'zohoElsewhere', HostileServer>;
const folder = mkdtempSync(join(tmpdir(), 'catalogue-'));

beforeAll(async () => {
  const started = await Promise.all(Array.from({ length: 6 }, () => startHostileServer()));
  const [notion, shopify, zendesk, miro, zoho, zohoElsewhere] = started;
  if (!notion || !shopify || !zendesk || !miro || !zoho || !zohoElsewhere) throw new Error('no server');
  servers = { notion, shopify, zendesk, miro, zoho, zohoElsewhere };
  const hostOf = ({ url }: HostileServer) => new URL(url).host;
  const catalogue = createCatalogue();
  // The built-in entries at servers of the test: other hosts and paths, the same requests.
  const entries = [
    ...REVOKED.map((name) => ({
      name,
      match: [hostOf(servers[name])],
      revocation: { ...catalogue.named(name)?.revocation, url: '{origin}/no-content/token' },
    })),
    { name: 'zoho', match: [hostOf(zoho), hostOf(zohoElsewhere)] },
  ];
  const file = join(folder, 'catalogue.json');
  writeFileSync(file, JSON.stringify(entries));
  vault = await startVault({ PROVIDER_CATALOGUE_FILE: file });
  tenant = await vault.newTenant();
});

afterAll(async () => {
  await vault.close();
  await Promise.all(Object.values(servers).map((server) => server.stop()));
  rmSync(folder, { recursive: true });
});

const post = (path: string, json: object) =>
  vault.call('POST', `/v2/auth/${path}`, { key: tenant.apiKey, json });

describe('a deleted token is revoked', () => {
  it.each<[(typeof REVOKED)[number], object, object]>([
    [
      'notion',
      { method: 'POST', contentType: 'application/json', parameters: { token: 'the access' } },
      { 'notion-version': '2025-09-03', authorization: `Basic ${btoa('client:client-secret')}` },
    ],
    ['shopify', { method: 'DELETE', parameters: {} }, { 'x-shopify-access-token': 'the access' }],
    ['zendesk', { method: 'DELETE', parameters: {} }, { authorization: 'Bearer the access' }],
    [
      'miro',
      {
        method: 'POST',
        contentType: 'application/json',
        parameters: { accessToken: 'the access', clientId: 'client', clientSecret: 'client-secret' },
      },
      {},
    ],
  ])('in the way of %s', async (name, seen, headers) => {
    await post('providers', providerOf(servers[name], name));
    const token = { provider_id: name, access_token: 'the access', refresh_token: 'the refresh' };
    const { token_id } = Object((await post('tokens/import', token)).body);
    await vault.call('DELETE', `/v2/auth/tokens/${token_id}`, { key: tenant.apiKey });
    const asked = servers[name].tokenRequests.at(-1);
    expect(asked).toMatchObject({ ...seen, headers });
    expect(asked?.parameters).toEqual(Object(seen).parameters);
    const record = { action: 'token.revoke', object_id: token_id };
    expect(await vault.db('audit_records').where(record)).toMatchObject([{ outcome: 'revoked' }]);
  });
});

describe('a grant of a data centre that the callback named (Zoho)', () => {
  const refresh = async (token_id: string) => {
    const before = [servers.zoho, servers.zohoElsewhere].map(({ tokenRequests }) => tokenRequests.length);
    await vault.db('oauth_tokens').where({ id: token_id }).update({ expires_at: new Date() });
    const answer = await post('authenticate', { provider: 'zoho', scopes: [], token_id });
    expect(answer.body).toMatchObject({ status: 'completed' });
    return [servers.zoho, servers.zohoElsewhere].map(
      ({ tokenRequests }, index) => tokenRequests.length - (before[index] ?? 0),
    );
  };

  it('is refreshed there, also if an import says so, and nowhere outside the catalogue', async () => {
    const settings = providerOf(servers.zohoElsewhere, 'zoho');
    await post('providers', { ...settings, auth_url: servers.zoho.authUrl('token-origin') });
    const { url } = Object((await post('authenticate', { provider: 'zoho', scopes: [] })).body);
    await person().connect(url);
    const connected = await vault.db('oauth_tokens').where({ provider_id: 'zoho' }).first();
    expect(connected.metadata).toMatchObject({ 'accounts-server': servers.zoho.url });
    expect(await refresh(connected.id)).toEqual([1, 0]);

    const imported = async (origin: string) => {
      const token = { provider_id: 'zoho', access_token: 'a', refresh_token: 'r' };
      const { body } = await post('tokens/import', { ...token, metadata: { 'accounts-server': origin } });
      return String(Object(body).token_id);
    };
    expect(await refresh(await imported(servers.zoho.url))).toEqual([1, 0]);
    expect(await refresh(await imported(servers.notion.url))).toEqual([0, 1]);
    expect(await refresh(await imported('https://evil.example'))).toEqual([0, 1]);
  });
});
