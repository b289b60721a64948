/** A token that has expired, or soon will, is refreshed once, and nothing is lost. */
import { randomUUID as generateUuid } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type StrictServer, startStrictServer } from '../bench/refresh/strict.ts';
import { generateKey } from '../crypto/fernet.ts';
import { fingerprint } from '../crypto/key-ring.ts';
import { OPERATOR } from '../db/audit.ts';
import { refreshStates } from '../db/refresh-states.ts';
import { rotate } from '../vault/rotate.ts';
import { startVault, type Tenant, type TestVault } from './support/vault.ts';

const FERNET_KEY = generateKey();

let server: StrictServer;
let vault: TestVault;
let tenant: Tenant;

beforeAll(async () => {
  [server, vault] = await Promise.all([startStrictServer(), startVault({ FERNET_KEYS: FERNET_KEY })]);
  tenant = await vault.newTenant();
});

afterAll(async () => {
  await vault.close();
  await server.stop();
});

let providers = 0;
let provider: string;

/** A provider of its own for each test, so that none pauses another's. */
beforeEach(async () => {
  await server.behave({});
  provider = `strict-${providers++}`;
  await vault.providers.create(
    tenant.organizationId,
    {
      providerId: provider,
      name: provider,
      clientId: 'client',
      clientSecret: vault.keyRing.seal('right'),
      authUrl: 'https://provider.example/authorize',
      tokenUrl: server.tokenUrl,
      providerType: null,
    },
    OPERATOR,
  );
});

/** An imported grant of the server. */
async function grant(expiresIn: number, userId = 'alice') {
  const [given] = await server.grants(1);
  if (given === undefined) throw new Error('no grant');
  const key = await vault.newKey(tenant, { userId });
  const { body } = await vault.import(key, {
    provider_id: provider,
    access_token: given.accessToken,
    refresh_token: given.refreshToken,
    expires_in_seconds: expiresIn,
  });
  return { ...given, key, tokenId: String(Object(body).token_id) };
}

const authenticate = (key: string, json: object = {}) =>
  vault.call('POST', '/v2/auth/authenticate', { key, json: { provider, scopes: [], ...json } });

const storedRefreshToken = async (tokenId: string): Promise<string> =>
  vault.keyRing.open((await vault.row(tokenId)).refresh_token ?? '');

/** A refresh token that the server has never given. */
const unknownText = () => vault.keyRing.seal('unknown to the server').ciphertext;

/** Stores a pair as one whose answer came late: its tokens are this ciphertext. */
async function giveLateAnswer(tokenId: string, ciphertext: string): Promise<void> {
  const [sealedWith] = vault.keyRing.fingerprints();
  await vault.db('token_versions').insert({
    organization_id: tenant.organizationId,
    id: generateUuid(),
    token_id: tokenId,
    grant_number: 0,
    generation: 1,
    is_candidate: true,
    access_token: ciphertext,
    access_token_key: sealedWith,
    refresh_token: ciphertext,
    refresh_token_key: sealedWith,
  });
}

/** Waits until the condition holds. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20));
}

describe('an expired token', () => {
  it('is refreshed and given out', async () => {
    const { key, tokenId, accessToken } = await grant(0);
    const { status, body } = await authenticate(key);
    const { token } = Object(body);
    expect([status, Object(body).status]).toEqual([200, 'completed']);
    expect(token).not.toBe(accessToken);
    expect(await server.introspect([token])).toEqual([true]);
    expect(await server.check([await storedRefreshToken(tokenId)])).toEqual(['current']);
  });

  it('is refreshed once for everybody who asks at the same time', async () => {
    const { key } = await grant(0);
    const before = await server.stats();
    const answers = await Promise.all(Array.from({ length: 40 }, () => authenticate(key)));
    expect(new Set(answers.map(({ body }) => Object(body).token)).size).toBe(1);
    expect((await server.stats()).requests - before.requests).toBe(1);
  });

  it('is only looked at with check_only', async () => {
    const { key } = await grant(0);
    const before = await server.stats();
    const { body } = await authenticate(key, { check_only: true });
    expect(body).toMatchObject({ status: 'completed', token: null });
    expect((await server.stats()).requests).toBe(before.requests);
  });

  it('leaves an audit record of the refresh and one of the release', async () => {
    const { key, tokenId } = await grant(0);
    await authenticate(key);
    const records = await vault.db('audit_records').where({ object_id: tokenId }).orderBy('recorded_at');
    expect(records.map(({ action }) => action)).toEqual(['token.import', 'token.refresh', 'token.release']);
  });

  it('leaves the redeemed pair beside the new one until that one has been redeemed', async () => {
    const { key, tokenId, refreshToken } = await grant(0);
    await authenticate(key);
    const [kept, ...others] = await vault.db('token_versions').where({ token_id: tokenId });
    expect([vault.keyRing.open(kept.refresh_token), others]).toEqual([refreshToken, []]);
  });

  it('keeps its refresh token where the answer has none', async () => {
    const { key, tokenId, refreshToken } = await grant(0);
    await server.behave({ isRotating: false });
    expect((await authenticate(key)).body).toMatchObject({ status: 'completed' });
    expect(await storedRefreshToken(tokenId)).toBe(refreshToken);
  });
});

describe('a token that is deleted while it is refreshed', () => {
  it('leaves nothing at the provider: its new pair goes into the outbox of revocations', async () => {
    const { key, tokenId, refreshToken } = await grant(0);
    await server.behave({ mode: 'hold' });
    const asked = authenticate(key);
    await until(async () => (await server.stats()).held === 1);
    expect((await vault.call('DELETE', `/v2/auth/tokens/${tokenId}`, { key })).status).toBe(204);
    await server.release();
    expect((await asked).body).toMatchObject({ status: 'pending' });
    const [owed] = await vault.db('revocations').where({ token_id: tokenId });
    expect(vault.keyRing.open(owed.refresh_token)).not.toBe(refreshToken);
    expect(await server.check([vault.keyRing.open(owed.refresh_token)])).toEqual(['current']);
  });

  it('is not revived by the answer if a consent has given it another grant', async () => {
    const { key, tokenId } = await grant(0);
    await server.behave({ mode: 'hold' });
    const asked = authenticate(key);
    await until(async () => (await server.stats()).held === 1);
    const consented = vault.keyRing.seal('another grant');
    await vault
      .db('oauth_tokens')
      .where({ id: tokenId })
      .update({
        refresh_token: consented.ciphertext,
        grant_number: 1,
        generation: 1,
        expires_at: vault.db.raw("now() + interval '1 hour'"),
        refresh_attempt: null,
        lease_until: null,
      });
    await server.release();
    expect((await asked).body).toMatchObject({ status: 'completed' });
    expect(await storedRefreshToken(tokenId)).toBe('another grant');
    expect(await vault.db('token_versions').where({ token_id: tokenId })).toEqual([]);
    expect(await vault.db('revocations').where({ token_id: tokenId })).toEqual([]);
  });
});

describe('a token that expires soon', () => {
  it('is given out at once, and refreshed behind the answer', async () => {
    const { key, tokenId, accessToken } = await grant(600);
    await vault
      .db('oauth_tokens')
      .where({ id: tokenId })
      .update({
        created_at: vault.db.raw("now() - interval '1 hour'"),
      });
    await server.behave({ ms: 300 });
    expect((await authenticate(key)).body).toMatchObject({ token: accessToken });
    await until(async () => (await vault.row(tokenId))['generation'] === 1);
    expect(Object((await authenticate(key)).body).token).not.toBe(accessToken);
  });
});

describe('a slow provider', () => {
  it('makes the caller wait no longer than four seconds; the refresh goes on and is stored', async () => {
    const { key, tokenId } = await grant(0);
    await server.behave({ mode: 'hold' });
    const startedAt = performance.now();
    const { status, headers } = await authenticate(key);
    expect([status, headers.get('retry-after')]).toEqual([503, '1']);
    expect(performance.now() - startedAt).toBeLessThan(4_000);
    await server.behave({});
    await server.release();
    await until(async () => (await vault.row(tokenId))['generation'] === 1);
    expect((await authenticate(key)).body).toMatchObject({ status: 'completed' });
    expect(await server.check([await storedRefreshToken(tokenId)])).toEqual(['current']);
  });
});

describe('a provider that answers otherwise', () => {
  it('gets the same refresh token again within its reuse window, and gives the successor', async () => {
    for (const mode of ['drop', 'error'] as const) {
      const { key, tokenId } = await grant(0, mode);
      await server.behave({ mode, reuseSeconds: 30 });
      const answer = authenticate(key);
      const before = await server.stats();
      await until(async () => (await server.stats()).requests > before.requests);
      await server.behave({ reuseSeconds: 30 });
      expect((await answer).body).toMatchObject({ status: 'completed' });
      expect(await server.check([await storedRefreshToken(tokenId)])).toEqual(['current']);
    }
  });

  it('loses no grant by an outage within its reuse window, however many requests it has processed', async () => {
    const grants = await Promise.all(Array.from({ length: 4 }, (_, index) => grant(0, `outage-${index}`)));
    const before = await server.stats();
    await server.behave({ mode: 'error', reuseSeconds: 30 });
    const asked = grants.map(({ key }) => authenticate(key));
    const twice = before.requests + 2 * 3 * grants.length;
    await until(async () => (await server.stats()).requests >= twice);
    await server.behave({ reuseSeconds: 30 });
    for (const { tokenId } of grants) await until(async () => (await vault.row(tokenId))['generation'] === 1);
    const stored = await Promise.all(grants.map(({ tokenId }) => storedRefreshToken(tokenId)));
    expect(new Set(await server.check(stored))).toEqual(new Set(['current']));
    await Promise.all(asked);
  });

  it('gives a life of a second: the background pass looks at the token a minute later', async () => {
    const { key, tokenId } = await grant(0);
    await server.behave({ expiresIn: 1 });
    await authenticate(key);
    const { refresh_due_at: dueAt, received_at: receivedAt } = await vault.row(tokenId);
    expect(Number(dueAt) - Number(receivedAt)).toBe(60_000);
  });

  it.each(['down', 'busy', 'error200'] as const)(
    'is %s: 503, and the token is not given up',
    async (mode) => {
      const { key, tokenId } = await grant(0);
      await server.behave({ mode });
      expect((await authenticate(key)).status).toBe(503);
      await server.behave({});
      await until(async () => (await authenticate(key)).status === 200);
      expect((await vault.row(tokenId))['dead_at']).toBeNull();
    },
  );

  it('refuses our client: no token is given up, its refreshes pause, and new settings end the pause', async () => {
    const [{ key, tokenId }, other] = [await grant(0, 'bob'), await grant(0, 'carol')];
    await server.behave({ clientSecret: 'another' });
    expect((await authenticate(key)).status).toBe(503);
    const { requests } = await server.stats();
    expect((await authenticate(other.key)).headers.get('retry-after')).toMatch(/^(60|5\d)$/);
    expect((await server.stats()).requests).toBe(requests);
    await vault.providers.update(
      tenant.organizationId,
      provider,
      { clientSecret: vault.keyRing.seal('another') },
      OPERATOR,
    );
    expect((await authenticate(key)).status).toBe(200);
    expect((await vault.row(tokenId))['dead_at']).toBeNull();
  });

  it('refuses the grant: the token is dead, with its reason, and a person is asked', async () => {
    const { key, tokenId } = await grant(0);
    await vault.db('oauth_tokens').where({ id: tokenId }).update({ refresh_token: unknownText() });
    const { body } = await authenticate(key);
    expect(body).toMatchObject({ status: 'pending', url: expect.any(String) });
    expect(await vault.row(tokenId)).toMatchObject({ dead_reason: 'invalid_grant', lease_until: null });
    const { requests } = await server.stats();
    await authenticate(key);
    expect((await server.stats()).requests).toBe(requests);
  });

  it('refuses the grant, of which a late answer had the same refresh token: the token is dead', async () => {
    const { key, tokenId } = await grant(0);
    await vault.db('oauth_tokens').where({ id: tokenId }).update({ refresh_token: unknownText() });
    await giveLateAnswer(tokenId, unknownText());
    expect((await authenticate(key)).body).toMatchObject({ status: 'pending', url: expect.any(String) });
    expect(await vault.row(tokenId)).toMatchObject({ dead_reason: 'invalid_grant' });
  });
});

describe('a provider that refuses the grant, of which a late answer can be opened by no key', () => {
  it('is not asked again and again: the token pauses', async () => {
    const { key, tokenId } = await grant(0);
    await vault.db('oauth_tokens').where({ id: tokenId }).update({ refresh_token: unknownText() });
    await giveLateAnswer(tokenId, 'sealed by a key that is lost');
    const { requests } = await server.stats();
    const answers = [await authenticate(key), await authenticate(key)];
    expect(answers.map(({ status, headers }) => [status, headers.get('retry-after')])).toEqual([
      [503, '60'],
      [503, '60'],
    ]);
    expect((await server.stats()).requests).toBe(requests + 1);
    expect(await vault.row(tokenId)).toMatchObject({
      refresh_problem: 'unreadable_ciphertext',
      dead_at: null,
    });
    await vault.db('token_versions').where({ token_id: tokenId }).delete(); // a rotation of keys would find it
  });
});

describe('the background pass', () => {
  const past = (interval: string) => vault.db.raw(`now() - interval '${interval}'`);
  const soon = (interval: string) => vault.db.raw(`now() + interval '${interval}'`);
  const change = (id: string, columns: object) =>
    vault
      .db('oauth_tokens')
      .where({ id })
      .update({ ...columns, refresh_due_at: past('1 second') });
  const generation = async (id: string) => (await vault.row(id))['generation'];

  it('refreshes what will expire soon and was used lately, what would die of idleness, and nothing else', async () => {
    const [used, idle, dying, unused] = await Promise.all([grant(600), grant(600), grant(600), grant(600)]);
    await change(used.tokenId, { created_at: past('1 hour'), last_used_at: past('1 day') });
    await change(idle.tokenId, { created_at: past('31 days') });
    await change(dying.tokenId, { created_at: past('20 days'), refresh_expires_at: soon('2 days') });
    await change(unused.tokenId, { created_at: past('20 days') });
    await until(async () => Number((await vault.row(unused.tokenId))['refresh_due_at']) > Date.now());
    for (const { tokenId } of [used, idle, dying]) await until(async () => (await generation(tokenId)) === 1);
    expect(await generation(unused.tokenId)).toBe(0);
  });

  it('finds due tokens of every organization, also if a few have more than a pass takes', async () => {
    const tenants = await Promise.all([vault.newTenant(), vault.newTenant(), vault.newTenant()]);
    const { ciphertext, key } = vault.keyRing.seal('x');
    const unseen = await vault.db.transaction(); // by the background pass of the vault
    for (const { organizationId, workspaceId } of tenants) {
      await unseen.raw(
        `INSERT INTO oauth_tokens (organization_id, id, user_id, provider_id, workspace_id, scopes, access_token,
           access_token_key, refresh_token, refresh_token_key, refresh_due_at)
         SELECT :organizationId, gen_random_uuid(), 'alice', 'slack', :workspaceId, '{}', :ciphertext, :key, :ciphertext,
           :key, now()
         FROM generate_series(1, 3)`,
        { organizationId, workspaceId, ciphertext, key },
      );
    }
    const found = new Set<string>();
    for (let pass = 0; pass < 30; pass++) {
      for (const { organizationId } of await refreshStates(unseen).due(2, 1)) found.add(organizationId);
    }
    await unseen.rollback();
    const ids = tenants.map(({ organizationId }) => organizationId);
    expect([...found].filter((id) => ids.includes(id)).sort()).toEqual([...ids].sort());
  });

  it('refreshes an orphan', async () => {
    const { tokenId } = await grant(600);
    const attempt = '00000000-0000-4000-8000-000000000000';
    await change(tokenId, { refresh_attempt: attempt, lease_until: past('1 second') });
    await until(async () => (await generation(tokenId)) === 1);
    expect(await vault.row(tokenId)).toMatchObject({ refresh_attempt: null, lease_until: null });
  });
});

describe('a rotation of keys under refreshes', () => {
  it('leaves every pair under the new key, and every grant alive', async () => {
    const grants = await Promise.all(Array.from({ length: 40 }, (_, index) => grant(0, `rotating-${index}`)));
    const key = generateKey();
    vault.keyRing.replace([key, FERNET_KEY]);
    /** The refreshes of a provider take turns, and a caller waits a few seconds for one. */
    const untilAnswered = async (apiKey: string) => {
      let answer = await authenticate(apiKey);
      while (answer.status === 503) answer = await authenticate(apiKey);
      return answer;
    };
    const asked = grants.map(({ key: apiKey }) => untilAnswered(apiKey));
    const { unreadable } = await rotate(vault, () => undefined);
    for (const { body } of await Promise.all(asked)) expect(body).toMatchObject({ status: 'completed' });
    await rotate(vault, () => undefined);
    vault.keyRing.replace([key]);
    expect(unreadable).toEqual([]);
    const stored = await Promise.all(grants.map(({ tokenId }) => storedRefreshToken(tokenId)));
    expect(new Set(await server.check(stored))).toEqual(new Set(['current']));
    const versions = await vault.db('token_versions').distinct('access_token_key', 'refresh_token_key');
    expect(versions).toEqual([{ access_token_key: fingerprint(key), refresh_token_key: fingerprint(key) }]);
  });
});

describe('a copy of the database', () => {
  it('serves, and asks no provider until it is adopted', async () => {
    const copied = await startVault();
    try {
      await copied.db('vault_identity').update({ system_identifier: 'of the original' });
      const owner = await copied.newTenant();
      await copied.providers.update(owner.organizationId, 'slack', { tokenUrl: server.tokenUrl }, OPERATOR);
      const [given] = await server.grants(1);
      const token = { provider_id: 'slack', access_token: 'a', expires_in_seconds: 0 };
      await copied.import(owner.apiKey, { ...token, refresh_token: given?.refreshToken });
      const before = await server.stats();
      const json = { provider: 'slack', scopes: [] };
      const { status } = await copied.call('POST', '/v2/auth/authenticate', { key: owner.apiKey, json });
      expect([status, (await server.stats()).requests]).toEqual([503, before.requests]);
      expect([await copied.identity.isOwn(), await copied.identity.adopt()]).toEqual([false, true]);
      expect([await copied.identity.isOwn(), await copied.identity.adopt()]).toEqual([true, false]);
    } finally {
      await copied.close();
    }
  });
});

describe('the counts for an operator', () => {
  it('tell the states of grants, those that will die of idleness, and the oldest lease', async () => {
    const counted = await startVault();
    try {
      const { apiKey } = await counted.newTenant();
      const columns: readonly object[] = [
        {},
        { expires_at: new Date() },
        { dead_at: new Date(), dead_reason: 'invalid_grant' },
        { refresh_attempt: generateUuid(), lease_until: new Date(0) },
        {
          refresh_attempt: generateUuid(),
          lease_until: counted.db.raw("now() + interval '1 hour'"),
          refresh_begun_at: counted.db.raw("now() - interval '1 minute'"),
          refresh_expires_at: counted.db.raw("now() + interval '1 day'"),
        },
      ];
      for (const changed of columns) {
        const token = {
          provider_id: 'slack',
          access_token: 'a',
          refresh_token: 'r',
          expires_in_seconds: 3600,
        };
        const { body } = await counted.import(apiKey, token);
        const later = { refresh_due_at: counted.db.raw("now() + interval '1 day'"), ...changed };
        await counted
          .db('oauth_tokens')
          .where({ id: Object(body).token_id })
          .update(later);
      }
      const { oldestLeaseSeconds, ...counts } = await counted.countGrants();
      expect(counts).toEqual({ states: { alive: 2, expiring: 1, dead: 1, orphaned: 1 }, dying: 1 });
      expect(oldestLeaseSeconds).toBeGreaterThanOrEqual(60);
      expect(await counted.grantStates.troubles()).toMatchObject([
        { providerId: 'slack', state: 'dead', reason: 'invalid_grant', grants: 1 },
        { providerId: 'slack', state: 'orphaned', reason: 'process_died', grants: 1 },
      ]);
    } finally {
      await counted.close();
    }
  });
});
