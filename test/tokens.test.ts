/** The inventory of tokens: a user lists them, relabels them and chooses the default. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { OPERATOR } from '../db/audit.ts';
import { startVault, type Tenant, type TestVault } from './support/vault.ts';

const TOKENS = '/v2/auth/tokens';
const UNKNOWN = '01890000-0000-7000-8000-000000000000';

let vault: TestVault;
let tenant: Tenant;

beforeAll(async () => {
  vault = await startVault();
});

beforeEach(async () => {
  tenant = await vault.newTenant();
});

afterAll(() => vault.close());

/** Imports a token and returns its id. */
async function imported(json: object = {}, key = tenant.apiKey): Promise<string> {
  const { text } = await vault.import(key, { provider_id: 'slack', access_token: 'xoxb', ...json });
  return JSON.parse(text).token_id;
}

const get = async (path: string, key = tenant.apiKey) => {
  const { status, body } = await vault.call('GET', TOKENS + path, { key });
  return { status, body };
};

const relabel = async (id: string, json: object, key = tenant.apiKey) => {
  const { status, body } = await vault.call('PATCH', `${TOKENS}/${id}/metadata`, { key, json });
  return { status, body };
};

/** The ids of the user's tokens, the default ones marked. */
async function listed(key = tenant.apiKey): Promise<[string, boolean][]> {
  const { body } = await get('', key);
  return Array.isArray(body) ? body.map(({ id, is_default }) => [id, is_default]) : [];
}

const NOT_FOUND = { status: 404, body: { detail: 'OAuth token not found' } };

describe('the list of tokens', () => {
  it('tells what is known of each, without its secrets', async () => {
    const id = await imported({
      refresh_token: 'xoxe',
      scopes: ['a', 'b'],
      expires_in_seconds: 60,
      metadata: { a: 1 },
    });
    const { body } = await get('');
    expect(body).toEqual([
      {
        id,
        provider_id: 'slack',
        provider_account_label: null,
        scopes: ['a', 'b'],
        expires_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
        is_default: true,
        created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
        updated_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      },
    ]);
  });

  it('has the newest last, and marks the default of each provider', async () => {
    await vault.newProvider(tenant.organizationId, 'github');
    const first = await imported();
    const second = await imported({ provider_id: 'github' });
    const third = await imported();
    expect(await listed()).toEqual([
      [first, false],
      [second, true],
      [third, true],
    ]);
  });

  it('may be of one provider, and is empty of one that is not there', async () => {
    await vault.newProvider(tenant.organizationId, 'github');
    await imported();
    const id = await imported({ provider_id: 'github' });
    expect(await get('?provider_id=github')).toMatchObject({ status: 200, body: [{ id }] });
    expect(await get('?provider_id=slack&provider_id=github')).toMatchObject({ status: 200, body: [{ id }] });
    expect(await get('?provider_id=unknown')).toEqual({ status: 200, body: [] });
  });

  it('is of the calling user only', async () => {
    const other = await vault.newKey(tenant, { userId: 'other' });
    await imported();
    const id = await imported({}, other);
    expect(await listed(other)).toEqual([[id, true]]);
    expect(await listed((await vault.newTenant()).apiKey)).toEqual([]);
  });

  it('tells an expiry far away', async () => {
    await imported({ expires_in_seconds: 250_000_000_000 });
    expect((await get('')).body).toMatchObject([{ expires_at: expect.stringMatching(/^99\d\d-/) }]);
  });

  it('refuses a provider_id that no text column can hold', async () => {
    const { status, body } = await get('?provider_id=a%00b');
    expect(status).toBe(422);
    expect(body).toMatchObject({ detail: [{ loc: ['query', 'provider_id'], type: 'value_error' }] });
  });
});

describe('whether there is a token', () => {
  it('is told of the calling user and one provider', async () => {
    const other = await vault.newKey(tenant, { userId: 'other' });
    await imported();
    expect(await get('/exists?provider_id=slack')).toEqual({ status: 200, body: { has_token: true } });
    expect(await get('/exists?provider_id=slack', other)).toEqual({
      status: 200,
      body: { has_token: false },
    });
    expect(await get('/exists?provider_id=unknown')).toEqual({ status: 200, body: { has_token: false } });
  });

  it('cannot be asked without naming a provider', async () => {
    expect(await get('/exists')).toEqual({
      status: 422,
      body: { detail: [{ loc: ['query', 'provider_id'], msg: 'Field required', type: 'missing' }] },
    });
  });
});

describe('whether anyone in the workspace has a Slack token', () => {
  const exists = (key?: string) => get('/workspace/slack/exists', key);

  it('is told of every provider of that type, whatever its name', async () => {
    await vault.providers.create(
      tenant.organizationId,
      {
        providerId: 'chat',
        name: 'Chat',
        clientId: 'c',
        clientSecret: null,
        authUrl: 'https://slack.com/a',
        tokenUrl: 'https://slack.com/t',
        providerType: 'slack',
      },
      OPERATOR,
    );
    await imported(); // `slack` is its name only
    expect(await exists()).toEqual({ status: 200, body: { has_token: false } });
    await imported({ provider_id: 'chat' }, await vault.newKey(tenant, { userId: 'other' }));
    expect(await exists()).toEqual({ status: 200, body: { has_token: true } });
  });

  it('is told of the workspace of the request', async () => {
    const { workspaceId = '' } = (await vault.workspaces.create(tenant.organizationId, 'second')) ?? {};
    const inWorkspace = { key: tenant.apiKey, headers: { 'X-Tenant-Id': workspaceId } };
    await vault
      .db('oauth_providers')
      .where({ organization_id: tenant.organizationId })
      .update({ provider_type: 'slack' });
    await imported();
    expect(await exists()).toEqual({ status: 200, body: { has_token: true } });
    const { body } = await vault.call('GET', `${TOKENS}/workspace/slack/exists`, inWorkspace);
    expect(body).toEqual({ has_token: false });
  });

  it('is told to an admin only, since it tells of other users', async () => {
    const member = await vault.newKey(tenant);
    expect(await exists(member)).toEqual({ status: 403, body: { detail: 'Forbidden' } });
  });
});

describe('a label', () => {
  it('is set, stays where it is not named, and is cleared by an empty one', async () => {
    const id = await imported();
    expect(await relabel(id, { provider_account_label: 'work' })).toMatchObject({
      status: 200,
      body: { id, provider_account_label: 'work', is_default: true },
    });
    for (const nothing of [{}, { provider_account_label: null }, { is_default: true }]) {
      expect((await relabel(id, nothing)).body).toMatchObject({ provider_account_label: 'work' });
    }
    expect((await relabel(id, { provider_account_label: '' })).body).toMatchObject({
      provider_account_label: null,
    });
    expect((await get('')).body).toMatchObject([{ provider_account_label: null }]);
  });
});

describe('the default', () => {
  it('moves to the token that is made it', async () => {
    const [first, second] = [await imported(), await imported()];
    expect((await relabel(first, { is_default: true })).body).toMatchObject({ id: first, is_default: true });
    expect(await listed()).toEqual([
      [first, true],
      [second, false],
    ]);
  });

  it('is taken away from the token that has it, and then there is none', async () => {
    const [first, second] = [await imported(), await imported()];
    expect((await relabel(first, { is_default: false })).body).toMatchObject({ is_default: false });
    expect(await listed()).toEqual([
      [first, false],
      [second, true],
    ]);
    expect((await relabel(second, { is_default: false })).body).toMatchObject({ is_default: false });
    expect(await listed()).toEqual([
      [first, false],
      [second, false],
    ]);
  });

  it('is one or none, however it is moved at once', async () => {
    const ids = await Promise.all(Array.from({ length: 8 }, () => imported()));
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, index) =>
        index % 5 === 4
          ? imported().then(() => ({ status: 200 }))
          : relabel(ids[index % 8] ?? '', { is_default: index % 3 > 0 }),
      ),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect((await listed()).filter(([, isDefault]) => isDefault).length).toBeLessThanOrEqual(1);
    await relabel(ids[0] ?? '', { is_default: true });
    expect((await listed()).filter(([, isDefault]) => isDefault)).toEqual([[ids[0], true]]);
  });
});

describe('a token that is not there', () => {
  it.each([UNKNOWN, 'x', UNKNOWN.replaceAll('-', ''), '%20', `${UNKNOWN}x`])('gets 404: %s', async (id) => {
    expect(await relabel(id, { is_default: true })).toEqual(NOT_FOUND);
  });

  it("gets the same 404 when it is another user's, an admin's question included", async () => {
    const id = await imported({}, await vault.newKey(tenant, { userId: 'other' }));
    const elsewhere = await imported({}, (await vault.newTenant()).apiKey);
    for (const json of [{ is_default: true }, { provider_account_label: 'mine' }, {}]) {
      expect(await relabel(id, json)).toEqual(NOT_FOUND);
      expect(await relabel(elsewhere, json)).toEqual(NOT_FOUND);
    }
    expect(await vault.row(id)).toMatchObject({ provider_account_label: null });
  });
});

describe('a wrong field of a change', () => {
  it.each([
    ['provider_account_label', 5, { type: 'string_type', msg: 'Input should be a valid string', input: 5 }],
    ['is_default', 'yes', { type: 'bool_type', msg: 'Input should be a valid boolean' }],
  ])('%s gets 422', async (field, value, error) => {
    expect(await relabel(await imported(), { [field]: value })).toEqual({
      status: 422,
      body: { detail: [{ loc: ['body', field], ...error }] },
    });
  });
});

describe('the audit trail', () => {
  it('has a record of each change, and none of a look or of a change of nothing', async () => {
    const id = await imported();
    await relabel(id, { provider_account_label: 'work' });
    await relabel(id, {});
    await relabel(UNKNOWN, { is_default: true });
    await get('');
    await get('/exists?provider_id=slack');
    const records = await vault
      .db('audit_records')
      .where({ organization_id: tenant.organizationId, object_id: id })
      .orderBy('id');
    expect(records.map(({ action }) => action)).toEqual(['token.import', 'token.update']);
  });
});

describe('a user with ten thousand tokens', () => {
  it('gets them all, from an index and in one query', async () => {
    const { organizationId, workspaceId } = tenant;
    await vault.db.raw(
      `INSERT INTO oauth_tokens (organization_id, id, user_id, provider_id, workspace_id, access_token, scopes)
       SELECT :organizationId, gen_random_uuid(), 'alice', 'slack', :workspaceId, 'x', '{}' FROM generate_series(1, 10000)`,
      { organizationId, workspaceId },
    );
    const tokens = await listed();
    expect(tokens).toHaveLength(10_000);
    expect(tokens.map(([id]) => id)).toEqual(tokens.map(([id]) => id).sort());
  });
});
