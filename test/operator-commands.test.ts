/** Commands that change a vault, their audit records, and the set-up in one go. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { generateKey } from '../crypto/fernet.ts';
import { tokenhold } from './support/process.ts';
import { startVault, type TestVault } from './support/vault.ts';

const FERNET_KEYS = generateKey();

let vault: TestVault;

beforeAll(async () => {
  vault = await startVault({ FERNET_KEYS });
});

afterAll(() => vault.close());

async function run(args: readonly string[], input = '') {
  const settings = { DATABASE_URL: vault.connectionString, FERNET_KEYS, PUBLIC_URL: vault.url };
  const { status, stdout, stderr } = await tokenhold([...args, '--json'], settings, input);
  return { status, stderr, result: stdout === '' ? undefined : JSON.parse(stdout) };
}

async function actions(organizationId: string): Promise<readonly string[]> {
  const rows: { action: string }[] = await vault
    .db('audit_records')
    .where({ organization_id: organizationId })
    .orderBy('id')
    .select('action');
  return rows.map(({ action }) => action);
}

describe('tokenhold setup', () => {
  const slack = ['--from', 'github', '--client-id', 'c', '--client-secret-stdin'];

  it('makes an organization, a provider and a key, with which its curl imports a token', async () => {
    const { status, result } = await run(['setup', '--organization', 'acme', ...slack], 'hush\n');
    expect({ status, result }).toEqual({
      status: 0,
      result: {
        organization_id: expect.any(String),
        workspace_id: expect.any(String),
        provider_id: 'github',
        redirect_uri: expect.stringMatching(/^http.*\/github$/),
        api_key_id: expect.any(String),
        api_key: expect.stringMatching(/^thk_/),
        curl: expect.stringContaining(`curl -sS ${vault.url}/v2/auth/tokens/import`),
      },
    });
    expect(result.curl).toContain(`'X-Api-Key: ${result.api_key}'`);
    const body = /-d '(.*)'/.exec(result.curl)?.[1] ?? '';
    expect(await vault.import(result.api_key, JSON.parse(body))).toMatchObject({ status: 200 });
    expect(await actions(result.organization_id)).toEqual([
      'organization.create',
      'workspace.create',
      'provider.create',
      'api-key.create',
      'token.import',
    ]);
  });

  it('takes an organization that exists, and says how to go on with a provider that exists', async () => {
    const { organizationId } = Object(await vault.organizations.create('existing'));
    const args = ['setup', '--organization', 'existing', ...slack];
    await vault.newProvider(organizationId, 'github'); // as by a set-up that stopped here
    const { status, stderr } = await run(args, 'hush');
    expect([status, stderr]).toEqual([1, expect.stringContaining('--provider-id')]);
    const [, next = ''] = /`tokenhold (api-key create [^`]*)`/.exec(stderr) ?? [];
    const made = await run(next.replaceAll("'", '').split(' '));
    expect(made).toMatchObject({ status: 0, result: { api_key: expect.stringMatching(/^thk_/) } });
    const json = { provider_id: 'github', access_token: 'x' };
    expect(await vault.import(made.result.api_key, json)).toMatchObject({ status: 200 });
    expect(await run([...args, '--provider-id', 'another'], 'hush')).toMatchObject({ status: 0 });
  });
});

describe('an organization', () => {
  it('gets another name, which must be free, and keeps its data', async () => {
    const created = await vault.organizations.create('before');
    await vault.organizations.create('occupied');
    const rename = (to: string) => run(['organization', 'rename', '--organization', 'before', '--name', to]);
    expect(await rename('occupied')).toMatchObject({ status: 1, stderr: expect.stringMatching(/--name/) });
    expect(await rename('after')).toMatchObject({
      status: 0,
      result: { organization_id: created?.organizationId, name: 'after' },
    });
    expect(await vault.organizations.find('after')).toBe(created?.organizationId);
    expect(await actions(created?.organizationId ?? '')).toContain('organization.rename');
  });

  it('is deleted without providers only, and said to be meant; its audit records stay', async () => {
    const tenant = await vault.newTenant();
    await vault.import(tenant.apiKey, { provider_id: 'slack', access_token: 'x' });
    const remove = ['organization', 'delete', '--organization', tenant.organizationId];
    expect(await run(remove)).toMatchObject({ status: 2, stderr: expect.stringMatching(/--yes/) });
    expect(await run([...remove, '--yes'])).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/has providers/),
    });
    const provider = ['provider', 'delete', '--organization', tenant.organizationId];
    await run([...provider, '--provider-id', 'slack', '--yes']);
    expect(await run([...remove, '--yes'])).toMatchObject({ status: 0 });
    expect(await vault.organizations.find(tenant.organizationId)).toBeUndefined();
    expect((await actions(tenant.organizationId)).at(-1)).toBe('organization.delete');
    const [owed] = await vault.revocations.claim({ organizationId: tenant.organizationId }, 1);
    await vault.revocations.end(owed ? [{ ...owed, outcome: 'revoked' }] : []);
    expect(await actions(tenant.organizationId)).toContain('token.revoke');
  });
});

describe('a provider', () => {
  it('is listed with all its settings, changed and deleted with its tokens', async () => {
    const { organizationId, apiKey } = await vault.newTenant();
    const provider = ['--organization', organizationId, '--provider-id', 'slack'];
    await vault.import(apiKey, { provider_id: 'slack', access_token: 'x' });
    const update = await run(
      ['provider', 'update', ...provider, '--name', 'New', '--client-secret-stdin'],
      'hush',
    );
    expect(update).toMatchObject({ status: 0, result: { provider_id: 'slack' } });
    const { result: listed } = await run(['provider', 'list', '--organization', organizationId]);
    expect(listed).toEqual([
      {
        id: expect.any(String),
        provider_id: 'slack',
        name: 'New',
        client_id: 'client',
        auth_url: 'https://provider.example/authorize',
        token_url: 'https://provider.example/token',
        provider_type: null,
        token_endpoint_auth_method: 'client_secret_post',
        uses_pkce: false,
        created_at: expect.stringMatching(/Z$/),
        updated_at: expect.stringMatching(/Z$/),
      },
    ]);
    expect(await run(['provider', 'update', ...provider])).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/nothing to change/),
    });
    expect(await run(['provider', 'delete', ...provider, '--yes'])).toMatchObject({ status: 0 });
    expect(await vault.db('oauth_tokens').where({ organization_id: organizationId })).toEqual([]);
    expect(await run(['provider', 'delete', ...provider, '--yes'])).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/no provider of this id/),
    });
  });
});

describe('tokens', () => {
  it('are listed for all users or by filter, without secrets, and deleted one by one', async () => {
    const tenant = await vault.newTenant();
    const bob = await vault.newKey(tenant, { userId: 'bob' });
    await vault.newProvider(tenant.organizationId, 'other');
    await vault.import(tenant.apiKey, { provider_id: 'slack', access_token: 'hush', scopes: ['a'] });
    await vault.import(bob, { provider_id: 'slack', access_token: 'hush' });
    await vault.import(bob, { provider_id: 'other', access_token: 'hush' });
    const list = async (...filter: string[]) =>
      (await run(['token', 'list', '--organization', tenant.organizationId, ...filter])).result;
    const all = await list();
    expect(all.map(({ user_id, provider_id }: Record<string, string>) => [user_id, provider_id])).toEqual([
      ['alice', 'slack'],
      ['bob', 'slack'],
      ['bob', 'other'],
    ]);
    expect(all[0]).toEqual({
      token_id: expect.any(String),
      provider_id: 'slack',
      user_id: 'alice',
      workspace_id: tenant.workspaceId,
      label: null,
      scopes: ['a'],
      is_default: true,
      expires_at: null,
      created_at: expect.stringMatching(/Z$/),
      state: 'alive',
      reason: null,
    });
    expect(await list('--user', 'bob', '--provider-id', 'other')).toEqual([all[2]]);
    const remove = [
      'token',
      'delete',
      '--organization',
      tenant.organizationId,
      '--token-id',
      all[2].token_id,
    ];
    expect(await run(remove)).toMatchObject({ status: 0, result: { token_id: all[2].token_id } });
    expect(await run(remove)).toMatchObject({ status: 1, stderr: expect.stringMatching(/--token-id/) });
    expect(await list('--provider-id', 'other')).toEqual([]);
    expect(await actions(tenant.organizationId)).toContain('token.delete');
  });
});
