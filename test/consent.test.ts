import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { OverloadedError } from '../db/postgres/errors.ts';
import { createCatalogue } from '../oauth/catalogue/catalogue.ts';
import { finishAuthorization } from '../vault/finish.ts';
import { ANSWERS } from './support/hostile-answers.ts';
import { type HostileServer, startHostileServer } from './support/hostile-authorization-server.ts';
import { person, providerOf } from './support/person.ts';
import { startVault, type Tenant, type TestVault } from './support/vault.ts';

let vault: TestVault;
let provider: HostileServer;
let tenant: Tenant;

beforeAll(async () => {
  [vault, provider] = await Promise.all([startVault(), startHostileServer()]);
  tenant = await vault.newTenant();
  await newProvider('example');
});

afterAll(async () => {
  await Promise.all([vault.close(), provider.stop()]);
});

const newProvider = async (id: string, options: Parameters<typeof providerOf>[2] = {}): Promise<void> => {
  const json = providerOf(provider, id, options);
  const { status, text } = await vault.call('POST', '/v2/auth/providers', { key: tenant.apiKey, json });
  if (status !== 200) throw new Error(text);
};

let users = 0;
const newUser = async () => {
  const userId = `user-${users++}`;
  return { userId, key: await vault.newKey(tenant, { userId }) };
};

const authenticate = async (key: string, json: object = {}) => {
  const whole = { provider: 'example', scopes: [], ...json };
  const { body } = await vault.call('POST', '/v2/auth/authenticate', { key, json: whole });
  const { status, url, auth_id, token, metadata } = Object(body);
  return { status: String(status), url: String(url), authId: String(auth_id), token, metadata };
};

const wait = async (key: string, authId: string, timeout = 0) =>
  (await vault.call('GET', `/v2/auth/wait/${authId}?timeout=${timeout}`, { key })).body;

const tokensOf = (userId: string) => vault.db('oauth_tokens').where({ user_id: userId }).orderBy('id');

describe('a consent', () => {
  it('goes from a link through the button and the provider to a token', async () => {
    const { key, userId } = await newUser();
    const { url, authId } = await authenticate(key, { scopes: ['read', 'write'] });
    const alice = person();

    const page = await alice.go(url);
    expect(page.status).toBe(200);
    const text = await page.text();
    for (const told of ['Example', userId, 'read', 'write']) expect(text).toContain(told);
    expect(await wait(key, authId)).toEqual({ status: 'pending', token: null });

    const { response, next } = await alice.press(url);
    expect(response.status).toBe(200);
    const asked = new URL(next).searchParams;
    expect(Object.fromEntries(asked)).toEqual({
      response_type: 'code',
      client_id: 'client',
      redirect_uri: `${vault.url}/v2/auth/callback/example`,
      state: expect.stringMatching(/^[\w-]{86}$/),
      scope: 'read write',
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge_method: 'S256',
    });

    const end = await alice.go(await alice.consent(next));
    expect([end.status, end.headers.get('location')]).toEqual([303, `${vault.url}/connected`]);
    expect(await (await alice.go(`${vault.url}/connected`)).text()).toContain('You can close this window');
    expect(alice.cookies.size).toBe(0);

    const { token } = Object(await wait(key, authId));
    expect(provider.secrets).toContain(token);
    expect(await wait(key, authId)).toEqual({ status: 'completed', token });
    expect(await authenticate(key, { scopes: ['read'] })).toMatchObject({ status: 'completed', token });
  });

  it('leaves a sealed token with what was asked for and granted, and audit records', async () => {
    const { key, userId } = await newUser();
    const { url } = await authenticate(key, { scopes: ['read', 'extra'] });
    await person().connect(url);
    const [row] = await tokensOf(userId);
    expect(row).toMatchObject({ scopes: ['read', 'write'], requested_scopes: ['read', 'extra'] });
    expect(provider.secrets).toContain(vault.keyRing.open(row.access_token));
    expect(provider.secrets).toContain(vault.keyRing.open(row.refresh_token));
    const seconds = (row.expires_at.getTime() - row.created_at.getTime()) / 1000;
    expect(seconds).toBe(3600);
    const audited = await vault.db('audit_records').where({ object_id: row.id }).pluck('action');
    expect(audited).toEqual(['token.authorize']);
    // Asked for at the consent counts as granted: some providers grant without naming scopes.
    expect(await authenticate(key, { scopes: ['extra'] })).toMatchObject({ status: 'completed' });
  });

  it('wakes the request that waits for it', async () => {
    const { key } = await newUser();
    const { url, authId } = await authenticate(key);
    const waiting = wait(key, authId, 20);
    await person().connect(url);
    expect(Object(await waiting).status).toBe('completed');
  });

  it('keeps its provider from the names of secrets: state and verifier are stored sealed or hashed', async () => {
    const { key, userId } = await newUser();
    const { url } = await authenticate(key);
    const { next } = await person().press(url);
    const state = new URL(next).searchParams.get('state') ?? '';
    const row = await vault.db('authorizations').where({ user_id: userId }).first();
    expect(row.state_hash).toEqual(createHash('sha256').update(state).digest());
    const [sealedState, verifier = ''] = vault.keyRing.open(row.secrets).split(' ');
    expect(sealedState).toBe(state);
    for (const secret of [state, verifier]) expect(JSON.stringify(row)).not.toContain(secret);
  });
});

describe('where the token goes', () => {
  it('is the row of a dead token, with its label, its default and the scopes that it had', async () => {
    const { key, userId } = await newUser();
    const { body } = await vault.import(key, {
      provider_id: 'example',
      access_token: 'dead',
      expires_in_seconds: 0,
      scopes: ['old'],
      metadata: { kept: true },
    });
    const { token_id } = Object(body);
    await vault.call('PATCH', `/v2/auth/tokens/${token_id}/metadata`, {
      key,
      json: { provider_account_label: 'Work' },
    });
    const { url } = await authenticate(key, { scopes: ['new'] });
    const alice = person();
    const { next } = await alice.press(url);
    expect(new URL(next).searchParams.get('scope')).toBe('new old');
    await alice.go(await alice.consent(next));
    expect(await tokensOf(userId)).toMatchObject([
      { id: token_id, provider_account_label: 'Work', metadata: { kept: true } },
    ]);
  });

  it('is a row of its own with force_new', async () => {
    const { key, userId } = await newUser();
    await person().connect((await authenticate(key)).url);
    const first = await authenticate(key);
    await person().connect((await authenticate(key, { force_new: true, is_default: false })).url);
    expect(await tokensOf(userId)).toHaveLength(2);
    expect((await authenticate(key)).token).toBe(first.token);
  });

  it('is the row that token_id names', async () => {
    const { key, userId } = await newUser();
    await person().connect((await authenticate(key)).url);
    const [{ id }] = await tokensOf(userId);
    const { status, url } = await authenticate(key, { token_id: id, force_new: true });
    expect(status).toBe('pending');
    await person().connect(url);
    expect(await tokensOf(userId)).toMatchObject([{ id }]);
  });

  it('is another row when the account is another one', async () => {
    await newProvider('accounts', { tokenMode: 'salesforce' });
    const { key, userId } = await newUser();
    await vault.import(key, { provider_id: 'accounts', access_token: 'dead', expires_in_seconds: 0 });
    await vault.db('oauth_tokens').where({ user_id: userId }).update({ account_id: 'another account' });
    const { url } = await authenticate(key, { provider: 'accounts' });
    await person().connect(url);
    const rows = await tokensOf(userId);
    expect(rows.map(({ account_id }) => account_id)).toEqual(['another account', expect.any(String)]);
  });
});

describe('a refusal', () => {
  it.each([
    ['denied', 'refused'],
    ['denied-with-markup', 'failed'],
  ])(
    '(%s) ends the authorization on the page %s, which repeats nothing of the provider',
    async (authMode, path) => {
      await newProvider(authMode, { authMode });
      const { key } = await newUser();
      const { url, authId } = await authenticate(key, { provider: authMode });
      const waiting = wait(key, authId, 20);
      const alice = person();
      const end = await alice.connect(url);
      expect(end.status).toBe(303);
      const location = end.headers.get('location') ?? '';
      expect(location).toBe(`${vault.url}/not-connected/${path}`);
      expect(await (await alice.go(location)).text()).not.toContain('<script');
      expect(await waiting).toEqual({ status: 'not_found', token: null });
      expect((await alice.go(url)).status).toBe(410);
    },
  );

  it.each([
    ['invalid-client', 'misconfigured'],
    ['commit-then-500', 'unavailable'],
    ['reset', 'unavailable'],
    ['redirect', 'misconfigured'],
    ['invalid-grant', 'failed'],
  ])('of the code (%s) ends on the page %s', async (tokenMode, path) => {
    await newProvider(`token-${tokenMode}`, { tokenMode });
    const { key, userId } = await newUser();
    const { url } = await authenticate(key, { provider: `token-${tokenMode}` });
    const end = await person().connect(url);
    expect(end.headers.get('location')).toBe(`${vault.url}/not-connected/${path}`);
    expect(await tokensOf(userId)).toEqual([]);
  });
});

describe('a user who has as many tokens of the provider as the setting allows', () => {
  it('connects no account more, in the browser and by the application, but may replace a token; the grants that found no place are revoked', async () => {
    const limited = await startVault({ TOKENS_PER_USER_AND_PROVIDER_MAX: '2' });
    const { apiKey: key } = await limited.newTenant();
    const call = async (path: string, json: object) => limited.call('POST', path, { key, json });
    await call('/v2/auth/providers', providerOf(provider, 'example'));
    await limited
      .db('oauth_providers')
      .where({ provider_id: 'example' })
      .update({ revocation_endpoint: provider.tokenUrl('empty') });
    const start = async (json: object = {}) => {
      const whole = { provider: 'example', scopes: [], force_new: true, is_default: false, ...json };
      const { url, auth_id } = Object((await call('/v2/auth/authenticate', whole)).body);
      return { url: String(url), authId: String(auth_id) };
    };
    const connect = async (json?: object) =>
      (await person().connect((await start(json)).url)).headers.get('location')?.slice(limited.url.length);

    expect([await connect(), await connect(), await connect()]).toEqual([
      '/connected',
      '/connected',
      '/not-connected/full',
    ]);
    const { url, authId } = await start();
    const waiting = limited.call('GET', `/v2/auth/wait/${authId}?timeout=20`, { key });
    const { code, state } = Object.fromEntries(new URL(await person().untilCallback(url)).searchParams);
    expect(await call('/v2/auth/callback/example', { code, state })).toMatchObject({
      status: 409,
      body: { detail: 'The user has too many OAuth tokens of this provider' },
    });
    expect((await waiting).body).toEqual({ status: 'not_found', token: null });
    const ids: string[] = await limited.db('oauth_tokens').pluck('id');
    expect(ids).toHaveLength(2);
    expect(await connect({ token_id: ids[0] })).toBe('/connected');
    const { rows } = await limited.db.raw(
      'SELECT status, count(*)::int FROM authorizations GROUP BY 1 ORDER BY 1',
    );
    expect(rows).toEqual([
      { status: 'completed', count: 3 },
      { status: 'failed', count: 2 },
    ]);

    await limited.call('DELETE', '/v2/auth/providers/slack', { key }); // works off all that the organization owes
    const revoked = await limited.db('audit_records').where({ action: 'token.revoke' });
    expect(revoked.map(({ object_id, outcome }) => [ids.includes(object_id), outcome])).toEqual([
      [false, 'revoked'],
      [false, 'revoked'],
    ]);
    const asked = provider.tokenRequests.flatMap(({ parameters }) => parameters['token'] ?? []);
    const stored: string[] = await limited.db('oauth_tokens').pluck('refresh_token');
    expect(asked).toHaveLength(2);
    for (const token of stored) expect(asked).not.toContain(limited.keyRing.open(token));
    await limited.close();
  });
});

describe('a provider that answers oddly', () => {
  it.each([...Object.keys(ANSWERS), 'huge', 'endless', 'cut'])(
    '(%s) never breaks the callback',
    async (tokenMode) => {
      await newProvider(`odd-${tokenMode}`, { tokenMode });
      const { key } = await newUser();
      const { url, authId } = await authenticate(key, { provider: `odd-${tokenMode}` });
      const end = await person().connect(url);
      expect(end.status).toBe(303);
      const location = end.headers.get('location') ?? '';
      expect(location.slice(vault.url.length)).toMatch(
        /^\/(?:connected|not-connected\/(?:failed|misconfigured|unavailable))$/,
      );
      const { status, token } = Object(await wait(key, authId));
      expect(status).toBe(location.endsWith('/connected') ? 'completed' : 'not_found');
      if (status === 'completed') expect(provider.secrets).toContain(token);
    },
  );
});

describe('tokens that come after their authorization has expired', () => {
  it.each([
    ['are revoked', 'nothing was tried while the database was overloaded', new OverloadedError(), 1],
    ['are left alone', 'an earlier try may have stored them', new Error('Connection terminated'), 0],
  ])('%s where %s', async (_, __, failure, owed) => {
    const { key } = await newUser();
    const { url, authId } = await authenticate(key);
    const callback = new URL(await person().untilCallback(url));
    const { organizationId } = tenant;
    const begun = await vault.consents.find(organizationId, authId);
    if (begun === undefined) throw new Error('no authorization');
    const failures = [failure];
    const complete: typeof vault.consents.complete = async (...given) => {
      const thrown = failures.shift();
      if (thrown === undefined) return vault.consents.complete(...given);
      await vault
        .db('authorizations')
        .where({ id: authId })
        .update({ expires_at: new Date(0) });
      throw thrown;
    };
    const parts = {
      ...{ revocations: vault.revocations, keyRing: vault.keyRing, catalogue: createCatalogue() },
      consents: { ...vault.consents, complete },
      exchange: async () => ({ outcome: 'tokens', accessToken: `access ${authId}`, metadata: {} }) as const,
      isInstalled: async () => false,
      observe: () => undefined,
    };
    const end = await finishAuthorization(parts, begun, callback.searchParams, 'request');
    expect(end).toEqual({ outcome: 'gone' });
    const rows = await vault.db('revocations').where({ organization_id: organizationId });
    const tokens = rows.map((one) => vault.keyRing.open(one.access_token));
    expect(tokens.filter((token) => token === `access ${authId}`)).toHaveLength(owed);
  });
});

describe('wait', () => {
  it('answers not_found at once for what is unknown, foreign, or no id', async () => {
    const [alice, bob] = await Promise.all([newUser(), newUser()]);
    const other = await vault.newTenant();
    const { authId } = await authenticate(alice.key);
    for (const [key, id] of [
      [bob.key, authId],
      [other.apiKey, authId],
      [alice.key, '00000000-0000-4000-8000-000000000000'],
      [alice.key, 'x'],
    ] as const) {
      expect(await wait(key, id, 20)).toEqual({ status: 'not_found', token: null });
    }
  });

  it('answers a key that acts for the organization', async () => {
    const { key } = await newUser();
    const platform = await vault.newKey(tenant, { userId: 'platform', actsFor: 'organization' });
    const { url, authId } = await authenticate(key);
    await person().connect(url);
    expect(Object(await wait(platform, authId)).status).toBe('completed');
  });

  it('answers timeout when nothing happens in time', async () => {
    const { key } = await newUser();
    const { authId } = await authenticate(key);
    expect(await wait(key, authId, 1)).toEqual({ status: 'timeout', token: null });
    expect(await wait(key, authId, -5)).toEqual({ status: 'pending', token: null });
  });

  it('answers not_found when the authorization expires', async () => {
    const { key, userId } = await newUser();
    const { authId, url } = await authenticate(key);
    await vault
      .db('authorizations')
      .where({ user_id: userId })
      .update({ expires_at: vault.db.raw('now()') });
    expect(await wait(key, authId, 20)).toEqual({ status: 'not_found', token: null });
    expect((await person().go(url)).status).toBe(410);
  });

  it('writes an audit record for each time the token is given out', async () => {
    const { key, userId } = await newUser();
    const { authId, url } = await authenticate(key, { agent_id: 'agent-9' });
    await person().connect(url);
    await wait(key, authId);
    await wait(key, authId);
    const records = await vault.db('audit_records').where({ user_id: userId, action: 'token.release' });
    expect(records).toMatchObject([{ agent_id: 'agent-9' }, { agent_id: 'agent-9' }]);
  });
});

describe('metrics', () => {
  it('count the ends of authorizations, and tell how long people take', async () => {
    const count = async (outcome: string) => {
      const line = new RegExp(
        `^tokenhold_authorizations_total{provider="other",outcome="${outcome}"} (\\d+)`,
        'm',
      );
      return Number(line.exec(await vault.metrics())?.[1] ?? 0);
    };
    const before = await Promise.all(['completed', 'failed'].map(count));
    const { key } = await newUser();
    const alice = person();
    const callback = await alice.untilCallback((await authenticate(key)).url);
    await alice.go(callback);
    const late = await alice.untilCallback((await authenticate(key, { force_new: true })).url);
    await alice.go(late.replace(/code=[^&]*/, 'code=wrong'));
    const after = await Promise.all(['completed', 'failed'].map(count));
    expect(after).toEqual(before.map((number) => number + 1));
    expect(await vault.metrics()).toMatch(/^tokenhold_time_to_consent_seconds_count [1-9]/m);
    expect(await vault.metrics()).toMatch(/^tokenhold_waiters 0$/m);
  });
});

describe('what expires', () => {
  it('is deleted, and only that', async () => {
    const { key, userId } = await newUser();
    await authenticate(key);
    const { authId } = await authenticate(key);
    const own = () => vault.db('authorizations').where({ user_id: userId });
    await own()
      .whereNot({ id: authId })
      .update({ expires_at: vault.db.raw(`now() - interval '1 second'`) });
    const { deleted, expired } = await vault.authorizations.sweep(1_000);
    expect(expired).toBeLessThanOrEqual(deleted);
    expect(await own().pluck('id')).toEqual([authId]);
  });
});
