import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { generateKey } from '../crypto/fernet.ts';
import { createKeyRing } from '../crypto/key-ring.ts';
import { createDatabase } from './support/postgres.ts';
import { exit, output, spawnTokenhold, tokenhold } from './support/process.ts';
import { startVault, type TestVault } from './support/vault.ts';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const key = generateKey();

let vault: TestVault;
let settings: { DATABASE_URL: string; FERNET_KEYS: string };

beforeAll(async () => {
  vault = await startVault({ FERNET_KEYS: key });
  settings = { DATABASE_URL: vault.connectionString, FERNET_KEYS: key };
});

afterAll(() => vault.close());

/** The JSON value of a command that must succeed with nothing on stderr. */
async function json(...args: string[]) {
  const { status, stdout, stderr } = await tokenhold([...args, '--json'], settings);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return JSON.parse(stdout);
}

/** The status and message of a command that must fail with nothing on stdout. */
async function failure(args: readonly string[], env: Readonly<Record<string, string>> = settings) {
  const { status, stdout, stderr } = await tokenhold(args, env);
  expect(stdout).toBe('');
  return { status, stderr };
}

const slack = ['--client-id', 'c', '--auth-url', 'https://slack.com/a', '--token-url', 'https://slack.com/t'];

describe('an operator', () => {
  it('makes an organization, a workspace, a provider and a key, imports with it, and inspects the token', async () => {
    const organization = await json('organization', 'create', '--name', 'acme');
    expect(organization).toEqual({
      organization_id: expect.stringMatching(UUID),
      workspace_id: expect.stringMatching(UUID),
      name: 'acme',
    });
    const { organization_id } = organization;
    const workspace = await json('workspace', 'create', '--organization', 'acme', '--name', 'prod');
    expect(workspace).toEqual({ organization_id, workspace_id: expect.stringMatching(UUID), name: 'prod' });
    const provider = await json(
      'provider',
      'create',
      '--organization',
      'acme',
      '--provider-id',
      'slack-prod',
      '--name',
      'Slack',
      ...slack,
    );
    expect(provider).toEqual({
      id: expect.stringMatching(UUID),
      provider_id: 'slack-prod',
      redirect_uri: 'http://127.0.0.1:8124/v2/auth/callback/slack-prod',
    });
    const issued = await json(
      'api-key',
      'create',
      '--organization',
      'acme',
      '--user',
      'bot',
      '--role',
      'member',
      '--workspace',
      'prod',
      '--expires-in',
      '3600',
    );
    expect(issued).toEqual({
      api_key_id: expect.stringMatching(/^[0-9A-Za-z]{6}$/),
      api_key: expect.stringMatching(/^thk_[0-9A-Za-z]{6}_[A-Za-z0-9_-]{43}$/),
      organization_id,
      acts_for: 'user',
      workspace_id: workspace.workspace_id,
      user_id: 'bot',
      role: 'member',
      expires_at: expect.stringMatching(/Z$/),
    });
    const { body } = await vault.import(issued.api_key, {
      provider_id: 'slack-prod',
      access_token: 'xoxb',
      scopes: ['a'],
      metadata: { b: 1 },
    });
    const { token_id } = JSON.parse(JSON.stringify(body));
    expect(await json('token', 'inspect', '--organization', organization_id, '--token-id', token_id)).toEqual(
      {
        access_token: 'xoxb',
        refresh_token: null,
        scopes: ['a'],
        metadata: { b: 1 },
        is_default: true,
        expires_at: null,
      },
    );
    expect(
      await vault
        .db('audit_records')
        .where({ organization_id, action: 'token.inspect', object_id: token_id }),
    ).toHaveLength(1);
  });

  it('lists what there is, without secrets, and revokes a key', async () => {
    const created = await vault.organizations.create('listed');
    const [organization_id, workspace_id] = [created?.organizationId, created?.workspaceId];
    const { api_key, ...issued } = await json(
      'api-key',
      'create',
      '--organization',
      'listed',
      '--user',
      'u',
      '--role',
      'admin',
    );
    expect(await json('organization', 'list')).toContainEqual({
      organization_id,
      workspace_id,
      name: 'listed',
    });
    expect(await json('workspace', 'list', '--organization', 'listed')).toEqual([
      { organization_id, workspace_id, name: 'default' },
    ]);
    expect(await json('provider', 'list', '--organization', 'listed')).toEqual([]);
    const { revoked_at } = await json(
      'api-key',
      'revoke',
      '--organization',
      'listed',
      '--api-key-id',
      issued.api_key_id,
    );
    expect(await json('api-key', 'list', '--organization', 'listed')).toEqual([
      { ...issued, revoked_at, last_used_at: null },
    ]);
    expect(await vault.import(api_key, {})).toMatchObject({ status: 401 });
  });

  it('gives a client secret on standard input, and it is stored sealed', async () => {
    await vault.organizations.create('sealed');
    const args = [
      'provider',
      'create',
      '--organization',
      'sealed',
      '--provider-id',
      'p',
      '--name',
      'P',
      ...slack,
      '--client-secret-stdin',
    ];
    expect(await tokenhold(args, settings, 'hush\n')).toMatchObject({ status: 0 });
    const row = await vault.db('oauth_providers').where({ provider_id: 'p' }).first('client_secret');
    expect(createKeyRing([key]).open(row.client_secret)).toBe('hush');
  });

  it.each([
    ['nothing', '', /no secret/],
    ['blanks', ' \n', /no secret/],
    ['other bytes than UTF-8', Buffer.from([0x68, 0xff]), /not valid UTF-8/],
  ])('is told when standard input holds %s in place of a client secret', async (_, input, message) => {
    await vault.organizations.create('unsealed'); // one of the three does
    const args = ['provider', 'create', '--organization', 'unsealed', '--provider-id', 'p', '--name', 'P'];
    const { status, stderr } = await tokenhold([...args, ...slack, '--client-secret-stdin'], settings, input);
    expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringMatching(message) });
  });

  it('gives durations as people write them', async () => {
    await vault.organizations.create('durable');
    const owner = ['--organization', 'durable', '--user', 'u', '--role', 'member'];
    const { expires_at } = await json('api-key', 'create', ...owner, '--expires-in', '90d');
    const days = (Date.parse(expires_at) - Date.now()) / 86_400_000;
    expect(days).toBeGreaterThan(89.9);
    expect(days).toBeLessThanOrEqual(90);
  });

  it('migrates, and reads which migrations ran', async () => {
    const database = await createDatabase('empty');
    const env = { ...settings, DATABASE_URL: database.connectionString };
    const { stdout } = await tokenhold(['migrate', '--json'], env);
    expect(JSON.parse(stdout)[0]).toEqual({ migration: '0001_vault' });
    expect(await tokenhold(['migrate'], env)).toMatchObject({ status: 0, stdout: 'up to date\n' });
    await database.drop();
  });

  it('makes a Fernet key without any setting', async () => {
    const { status, stdout } = await tokenhold(['fernet-key', 'generate', '--json']);
    expect(status).toBe(0);
    expect(createKeyRing([JSON.parse(stdout).fernet_key]).seal('x')).toEqual(expect.any(Object));
  });

  it('may run commands on a database that holds nothing yet', async () => {
    const database = await createDatabase('empty');
    const env = { ...settings, DATABASE_URL: database.connectionString };
    expect(await tokenhold(['organization', 'list', '--json'], env)).toMatchObject({
      status: 0,
      stdout: '[]\n',
    });
    await database.drop();
  });
});

describe('a command that cannot be done', () => {
  it.each([
    [['organization', 'create', '--name', 'taken'], 1, /--name/],
    [['workspace', 'list', '--organization', 'nobody'], 1, /--organization/],
    [
      ['token', 'inspect', '--organization', 'taken', '--token-id', '01890000-0000-7000-8000-000000000000'],
      1,
      /--token-id/,
    ],
    [['token', 'inspect', '--organization', 'taken', '--token-id', 'x'], 2, /UUID/],
    [['api-key', 'create', '--organization', 'taken', '--user', 'u', '--role', 'owner'], 2, /role/],
    [
      ['provider', 'create', '--organization', 'taken', '--provider-id', 'a/b', '--name', 'n', ...slack],
      2,
      /characters/,
    ],
    [['organization', 'create'], 2, /--name/],
    [['nonsense'], 2, /unknown command/],
    [['organization', 'create', '--name', ''], 2, /empty or blank/],
    [['organization', 'create', '--name', ' \u00a0'], 2, /empty or blank/],
    [['organization', 'create', '--name', ' acme'], 2, /begin or end with a blank/],
    [['organization', 'create', '--name', 'x'.repeat(256)], 2, /at most 255/],
    [['organization', 'create', '--name', 'a\nb'], 2, /control/],
    [['organization', 'create', '--name', '01890000-0000-7000-8000-000000000000'], 2, /look like an id/],
    [['organization', 'create', '--name', 'a\ufffd'], 2, /UTF-8/],
    [['workspace', 'create', '--organization', 'taken', '--name', ''], 2, /empty or blank/],
    [
      [
        'api-key',
        'create',
        '--organization',
        'taken',
        '--user',
        'u',
        '--role',
        'admin',
        '--expires-in',
        '90x',
      ],
      2,
      /duration such as 90d/,
    ],
  ] as const)('says why on stderr: %j', async (args, status, message) => {
    await vault.organizations.create('taken');
    expect(await failure(args)).toEqual({ status, stderr: expect.stringMatching(message) });
  });

  it('lists every problem of the settings at once, and repeats no value', async () => {
    const { status, stderr } = await failure(['serve'], {
      DATABASE_URL: 'mysql://hush',
      PORT: 'x',
      LOG_LEVEL: 'loud',
      FERNET_KEYS: 'hush',
    });
    expect(status).toBe(2);
    for (const name of ['DATABASE_URL', 'PORT', 'LOG_LEVEL', 'FERNET_KEYS'])
      expect(stderr).toMatch(new RegExp(`^- ${name}`, 'm'));
    expect(stderr).not.toContain('hush');
  });

  it('says that the database does not answer, without its password', async () => {
    const { status, stderr } = await failure(['organization', 'list'], {
      ...settings,
      DATABASE_URL: 'postgresql://u:hush@127.0.0.1:1/x',
    });
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: expect.stringMatching(/ECONNREFUSED.*DATABASE_URL/),
    });
    expect(stderr).not.toContain('hush');
  });

  it('says that no key opens a token', async () => {
    const tenant = await vault.newTenant();
    const { text } = await vault.import(tenant.apiKey, { provider_id: 'slack', access_token: 'x' });
    const args = [
      'token',
      'inspect',
      '--organization',
      tenant.organizationId,
      '--token-id',
      JSON.parse(text).token_id,
    ];
    expect(await failure(args, { ...settings, FERNET_KEYS: generateKey() })).toEqual({
      status: 1,
      stderr: expect.stringMatching(/FERNET_KEYS/),
    });
  });
});

describe('help', () => {
  it.each([['--help'], ['serve', '--help']])('is there for every command: %s %s', async (...args) => {
    expect(await tokenhold(args)).toMatchObject({ status: 0, stdout: expect.stringMatching(/^Usage: /) });
  });

  it('ends quietly, as if by SIGPIPE, when nobody reads it', async () => {
    const child = spawnTokenhold(['--help'], {});
    child.stdout?.destroy();
    expect(await Promise.all([output(child, 'stderr'), exit(child)])).toEqual(['', 141]);
  });

  it('marks what is required, and shows examples', async () => {
    const { stdout } = await tokenhold(['api-key', 'create', '--help']);
    expect(stdout).toMatch(/^Usage: /);
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain('the organization of the key (required)');
    expect(stdout).toMatch(/^Examples:\n {2}tokenhold api-key create --organization acme/m);
  });

  it('tells the version', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
    expect(await tokenhold(['--version'])).toMatchObject({ status: 0, stdout: `${version}\n` });
  });
});
