import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { generateKey } from '../crypto/fernet.ts';
import { tokenhold } from './support/process.ts';
import { startVault, type TestVault } from './support/vault.ts';

let vault: TestVault;
let settings: { DATABASE_URL: string; FERNET_KEYS: string; PUBLIC_URL: string };

beforeAll(async () => {
  const key = generateKey();
  vault = await startVault({ FERNET_KEYS: key });
  settings = {
    DATABASE_URL: vault.connectionString,
    FERNET_KEYS: key,
    PUBLIC_URL: 'https://vault.example/auth/',
  };
  await vault.organizations.create('acme');
});

afterAll(() => vault.close());

const create = (args: readonly string[], input = 'hush\n') =>
  tokenhold(['provider', 'create', ...args], settings, input);

const stored = (providerId: string) =>
  vault
    .db('oauth_providers')
    .where({ provider_id: providerId })
    .first(
      'name',
      'auth_url',
      'token_url',
      'client_id',
      'provider_type',
      'uses_pkce',
      'token_endpoint_auth_method',
    );

describe('provider create --from', () => {
  it('takes everything but the client from the catalogue, and tells the redirect URI', async () => {
    const { status, stdout, stderr } = await create([
      '--from',
      'github',
      '--client-id',
      'Iv1',
      '--client-secret-stdin',
    ]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^redirect_uri: https:\/\/vault\.example\/auth\/v2\/auth\/callback\/github$/m);
    expect(await stored('github')).toEqual({
      name: 'GitHub',
      auth_url: 'https://github.com/login/oauth/authorize',
      token_url: 'https://github.com/login/oauth/access_token',
      client_id: 'Iv1',
      provider_type: null,
      uses_pkce: false,
      token_endpoint_auth_method: 'client_secret_post',
    });
  });

  it('lets options replace what the catalogue says', async () => {
    const args = [
      '--from',
      'slack',
      '--client-id',
      'c',
      '--provider-id',
      'slack-dev',
      '--name',
      'Slack (dev)',
    ];
    expect(await create([...args, '--token-endpoint-auth-method', 'none'])).toMatchObject({ status: 0 });
    expect(await stored('slack-dev')).toMatchObject({
      name: 'Slack (dev)',
      token_url: 'https://slack.com/api/oauth.v2.access',
      provider_type: 'slack',
      token_endpoint_auth_method: 'none',
    });
  });

  it('takes the URLs of a customer of a provider that has a host for each', async () => {
    const urls = [
      '--auth-url',
      'https://a.zendesk.com/authorize',
      '--token-url',
      'https://a.zendesk.com/tokens',
    ];
    expect(
      await create(['--from', 'zendesk', '--client-id', 'c', '--client-secret-stdin', ...urls]),
    ).toMatchObject({ status: 0 });
    expect(await stored('zendesk')).toMatchObject({ auth_url: 'https://a.zendesk.com/authorize' });
  });

  it.each([
    [['--from', 'gibhut'], /provider catalogue.*--from/],
    [['--from', 'zendesk', '--client-secret-stdin'], /Zendesk.*needed: --auth-url, --token-url/],
    [['--provider-id', 'p'], /needed: --name, --auth-url, --token-url; or --from/],
    [
      ['--from', 'google', '--client-secret-stdin', '--token-url', 'https://a.example/t'],
      /Google.*--token-url/,
    ],
    [['--from', 'google'], /secret.*--client-secret-stdin.*none for a public client/],
    [['--from', 'google', '--organization', 'nobody', '--client-secret-stdin'], /--organization/],
  ])('says what is missing or wrong: %j', async (args, message) => {
    const { status, stdout, stderr } = await create([...args, '--client-id', 'c']);
    expect({ status, stdout, stderr }).toEqual({
      status: 1,
      stdout: '',
      stderr: expect.stringMatching(message),
    });
  });

  it('refuses an empty secret', async () => {
    expect(await create(['--from', 'box', '--client-id', 'c', '--client-secret-stdin'], '\n')).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/no secret.*--client-secret-stdin/),
    });
  });
});

describe('provider create without --organization', () => {
  it('asks for one when there are several', async () => {
    await vault.organizations.create('other');
    expect(await create(['--from', 'box', '--client-id', 'c', '--client-secret-stdin'])).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/several organizations.*--organization/),
    });
  });
});

describe('provider catalogue', () => {
  it('lists the names that --from knows', async () => {
    const { status, stdout } = await tokenhold(['provider', 'catalogue', '--json']);
    const names: string[] = JSON.parse(stdout).map(({ name }: { name: string }) => name);
    expect(status).toBe(0);
    expect(names).toEqual(expect.arrayContaining(['github', 'slack', 'zendesk']));
    expect(names).toEqual(names.toSorted());
  });

  it('says what is wrong with PROVIDER_CATALOGUE_FILE', async () => {
    const { status, stdout, stderr } = await tokenhold(['provider', 'catalogue'], {
      PROVIDER_CATALOGUE_FILE: '/nonexistent/catalogue.json',
    });
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(/^- PROVIDER_CATALOGUE_FILE: cannot be read \(ENOENT\)$/m);
  });
});
