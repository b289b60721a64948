/** The deletion of a provider with many tokens: steps that together look like one deletion. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { generateKey } from '../crypto/fernet.ts';
import { OPERATOR } from '../db/audit.ts';
import { providerDeletions } from '../db/provider-deletions.ts';
import { loadConfig } from '../service/config.ts';
import { openServerVault } from '../service/repositories.ts';
import { startVault, type Tenant, type TestVault } from './support/vault.ts';

const PROVIDER = '/v2/auth/providers/slack';
const MANY = 20_000;

let vault: TestVault;
let tenant: Tenant;

const FERNET_KEYS = generateKey();

beforeAll(async () => {
  vault = await startVault({ FERNET_KEYS });
});

beforeEach(async () => {
  tenant = await vault.newTenant();
});

afterAll(() => vault.close());

/** Tokens of many users, the tenant's own among them, and a default for each. */
async function store(count: number): Promise<void> {
  const { organizationId, workspaceId } = tenant;
  await vault.db.raw(
    `WITH stored AS (
       INSERT INTO oauth_tokens (organization_id, id, user_id, provider_id, workspace_id, access_token,
         access_token_key, scopes)
       SELECT :organizationId, gen_random_uuid(), CASE number WHEN 1 THEN 'alice' ELSE 'user ' || number END,
         'slack', :workspaceId, :ciphertext, :key, '{}'
       FROM generate_series(1, :count::int) AS number
       RETURNING *
     )
     INSERT INTO default_tokens SELECT organization_id, user_id, provider_id, id FROM stored`,
    { organizationId, workspaceId, count, ...vault.keyRing.seal('x') },
  );
}

async function rows(): Promise<number> {
  const found = await vault.db('oauth_tokens').where({ organization_id: tenant.organizationId }).count('id');
  return Number(found[0]?.['count']);
}

/** Marks the provider and stops after a step, as if the process had died. */
async function interrupted(): Promise<void> {
  const deletions = providerDeletions({ db: vault.db, statements: vault.db }, { stepSize: 10, waitMs: 0 });
  await deletions.delete(tenant.organizationId, 'slack', OPERATOR);
  await deletions.close();
}

const call = async (method: string, path: string, json?: object) => {
  const { status, body } = await vault.call(method, path, { key: tenant.apiKey, json });
  return { status, body };
};

const create = () =>
  call('POST', '/v2/auth/providers', {
    provider_id: 'slack',
    name: 'Slack',
    client_id: 'client',
    client_secret: 'hush',
    auth_url: 'https://slack.com/a',
    token_url: 'https://slack.com/t',
  });

describe('a provider with many tokens', () => {
  it('is deleted with all of them, and its name is free', async () => {
    await store(MANY);
    expect(await call('DELETE', PROVIDER)).toMatchObject({ status: 200, body: { provider_id: 'slack' } });
    while ((await rows()) > 0);
    while ((await create()).status === 409);
    expect(await call('GET', '/v2/auth/tokens')).toEqual({ status: 200, body: [] });
  });
});

describe('a deletion that is not finished', () => {
  const token = '01890000-0000-7000-8000-000000000001';

  beforeEach(async () => {
    await store(200);
    await vault
      .db('oauth_providers')
      .where({ organization_id: tenant.organizationId })
      .update({ provider_type: 'slack' });
    await vault.db('oauth_tokens').insert({
      organization_id: tenant.organizationId,
      id: token,
      user_id: 'zoe',
      provider_id: 'slack',
      workspace_id: tenant.workspaceId,
      access_token: vault.keyRing.seal('x').ciphertext,
      access_token_key: vault.keyRing.fingerprints()[0] ?? '',
      scopes: [],
    });
    await interrupted();
    expect(await rows()).toBeGreaterThan(0);
  });

  it('shows neither the provider nor a token of it', async () => {
    const zoe = { key: await vault.newKey(tenant, { userId: 'zoe' }) };
    const of = async (method: string, path: string, json?: object) => {
      const { status, body } = await vault.call(method, `/v2/auth/tokens${path}`, { ...zoe, json });
      return { status, body };
    };
    const notFound = { status: 404, body: { detail: 'OAuth provider not found' } };
    expect(await call('GET', PROVIDER)).toEqual(notFound);
    expect(await call('PATCH', PROVIDER, { name: 'x' })).toEqual(notFound);
    expect(await call('GET', '/v2/auth/providers')).toEqual({ status: 200, body: [] });
    expect(await of('POST', '/import', { provider_id: 'slack', access_token: 'x' })).toEqual(notFound);
    expect(await of('GET', '')).toEqual({ status: 200, body: [] });
    expect(await of('GET', '?provider_id=slack')).toEqual({ status: 200, body: [] });
    expect(await of('GET', '/exists?provider_id=slack')).toMatchObject({ body: { has_token: false } });
    expect(await call('GET', '/v2/auth/tokens/workspace/slack/exists')).toMatchObject({
      body: { has_token: false },
    });
    for (const json of [{}, { provider_account_label: 'x' }]) {
      expect((await of('PATCH', `/${token}/metadata`, json)).status).toBe(404);
    }
  });

  it('keeps the name from being used again: 409', async () => {
    expect(await create()).toEqual({
      status: 409,
      body: { detail: 'OAuth provider is still being deleted' },
    });
  });

  it('is finished by a repeated DELETE, which finds no provider', async () => {
    expect((await call('DELETE', PROVIDER)).status).toBe(404);
    expect(await rows()).toBe(0);
    expect((await create()).status).toBe(200);
  });

  it('is finished by a server that starts', async () => {
    const config = loadConfig({ DATABASE_URL: vault.connectionString, FERNET_KEYS });
    const other = await openServerVault(config);
    while ((await create()).status === 409);
    expect(await rows()).toBe(0);
    await other.close();
  });

  it('does not touch the tokens of a provider that has taken the name', async () => {
    const late = providerDeletions({ db: vault.db, statements: vault.db }, { stepSize: 10, waitMs: 0 });
    await call('DELETE', PROVIDER);
    await create();
    await vault.import(tenant.apiKey, { provider_id: 'slack', access_token: 'x' });
    await late.resume();
    expect(await rows()).toBe(1);
  });

  it('has one audit record', async () => {
    await call('DELETE', PROVIDER);
    const records = await vault
      .db('audit_records')
      .where({ organization_id: tenant.organizationId, action: 'provider.delete' });
    expect(records).toHaveLength(1);
  });
});
