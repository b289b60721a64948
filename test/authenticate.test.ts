import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startVault, type Tenant, type TestVault } from './support/vault.ts';

const AUTHENTICATE = '/v2/auth/authenticate';

let vault: TestVault;
let tenant: Tenant;

beforeAll(async () => {
  vault = await startVault();
  tenant = await vault.newTenant();
});

afterAll(() => vault.close());

const authenticate = (key: string, json: object, headers: Record<string, string> = {}) =>
  vault.call('POST', AUTHENTICATE, { key, headers, json: { provider: 'slack', scopes: [], ...json } });

let users = 0;
const newUser = (options: { actsFor?: 'user' | 'organization' } = {}) => {
  const userId = `user-${users++}`;
  return vault.newKey(tenant, { userId, ...options }).then((key) => ({ userId, key }));
};

const give = async (key: string, token: object): Promise<string> => {
  const { body } = await vault.import(key, { provider_id: 'slack', access_token: 'xoxb', ...token });
  return String(Object(body).token_id);
};

const pending = { status: 'pending', auth_id: expect.any(String), url: expect.any(String), token: null };
const completed = (token: string) => ({ status: 'completed', token, url: null, auth_id: null });

describe('a token that is there', () => {
  it('is given out with its owner and its metadata', async () => {
    const { key, userId } = await newUser();
    await give(key, { access_token: 'xoxb-1', metadata: { team: 'T1' } });
    expect((await authenticate(key, {})).body).toEqual({
      ...completed('xoxb-1'),
      user_id: userId,
      metadata: { team: 'T1' },
    });
  });

  it('leaves an audit record that names the token, the user, the agent, the key and the request', async () => {
    const { key, userId } = await newUser();
    const tokenId = await give(key, {});
    const { headers } = await authenticate(key, { agent_id: 'agent-7' });
    const records = await vault
      .db('audit_records')
      .where({ action: 'token.release', object_id: tokenId })
      .select('user_id', 'credential', 'request_id', 'agent_id');
    const credential = `api-key:${key.slice(4, 10)}`;
    expect(records).toEqual([
      { user_id: userId, credential, request_id: headers.get('x-request-id'), agent_id: 'agent-7' },
    ]);
  });

  it('is not given out when the audit record cannot be written', async () => {
    const { key } = await newUser();
    await give(key, { access_token: 'xoxb-unaudited' });
    const never =
      'ALTER TABLE audit_records ADD CONSTRAINT never CHECK (user_id <> $$nobody$$ AND false) NOT VALID';
    await vault.db.raw(never);
    try {
      const { status, text } = await authenticate(key, {});
      expect(status).toBe(500);
      expect(text).not.toContain('xoxb-unaudited');
    } finally {
      await vault.db.raw('ALTER TABLE audit_records DROP CONSTRAINT never');
    }
  });

  it('is the default, however many others there are', async () => {
    const { key } = await newUser();
    await give(key, { access_token: 'default' });
    await give(key, { access_token: 'newer', is_default: false });
    expect((await authenticate(key, {})).body).toMatchObject(completed('default'));
  });

  it('is the newest that has the scopes where there is no default', async () => {
    const { key } = await newUser();
    for (const [access_token, scopes] of [
      ['old', ['a', 'b']],
      ['new', ['a', 'b']],
      ['narrow', ['a']],
    ]) {
      await give(key, { access_token, scopes, is_default: false });
    }
    expect((await authenticate(key, { scopes: ['b'] })).body).toMatchObject(completed('new'));
  });

  it('is never another one than a default that lacks the scopes', async () => {
    const { key } = await newUser();
    await give(key, { access_token: 'wide', scopes: ['a', 'b'], is_default: false });
    await give(key, { access_token: 'default', scopes: ['a'] });
    expect((await authenticate(key, { scopes: ['b'] })).body).toMatchObject(pending);
  });

  it('suits any scopes when it was imported without scopes', async () => {
    const { key } = await newUser();
    await give(key, { access_token: 'unknown-scopes' });
    expect((await authenticate(key, { scopes: ['a'] })).body).toMatchObject(completed('unknown-scopes'));
  });

  it('is the one that token_id names', async () => {
    const { key } = await newUser();
    const token_id = await give(key, { access_token: 'named' });
    await give(key, { access_token: 'default' });
    expect((await authenticate(key, { token_id })).body).toMatchObject(completed('named'));
    expect((await authenticate(key, { token_id: token_id.toUpperCase() })).body).toMatchObject(
      completed('named'),
    );
  });

  it('is not given out with less than a minute left', async () => {
    const { key } = await newUser();
    await give(key, { expires_in_seconds: 50 });
    expect((await authenticate(key, {})).body).toMatchObject(pending);
  });

  it('is not given out once it has expired: a person is asked where there is no refresh token', async () => {
    const [mortal, refreshable] = await Promise.all([newUser(), newUser()]);
    await give(mortal.key, { expires_in_seconds: 0 });
    await give(refreshable.key, { expires_in_seconds: 0, refresh_token: 'refresh' });
    expect((await authenticate(mortal.key, {})).body).toMatchObject(pending);
    expect((await authenticate(refreshable.key, {})).status).toBe(503); // the provider cannot be reached
  });

  it('is left alone with force_new', async () => {
    const { key } = await newUser();
    await give(key, {});
    expect((await authenticate(key, { force_new: true })).body).toMatchObject(pending);
  });

  it('goes to many callers at once, each with a record of its own', async () => {
    const { key } = await newUser();
    const tokenId = await give(key, { access_token: 'shared' });
    const answers = await Promise.all(Array.from({ length: 50 }, () => authenticate(key, {})));
    for (const { body } of answers) expect(body).toMatchObject(completed('shared'));
    const records = await vault.db('audit_records').where({ action: 'token.release', object_id: tokenId });
    expect(records).toHaveLength(50);
  });
});

describe('check_only', () => {
  it('tells that there is a token, without giving it out or recording anything', async () => {
    const { key } = await newUser();
    const tokenId = await give(key, {});
    expect((await authenticate(key, { check_only: true })).body).toMatchObject({
      status: 'completed',
      token: null,
    });
    expect(await vault.db('audit_records').where({ action: 'token.release', object_id: tokenId })).toEqual(
      [],
    );
  });

  it('tells that a person must consent, without starting anything', async () => {
    const { key, userId } = await newUser();
    const { body } = await authenticate(key, { check_only: true });
    expect(body).toEqual({
      status: 'pending',
      url: null,
      auth_id: null,
      token: null,
      user_id: null,
      metadata: null,
    });
    expect(await vault.db('authorizations').where({ user_id: userId })).toEqual([]);
  });
});

describe('what does not exist', () => {
  it('is 404 for an unknown provider, and the same for one of another organization', async () => {
    const other = await vault.newTenant();
    await vault.newProvider(other.organizationId, 'theirs');
    const [unknown, foreign] = await Promise.all(
      ['unknown', 'theirs'].map((provider) => authenticate(tenant.apiKey, { provider })),
    );
    expect([unknown?.status, unknown?.body]).toEqual([404, { detail: 'OAuth provider not found' }]);
    expect(foreign?.text).toBe(unknown?.text);
  });

  it("is 404 for an unknown token, another user's and another provider's", async () => {
    const [alice, bob] = await Promise.all([newUser(), newUser()]);
    await vault.newProvider(tenant.organizationId, 'other');
    const ofBob = await give(bob.key, {});
    const ofOther = await give(alice.key, { provider_id: 'other' });
    for (const token_id of ['00000000-0000-4000-8000-000000000000', ofBob, ofOther]) {
      const { status, body } = await authenticate(alice.key, { token_id });
      expect([status, body]).toEqual([404, { detail: 'OAuth token not found' }]);
    }
  });
});

describe('whom a caller may act for', () => {
  const asked = { scopes: [] };

  it('is itself, also by name', async () => {
    const { key, userId } = await newUser();
    await give(key, { access_token: 'own' });
    expect((await authenticate(key, { user_id: userId })).body).toMatchObject(completed('own'));
    expect((await authenticate(key, { ls_user_id: userId })).body).toMatchObject(completed('own'));
    expect((await authenticate(key, {}, { 'X-User-Id': userId })).body).toMatchObject(completed('own'));
  });

  it('is nobody else', async () => {
    const { key } = await newUser();
    for (const named of [{ user_id: 'alice' }, { ls_user_id: 'alice' }]) {
      expect((await authenticate(key, { ...asked, ...named })).status).toBe(403);
    }
    expect((await authenticate(key, asked, { 'X-User-Id': 'alice' })).status).toBe(403);
  });

  it('is any user of its organization with a key that acts for it, by header or by field', async () => {
    const platform = await newUser({ actsFor: 'organization' });
    const { key, userId } = await newUser();
    await give(key, { access_token: 'of-user' });
    for (const answer of [
      await authenticate(platform.key, { user_id: userId }),
      await authenticate(platform.key, { ls_user_id: userId }),
      await authenticate(platform.key, { user_id: userId, ls_user_id: 'ignored' }),
      await authenticate(platform.key, {}, { 'X-User-Id': userId }),
    ]) {
      expect(answer.body).toMatchObject({ ...completed('of-user'), user_id: userId });
    }
  });

  it('is the one user that header and field name: different ones are 403', async () => {
    const { key } = await newUser({ actsFor: 'organization' });
    expect((await authenticate(key, { user_id: 'a' }, { 'X-User-Id': 'b' })).status).toBe(403);
    expect((await authenticate(key, { user_id: 'a' }, { 'X-User-Id': 'a' })).status).toBe(200);
  });

  it('holds for the import too', async () => {
    const { key } = await newUser({ actsFor: 'organization' });
    const token = { provider_id: 'slack', access_token: 'xoxb-imported' };
    await vault.import(key, token, { 'X-User-Id': 'carol' });
    expect((await authenticate(key, { user_id: 'carol' })).body).toMatchObject(completed('xoxb-imported'));
    expect((await authenticate(key, {})).body).toMatchObject(pending);
  });

  it.each(['', 'x'.repeat(256), 'nul\0'])('is no user with an impossible name (%#)', async (user_id) => {
    expect((await authenticate(tenant.apiKey, { user_id })).status).toBe(422);
  });

  it('is not asked for where only an agent is there: connection_required', async () => {
    const platform = await newUser({ actsFor: 'organization' });
    expect((await authenticate(platform.key, { agent_id: 'a' })).body).toMatchObject({
      status: 'connection_required',
      url: null,
    });
    expect((await authenticate(platform.key, { agent_id: 'a', user_id: 'dora' })).body).toMatchObject(
      pending,
    );
    const { key } = await newUser();
    expect((await authenticate(key, { agent_id: 'a' })).body).toMatchObject(pending);
  });
});

describe('scopes', () => {
  it('of a consent are as many as a URL holds', async () => {
    const { key } = await newUser();
    const { status, body } = await authenticate(key, { scopes: ['x'.repeat(4_097)] });
    expect([status, body]).toEqual([
      422,
      { detail: [expect.objectContaining({ loc: ['body', 'scopes'], type: 'value_error' })] },
    ]);
    expect((await authenticate(key, { scopes: ['x'.repeat(4_096)] })).status).toBe(200);
  });
});

describe('fields of newer clients', () => {
  it('refuses a redirect_uri, and takes null', async () => {
    const { status, body } = await authenticate(tenant.apiKey, { redirect_uri: 'https://evil.example/' });
    expect(status).toBe(422);
    expect(JSON.stringify(body)).toContain('redirect_uri');
    expect(JSON.stringify(body)).not.toContain('evil');
    expect((await authenticate(tenant.apiKey, { redirect_uri: null })).status).toBe(200);
  });
});

describe('the number of pending authorizations', () => {
  it('is limited for each user, however many start at once, and other users go on', async () => {
    const [alice, bob] = await Promise.all([newUser(), newUser()]);
    const answers = await Promise.all(Array.from({ length: 25 }, () => authenticate(alice.key, {})));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(20);
    const refused = answers.find(({ status }) => status === 429);
    expect(refused?.headers.get('retry-after')).toBe('30');
    expect((await authenticate(bob.key, {})).status).toBe(200);
  });
});

describe('a default token whose grant lives, without the requested scopes', () => {
  it('is not replaced by a consent, though its access token has expired', async () => {
    const { key } = await newUser();
    const refreshable = { refresh_token: 'r', expires_in_seconds: 0, scopes: ['a'] };
    await give(key, refreshable);
    const { body } = await authenticate(key, { scopes: ['b'] });
    expect(body).toMatchObject(pending);
    const begun = await vault
      .db('authorizations')
      .where({ id: Object(body).auth_id })
      .first();
    expect(begun).toMatchObject({ replaces_token_id: null, scopes: ['b', 'a'] });
  });

  it('is replaced where the grant is dead', async () => {
    const { key } = await newUser();
    const tokenId = await give(key, { expires_in_seconds: 0, scopes: ['a'] });
    const { body } = await authenticate(key, { scopes: ['b'] });
    const begun = await vault
      .db('authorizations')
      .where({ id: Object(body).auth_id })
      .first();
    expect(begun).toMatchObject({ replaces_token_id: tokenId });
  });
});
