import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startVault, type Tenant, type TestVault } from './support/vault.ts';

const PROVIDERS = '/v2/auth/providers';

const github = {
  provider_id: 'github',
  name: 'GitHub',
  client_id: 'client',
  auth_url: 'https://github.com/login/oauth/authorize',
  token_url: 'https://github.com/login/oauth/access_token',
};

let vault: TestVault;
let tenant: Tenant;

beforeAll(async () => {
  vault = await startVault();
});

beforeEach(async () => {
  tenant = await vault.newTenant();
});

afterAll(() => vault.close());

const call = (method: string, path: string, json?: unknown, key = tenant.apiKey) =>
  vault.call(method, PROVIDERS + path, { key, ...(json !== undefined && { json }) });

const create = (json: object = {}, key = tenant.apiKey) => call('POST', '', { ...github, ...json }, key);

const actions = async () => {
  const rows: { action: string }[] = await vault
    .db('audit_records')
    .where({ organization_id: tenant.organizationId })
    .whereNotNull('request_id')
    .orderBy('id');
  return rows.map(({ action }) => action);
};

const NOT_FOUND = { status: 404, body: { detail: 'OAuth provider not found' } };

describe('a provider that is created', () => {
  it('is answered with the defaults of the contract, and without its secret', async () => {
    const { status, body, text } = await create({ client_secret: 'hush-hush' });
    expect({ status, body }).toEqual({
      status: 200,
      body: {
        ...github,
        id: expect.any(String),
        organization_id: tenant.organizationId,
        uses_pkce: false,
        code_challenge_method: 'S256',
        provider_type: null,
        mcp_server_url: null,
        token_endpoint_auth_method: 'client_secret_post',
        is_dynamic_client: false,
        created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
        updated_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      },
    });
    expect(text).not.toContain('hush');
    expect(await call('GET', '/github')).toMatchObject({ status, body });
  });

  it('keeps its secret sealed', async () => {
    await create({ client_secret: 'hush\0hush' });
    const row = await vault
      .db('oauth_providers')
      .where({ organization_id: tenant.organizationId, provider_id: 'github' })
      .first();
    expect(vault.keyRing.open(row.client_secret)).toBe('hush\0hush');
  });

  it('keeps what is given beside the defaults', async () => {
    const given = {
      uses_pkce: true,
      code_challenge_method: 'plain',
      provider_type: 'microsoft',
      token_endpoint_auth_method: 'client_secret_basic',
    };
    expect((await create(given)).body).toMatchObject(given);
  });

  it('can be imported for', async () => {
    await create();
    const answer = await vault.import(tenant.apiKey, { provider_id: 'github', access_token: 'x' });
    expect(answer.status).toBe(200);
  });

  it('gets 409 when its provider_id is taken, and changes nothing', async () => {
    await create();
    const answer = await create({ name: 'other' });
    expect(answer).toMatchObject({ status: 409, body: { detail: 'OAuth provider already exists' } });
    expect((await call('GET', '/github')).body).toMatchObject({ name: 'GitHub' });
  });

  it('exists once, however many ask for it at once', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => create()));
    expect(answers.map(({ status }) => status).sort()).toEqual([
      200,
      ...Array.from({ length: 19 }, () => 409),
    ]);
  });

  it('may have the provider_id that another organization has', async () => {
    await create();
    const other = await vault.newTenant();
    expect((await create({}, other.apiKey)).status).toBe(200);
  });

  it.each(['a', 'A.b_c~d-9', '...', 'x'.repeat(255), 'mcp-discover'])(
    'can be fetched, changed and deleted as %s',
    async (providerId) => {
      await create({ provider_id: providerId });
      expect((await call('GET', `/${providerId}`)).status).toBe(200);
      expect((await call('PATCH', `/${providerId}`, { name: 'new' })).status).toBe(200);
      expect((await call('DELETE', `/${providerId}`)).status).toBe(200);
    },
  );
});

describe('a wrong field of a provider', () => {
  const wrongUrl = {
    type: 'value_error',
    msg: 'Value error, not a valid provider-url',
    ctx: { error: 'not a valid provider-url' },
  };
  const wrongId = {
    type: 'value_error',
    msg: 'Value error, not a valid provider-id',
    ctx: { error: 'not a valid provider-id' },
  };

  it.each([
    ...['', '.', '..', 'a/b', 'a b', 'é', 'x'.repeat(256), 'a%2Fb'].map(
      (value) => ['provider_id', value, wrongId] as const,
    ),
    ...[
      'http://provider.example/a',
      'https://user@provider.example/',
      'https://provider.example/#x',
      'https://provider.example/#',
      '/relative',
      'ftp://provider.example',
      'https://',
      'javascript:alert(1)',
      'http://localhost.evil.example/',
      'http://127.0.0.1@evil.example/',
      '',
    ].map((value) => ['auth_url', value, wrongUrl] as const),
    ['token_url', 'http://provider.example', wrongUrl] as const,
    [
      'provider_type',
      'github',
      {
        type: 'literal_error',
        msg: "Input should be 'microsoft', 'salesforce' or 'slack'",
        ctx: { expected: "'microsoft', 'salesforce' or 'slack'" },
      },
    ] as const,
    [
      'token_endpoint_auth_method',
      null,
      { type: 'string_type', msg: 'Input should be a valid string', input: null },
    ] as const,
    [
      'token_endpoint_auth_method',
      'private_key_jwt',
      {
        type: 'literal_error',
        msg: "Input should be 'none', 'client_secret_basic' or 'client_secret_post'",
        ctx: { expected: "'none', 'client_secret_basic' or 'client_secret_post'" },
      },
    ] as const,
    ...[
      ['auth_url', 2048],
      ['token_url', 2048],
      ['name', 255],
      ['client_secret', 4096],
    ].map(
      ([field, length]) =>
        [
          String(field),
          `https://${'é'.repeat(Number(length))}`,
          {
            type: 'string_too_long',
            msg: `String should have at most ${length} characters`,
            ctx: { max_length: length },
          },
        ] as const,
    ),
    ['uses_pkce', 'yes', { type: 'bool_type', msg: 'Input should be a valid boolean' }] as const,
    ['client_secret', 5, { type: 'string_type', msg: 'Input should be a valid string' }] as const,
  ])('%s %j gets 422', async (field, value, error) => {
    const { status, body } = await create({ [field]: value });
    expect({ status, body }).toEqual({ status: 422, body: { detail: [{ loc: ['body', field], ...error }] } });
  });

  it.each(['http://localhost:8080/a', 'http://127.0.0.1/a', 'http://[::1]:3000/', 'https://a.example/?b=c'])(
    'is not a URL such as %s',
    async (url) => {
      expect((await create({ auth_url: url, token_url: url })).status).toBe(200);
    },
  );

  it('is refused in a change as it is at creation', async () => {
    await create();
    const { status, body } = await call('PATCH', '/github', { auth_url: 'http://a.example', name: 'a\0b' });
    expect({ status, body }).toEqual({
      status: 422,
      body: {
        detail: [
          {
            loc: ['body', 'name'],
            type: 'value_error',
            msg: 'Value error, null characters are not allowed',
            ctx: { error: 'null characters are not allowed' },
          },
          { loc: ['body', 'auth_url'], ...wrongUrl },
        ],
      },
    });
  });

  it('may be the name in the path, where it holds a null character', async () => {
    const { status, body } = await call('GET', '/a%00b');
    expect(status).toBe(422);
    expect(body).toMatchObject({ detail: [{ loc: ['path', 'provider_id'], type: 'value_error' }] });
  });
});

describe('the list of providers', () => {
  it("holds the organization's own, the newest last", async () => {
    await create();
    await create({ provider_id: 'another' });
    const other = await vault.newTenant();
    await create({ provider_id: 'theirs' }, other.apiKey);
    const { body } = await call('GET', '');
    expect(body).toEqual([
      expect.objectContaining({ provider_id: 'slack' }),
      expect.objectContaining({ provider_id: 'github' }),
      expect.objectContaining({ provider_id: 'another' }),
    ]);
  });
});

describe('a change of a provider', () => {
  it('changes the given fields only', async () => {
    const { body: before } = await create({ client_secret: 'old' });
    const { body } = await call('PATCH', '/github', { name: 'Octocat', uses_pkce: true, client_id: null });
    expect(body).toEqual({
      ...Object(before),
      name: 'Octocat',
      uses_pkce: true,
      updated_at: expect.any(String),
    });
    expect(Object(body).updated_at > Object(before).updated_at).toBe(true);
  });

  it('replaces the secret, or leaves it', async () => {
    await create({ client_secret: 'old' });
    const secret = async () => {
      const row = await vault
        .db('oauth_providers')
        .where({ organization_id: tenant.organizationId, provider_id: 'github' })
        .first();
      return vault.keyRing.open(row.client_secret);
    };
    await call('PATCH', '/github', { client_secret: null, name: 'x' });
    expect(await secret()).toBe('old');
    await call('PATCH', '/github', { client_secret: 'new' });
    expect(await secret()).toBe('new');
  });

  it.each([{}, { name: null, client_secret: null }])('of nothing (%j) changes nothing', async (nothing) => {
    const { body } = await create();
    const answer = await call('PATCH', '/github', nothing);
    expect(answer).toMatchObject({ status: 200 });
    expect(answer.body).toEqual(body);
    expect(await actions()).toEqual(['provider.create']);
  });
});

describe('a deletion', () => {
  it('takes the provider and its tokens, and answers the provider as it was', async () => {
    const { body } = await create();
    for (const userId of ['one', 'two']) {
      const key = await vault.newKey(tenant, { userId });
      await vault.import(key, { provider_id: 'github', access_token: 'x' });
      await vault.import(key, { provider_id: 'slack', access_token: 'x' });
    }
    const answer = await call('DELETE', '/github');
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({ ...Object(body), message: 'OAuth provider deleted' });
    expect(await call('GET', '/github')).toMatchObject(NOT_FOUND);
    const left = await vault.db('oauth_tokens').where({ organization_id: tenant.organizationId });
    expect(left.map(({ provider_id }) => provider_id)).toEqual(['slack', 'slack']);
    const defaults = await vault.db('default_tokens').where({ organization_id: tenant.organizationId });
    expect(defaults).toHaveLength(2);
  });

  it("leaves another organization's provider of the same name", async () => {
    await create();
    const other = await vault.newTenant();
    await create({}, other.apiKey);
    await call('DELETE', '/github');
    expect((await call('GET', '/github', undefined, other.apiKey)).status).toBe(200);
  });

  it('may race with imports, relabelling and changes: each gets its documented answer', async () => {
    for (let round = 0; round < 10; round++) {
      await create();
      const importOne = () => vault.import(tenant.apiKey, { provider_id: 'github', access_token: 'x' });
      const tokens = await Promise.all(Array.from({ length: 10 }, importOne));
      const relabel = (text: string, index: number) =>
        vault.call('PATCH', `/v2/auth/tokens/${JSON.parse(text).token_id}/metadata`, {
          key: tenant.apiKey,
          json: { is_default: index % 3 !== 0, provider_account_label: 'x' },
        });
      const answers = await Promise.all([
        ...Array.from({ length: 20 }, importOne),
        ...Array.from({ length: 5 }, (_, index) => call('PATCH', '/github', { name: `n${index}` })),
        ...Array.from({ length: 3 }, () => call('DELETE', '/github')),
        ...tokens.map(({ text }, index) => relabel(text, index)),
        ...Array.from({ length: 20 }, importOne),
      ]);
      for (const { status } of answers) expect([200, 404]).toContain(status);
      expect(await call('GET', '/github')).toMatchObject(NOT_FOUND);
      const left = await vault
        .db('oauth_tokens')
        .where({ organization_id: tenant.organizationId, provider_id: 'github' });
      expect(left).toEqual([]);
    }
  });
});

describe('a provider that is not there', () => {
  it.each([
    ['GET', undefined],
    ['PATCH', { name: 'x' }],
    ['PATCH', {}],
    ['DELETE', undefined],
  ])('gets 404 for %s, the same where another organization has it', async (method, json) => {
    const other = await vault.newTenant();
    await create({ provider_id: 'theirs' }, other.apiKey);
    const [unknown, theirs] = [await call(method, '/unknown', json), await call(method, '/theirs', json)];
    expect(unknown).toMatchObject(NOT_FOUND);
    expect(theirs.text).toBe(unknown.text);
    expect((await call('GET', '/theirs', undefined, other.apiKey)).status).toBe(200);
  });

  it.each(['a%2Fb', '%C3%A9', 'x'.repeat(300), '%F0%9F%98%80'])(
    'may have any name in a path: %s',
    async (name) => {
      expect(await call('GET', `/${name}`)).toMatchObject(NOT_FOUND);
    },
  );
});

describe('the role admin', () => {
  it.each([
    ['POST', '', github],
    ['PATCH', '/slack', { name: 'x' }],
    ['PATCH', '/unknown', { name: 'x' }],
    ['PATCH', '/slack', { name: 5 }],
    ['DELETE', '/slack', undefined],
    ['DELETE', '/unknown', undefined],
  ])('is needed for %s %s, whatever there is', async (method, path, json) => {
    const member = await vault.newKey(tenant, { role: 'member' });
    const { status, body } = await call(method, path, json, member);
    expect({ status, body }).toEqual({ status: 403, body: { detail: 'Forbidden' } });
  });

  it.each(['', '/slack'])('is not needed to look: GET %s', async (path) => {
    const member = await vault.newKey(tenant, { role: 'member' });
    expect((await call('GET', path, undefined, member)).status).toBe(200);
  });
});

describe('the audit trail', () => {
  it('has a record of each change, who made it and in which request, and none of a look', async () => {
    await create();
    await call('GET', '');
    await call('GET', '/github');
    await vault.call('PATCH', `${PROVIDERS}/github`, {
      key: tenant.apiKey,
      json: { name: 'x' },
      headers: { 'X-Request-Id': 'the-change' },
    });
    await call('DELETE', '/github');
    await call('DELETE', '/github');
    expect(await actions()).toEqual(['provider.create', 'provider.update', 'provider.delete']);
    expect(await vault.db('audit_records').where({ request_id: 'the-change' }).first()).toMatchObject({
      organization_id: tenant.organizationId,
      user_id: 'alice',
      credential: `api-key:${tenant.apiKey.slice(4, 10)}`,
      action: 'provider.update',
      object_id: 'github',
    });
  });
});

describe('methods that a path does not take', () => {
  it.each([
    ['', 'GET, POST'],
    ['/slack', 'GET, DELETE, PATCH'],
  ])('get 405 and those it takes: %j', async (path, allow) => {
    const { status, headers } = await call('PUT', path);
    expect([status, headers.get('allow')]).toEqual([405, allow]);
  });
});
