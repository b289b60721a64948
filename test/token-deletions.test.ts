/** Deletions of tokens: they are out of use at once, and revoked at their providers. */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Knex } from 'knex';
import { generateKey } from '../crypto/fernet.ts';
import { revocationRepository } from '../db/revocations.ts';
import { createCatalogue } from '../oauth/catalogue/catalogue.ts';
import { createRevoker } from '../vault/revoke.ts';
import { type AuthorizationServer, startAuthorizationServer } from './support/authorization-server.ts';
import { type HostileServer, startHostileServer } from './support/hostile-authorization-server.ts';
import { person } from './support/person.ts';
import { tokenhold } from './support/process.ts';
import { startVault, type Tenant, type TestVault } from './support/vault.ts';

const TOKENS = '/v2/auth/tokens';
const FERNET_KEYS = generateKey();

let vault: TestVault;
let hostile: HostileServer;
let tenant: Tenant;

beforeAll(async () => {
  [vault, hostile] = await Promise.all([startVault({ FERNET_KEYS }), startHostileServer()]);
});

beforeEach(async () => {
  tenant = await vault.newTenant();
});

afterAll(async () => {
  await Promise.all([vault.close(), hostile.stop()]);
});

const call = (method: string, path: string, key = tenant.apiKey) => vault.call(method, path, { key });

/** A provider that answers revocations in this mode; undefined: it has no revocation endpoint. */
async function newProvider(providerId: string, mode?: string, type: string | null = null): Promise<void> {
  const { organizationId } = tenant;
  await vault.newProvider(organizationId, providerId);
  await vault
    .db('oauth_providers')
    .where({ organization_id: organizationId, provider_id: providerId })
    .update({
      revocation_endpoint: mode === undefined ? null : hostile.tokenUrl(mode),
      client_secret: vault.keyRing.seal('client secret').ciphertext,
      client_secret_key: vault.keyRing.fingerprints()[0] ?? '',
      provider_type: type,
    });
}

async function give(providerId: string, key = tenant.apiKey, token: object = {}): Promise<string> {
  const json = { provider_id: providerId, access_token: 'access', refresh_token: 'refresh', ...token };
  return String(Object((await vault.import(key, json)).body).token_id);
}

/** The audit trail of a token's end. */
const trail = (tokenId: string): Promise<unknown[]> =>
  vault
    .db('audit_records')
    .where({ object_id: tokenId })
    .whereIn('action', ['token.delete', 'token.revoke'])
    .orderBy('id')
    .select('action', 'outcome', 'user_id');

const ended = (outcome: string, user_id = 'alice') => [
  { action: 'token.delete', outcome: 'pending', user_id },
  { action: 'token.revoke', outcome, user_id },
];

/** Works off all that the organization owes. A sweep may have claimed the token before, and ends it a little later. */
async function workOff(tokenId: string): Promise<void> {
  await call('DELETE', '/v2/auth/providers/slack');
  while ((await trail(tokenId)).length < 2) await delay(20);
}

const owed = () => vault.db('revocations').where({ organization_id: tenant.organizationId });

describe('DELETE of a token', () => {
  it('ends its use, and its provider is told with the refresh token and the credentials of the client', async () => {
    await newProvider('example', 'empty');
    const id = await give('example', tenant.apiKey, { access_token: 'a-1', refresh_token: 'r-1' });
    expect(await call('DELETE', `${TOKENS}/${id}`)).toMatchObject({ status: 204, text: '' });
    expect((await call('GET', TOKENS)).body).toEqual([]);
    expect(hostile.tokenRequests.at(-1)?.parameters).toEqual({
      token: 'r-1',
      token_type_hint: 'refresh_token',
      client_id: 'client',
      client_secret: 'client secret',
    });
    expect(await trail(id)).toEqual(ended('revoked'));
    expect(await owed()).toEqual([]);
  });

  it.each([
    ['another user of the organization', () => vault.newKey(tenant, { userId: 'mallory', role: 'admin' })],
    ['a user of another organization', async () => (await vault.newTenant()).apiKey],
  ])('is the 404 of an unknown token for %s', async (_, newKey) => {
    const id = await give('slack');
    const key = await newKey();
    const [foreign, unknown, malformed] = await Promise.all(
      [id, '01890000-0000-7000-8000-000000000001', 'x'].map((one) => call('DELETE', `${TOKENS}/${one}`, key)),
    );
    expect(foreign).toMatchObject({ status: 404, body: { detail: 'OAuth token not found' } });
    for (const other of [unknown, malformed]) expect(other?.text).toBe(foreign?.text);
    expect(await vault.row(id)).toMatchObject({ id });
  });

  it('may be the deletion of the default, and the next import is the default again', async () => {
    const id = await give('slack');
    expect((await call('DELETE', `${TOKENS}/${id}`)).status).toBe(204);
    expect((await call('DELETE', `${TOKENS}/${id}`)).status).toBe(404);
    const next = await give('slack');
    expect((await call('GET', TOKENS)).body).toMatchObject([{ id: next, is_default: true }]);
  });

  it('acts for the user that a back end names', async () => {
    const bob = await vault.newKey(tenant, { userId: 'bob' });
    const id = await give('slack', bob);
    const key = await vault.newKey(tenant, { userId: 'back end', actsFor: 'organization' });
    const path = `${TOKENS}/${id}`;
    expect((await call('DELETE', path, key)).status).toBe(404);
    expect((await vault.call('DELETE', path, { key, headers: { 'X-User-Id': 'bob' } })).status).toBe(204);
  });

  it('takes the pairs along that came late, unless the provider has refused them', async () => {
    await newProvider('example', 'empty');
    const id = await give('example');
    const version = (refreshToken: string, columns: object) => {
      const { ciphertext, key } = vault.keyRing.seal(refreshToken);
      return {
        ...{ organization_id: tenant.organizationId, id: randomUUID(), token_id: id },
        ...{ grant_number: 0, generation: 1, is_candidate: true, refused_at: null },
        ...{
          access_token: ciphertext,
          access_token_key: key,
          refresh_token: ciphertext,
          refresh_token_key: key,
        },
        ...columns,
      };
    };
    await vault
      .db('token_versions')
      .insert([
        version('late', {}),
        version('refused', { refused_at: new Date() }),
        version('redeemed', { is_candidate: false }),
      ]);
    expect((await call('DELETE', `${TOKENS}/${id}`)).status).toBe(204);
    await call('DELETE', '/v2/auth/providers/slack'); // works off all that the organization owes
    const asked = hostile.tokenRequests.slice(-2).map(({ parameters }) => parameters['token']);
    expect(asked).toEqual(['refresh', 'late']);
    expect(await trail(id)).toEqual([...ended('revoked'), ...ended('revoked').slice(1)]);
    expect(await vault.db('token_versions').where({ token_id: id })).toEqual([]);
  });

  it('is one token among many requests for the same', async () => {
    const id = await give('slack');
    const answers = await Promise.all(Array.from({ length: 8 }, () => call('DELETE', `${TOKENS}/${id}`)));
    expect(answers.map(({ status }) => status).sort()).toEqual([204, ...Array(7).fill(404)]);
  });
});

describe('what the audit trail says', () => {
  it.each([
    ['revoked', 'no-content'],
    ['revoked', 'invalid-token'],
    ['failed', 'unknown-error'],
    ['unsupported', undefined],
  ])('is %s after the answer %s', async (outcome, mode) => {
    await newProvider('example', mode);
    const id = await give('example');
    await call('DELETE', `${TOKENS}/${id}`);
    expect(await trail(id)).toEqual(ended(outcome));
    expect(await owed()).toEqual([]);
  });

  it.each(['unavailable', 'reset', 'invalid-client', 'rate-limited', 'huge'])(
    'is pending while there will be another attempt: %s',
    async (mode) => {
      await newProvider('example', mode);
      const id = await give('example');
      expect((await call('DELETE', `${TOKENS}/${id}`)).status).toBe(204);
      expect(await trail(id)).toEqual(ended('').slice(0, 1));
      const [row] = await owed();
      expect(row).toMatchObject({ id, attempts: 1, problem: expect.any(String) });
      expect(row.next_attempt_at.getTime()).toBeGreaterThan(Date.now() + 5_000);
    },
  );

  it('is failed, once a day has passed, and no secret is left', async () => {
    await newProvider('example', 'unavailable');
    const id = await give('example');
    await call('DELETE', `${TOKENS}/${id}`);
    await owed().update({ created_at: new Date(Date.now() - 86_500_000), next_attempt_at: new Date(0) });
    await workOff(id);
    expect(await trail(id)).toEqual(ended('failed'));
    expect(await owed()).toEqual([]);
  });

  it('is revoked after an attempt that succeeds later', async () => {
    await newProvider('example', 'unavailable');
    const id = await give('example');
    await call('DELETE', `${TOKENS}/${id}`);
    await owed().update({ revocation_endpoint: hostile.tokenUrl('empty'), next_attempt_at: new Date(0) });
    await workOff(id);
    expect(await trail(id)).toEqual(ended('revoked'));
  });

  it('is failed for an endpoint at an address that is not allowed', async () => {
    await newProvider('example', 'empty');
    const id = await give('example');
    await vault
      .db('oauth_providers')
      .where({ organization_id: tenant.organizationId, provider_id: 'example' })
      .update({ revocation_endpoint: 'https://169.254.169.254/revoke' });
    await call('DELETE', `${TOKENS}/${id}`);
    expect(await trail(id)).toEqual(ended('failed'));
  });
});

/** Puts this many revocations of the organization into the outbox. */
async function owe(db: Knex, organizationId: string, count: number, dueSince = '0 s'): Promise<void> {
  const { ciphertext, key } = vault.keyRing.seal('x');
  await db.raw(
    `INSERT INTO revocations (organization_id, id, provider_id, access_token, access_token_key, client_id, auth_url,
       token_url, token_endpoint_auth_method, user_id, credential, next_attempt_at)
     SELECT :organizationId, gen_random_uuid(), 'example', :ciphertext, :key, 'client', 'https://provider.example/a',
       'https://provider.example/token', 'none', 'alice', 'test', now() - :dueSince::interval
     FROM generate_series(1, :count)`,
    { organizationId, ciphertext, key, count, dueSince },
  );
}

describe('revocations that are left', () => {
  it('are taken from each organization in turn, also from one that is deleted', async () => {
    const unseen = await vault.db.transaction(); // by the sweep of the vault
    const ids = [randomUUID(), randomUUID(), randomUUID()];
    for (const id of ids.slice(1)) await owe(unseen, id, 100, '2 minutes');
    await owe(unseen, ids[0] ?? '', 1, '1 minute');
    const claimed = await revocationRepository(unseen).claim({}, 11);
    await unseen.rollback();
    const counts = ids.map((id) => claimed.filter(({ organizationId }) => organizationId === id).length);
    expect(counts).toEqual([1, 5, 5]);
  });

  it('of a provider without revocation end in large steps', async () => {
    await owe(vault.db, tenant.organizationId, 1_700);
    let claims = 0;
    const claim: typeof vault.revocations.claim = (...given) => {
      claims += 1;
      return vault.revocations.claim(...given);
    };
    const outcomes: string[] = [];
    const revoker = createRevoker({
      revocations: { ...vault.revocations, claim },
      ...{ open: vault.keyRing.open, catalogue: createCatalogue(), mayRevoke: async () => true },
      ask: () => Promise.reject(new Error('nobody can be asked')),
      observe: ({ outcome }) => void outcomes.push(outcome),
    });
    await revoker.settle({ organizationId: tenant.organizationId }, 20_000);
    expect(outcomes).toEqual(Array(1_700).fill('unsupported'));
    expect(claims).toBe(2);
    const records = await vault
      .db('audit_records')
      .where({ organization_id: tenant.organizationId, action: 'token.revoke', outcome: 'unsupported' });
    expect(new Set(records.map(({ object_id }) => object_id)).size).toBe(1_700);
  });
});

describe('a provider that does not answer', () => {
  it('holds the answer for three seconds; the token is out of use, and what is owed is sealed and listed', async () => {
    await newProvider('example', 'silent');
    const id = await give('example', tenant.apiKey, { access_token: 'a-silent', refresh_token: 'r-silent' });
    const begun = performance.now();
    expect((await call('DELETE', `${TOKENS}/${id}`)).status).toBe(204);
    expect(performance.now() - begun).toBeLessThan(5_000);
    expect((await call('GET', `${TOKENS}/exists?provider_id=example`)).body).toEqual({ has_token: false });
    const [row] = await owed();
    expect(JSON.stringify(row)).not.toMatch(/a-silent|r-silent|client secret/);
    expect(vault.keyRing.open(row.refresh_token)).toBe('r-silent');
    const { stdout } = await tokenhold(
      ['revocation', 'list', '--organization', tenant.organizationId, '--json'],
      { DATABASE_URL: vault.connectionString, FERNET_KEYS },
    );
    expect(JSON.parse(stdout)).toMatchObject([{ token_id: id, provider_id: 'example', deleted_by: 'alice' }]);
  });
});

describe('tokenhold token delete', () => {
  it("ends the use of any user's token, and the running service has it revoked", async () => {
    await newProvider('example', 'empty');
    const id = await give('example', await vault.newKey(tenant, { userId: 'bob' }), {
      refresh_token: 'r-bob',
    });
    const remove = (organization: string) =>
      tokenhold(['token', 'delete', '--organization', organization, '--token-id', id, '--json'], {
        DATABASE_URL: vault.connectionString,
        FERNET_KEYS,
      });
    expect((await remove((await vault.newTenant()).organizationId)).status).toBe(1);
    const { status, stdout } = await remove(tenant.organizationId);
    expect([status, JSON.parse(stdout)]).toEqual([0, { token_id: id }]);
    expect((await call('GET', `${TOKENS}/exists?provider_id=example`)).body).toEqual({ has_token: false });
    await workOff(id);
    expect(hostile.tokenRequests.at(-1)?.parameters).toMatchObject({ token: 'r-bob' });
    expect(await trail(id)).toMatchObject([
      { action: 'token.delete', outcome: 'pending' },
      { action: 'token.revoke', outcome: 'revoked' },
    ]);
    expect(await remove(tenant.organizationId)).toMatchObject({ status: 1, stdout: '' });
  });
});

describe('DELETE of the tokens of a provider', () => {
  it("deletes the caller's tokens of this provider only, and tells how many there were", async () => {
    await newProvider('example', 'empty');
    const bob = await vault.newKey(tenant, { userId: 'bob' });
    const mine = [await give('example'), await give('example')];
    const [other, foreign] = [await give('slack'), await give('example', bob)];
    const path = `${TOKENS}?provider_id=example`;
    const answer = { message: expect.any(String), provider_id: 'example' };
    expect(await call('DELETE', path)).toMatchObject({ status: 200, body: { ...answer, deleted: 2 } });
    expect(await call('DELETE', path)).toMatchObject({ status: 200, body: { ...answer, deleted: 0 } });
    for (const id of mine) expect(await trail(id)).toEqual(ended('revoked'));
    for (const id of [other, foreign]) expect(await vault.row(id)).toMatchObject({ id });
  });

  it('is 404 for an unknown provider, and 422 without one', async () => {
    const unknown = await call('DELETE', `${TOKENS}?provider_id=unknown`);
    expect(unknown).toMatchObject({ status: 404, body: { detail: 'OAuth provider not found' } });
    expect((await call('DELETE', TOKENS)).status).toBe(422);
  });
});

describe('DELETE of the Slack tokens of a workspace', () => {
  const path = `${TOKENS}/workspace/slack`;

  it('deletes those of all users, for providers of this type, in this workspace', async () => {
    await newProvider('slack-prod', 'token-revoked', 'slack');
    const bob = await vault.newKey(tenant, { userId: 'bob' });
    const gone = [await give('slack-prod'), await give('slack-prod', bob)];
    const kept = await give('slack', bob);
    const { organizationId } = tenant;
    const elsewhere = await vault.workspaces.create(organizationId, 'elsewhere');
    const key = await vault.newKey(
      { ...tenant, workspaceId: elsewhere?.workspaceId ?? '' },
      { userId: 'eve' },
    );
    const there = await give('slack-prod', key);
    expect(await call('DELETE', path)).toMatchObject({
      status: 200,
      body: { message: expect.any(String), deleted: 2 },
    });
    for (const id of gone) expect(await trail(id)).toEqual(ended('revoked'));
    for (const id of [kept, there]) expect(await vault.row(id)).toMatchObject({ id });
  });

  it('is for admins', async () => {
    expect((await call('DELETE', path, await vault.newKey(tenant))).status).toBe(403);
  });

  it('goes in steps where they are very many', async () => {
    await newProvider('slack-prod', undefined, 'slack');
    const { organizationId, workspaceId } = tenant;
    const { ciphertext, key } = vault.keyRing.seal('x');
    await vault.db.raw(
      `INSERT INTO oauth_tokens (organization_id, id, user_id, provider_id, workspace_id, access_token, access_token_key, scopes)
       SELECT :organizationId, gen_random_uuid(), 'user ' || number % 7, 'slack-prod', :workspaceId, :ciphertext, :key, '{}'
       FROM generate_series(1, 1700) AS number`,
      { organizationId, workspaceId, ciphertext, key },
    );
    expect((await call('DELETE', path)).body).toMatchObject({ deleted: 1_700 });
    const records = await vault
      .db('audit_records')
      .where({ organization_id: organizationId, action: 'token.delete' });
    expect(new Set(records.map(({ object_id }) => object_id)).size).toBe(1_700);
  });
});

describe('DELETE of a provider', () => {
  it('revokes its tokens in the same way, and says so', async () => {
    await newProvider('example', 'empty');
    const ids = [await give('example'), await give('example', await vault.newKey(tenant, { userId: 'bob' }))];
    const answer = await call('DELETE', '/v2/auth/providers/example');
    expect(answer).toMatchObject({
      status: 200,
      body: { message: 'OAuth provider deleted', provider_id: 'example' },
    });
    for (const id of ids) expect(await trail(id)).toEqual(ended('revoked'));
  });
});

describe('at a real authorization server', () => {
  let server: AuthorizationServer;
  beforeAll(async () => {
    server = await startAuthorizationServer({ redirectUris: [`${vault.url}/v2/auth/callback/real`] });
  });
  afterAll(() => server.stop());

  it('neither the access token nor the grant is alive afterwards', async () => {
    await vault.call('POST', '/v2/auth/providers', {
      key: tenant.apiKey,
      json: {
        provider_id: 'real',
        name: 'Real',
        client_id: server.client.clientId,
        client_secret: server.client.clientSecret,
        auth_url: server.authUrl,
        token_url: server.tokenUrl,
      },
    });
    await vault
      .db('oauth_providers')
      .where({ organization_id: tenant.organizationId, provider_id: 'real' })
      .update({ revocation_endpoint: server.revocationUrl });
    const json = { provider: 'real', scopes: ['openid', 'offline_access'] };
    const authenticate = async () =>
      Object((await vault.call('POST', '/v2/auth/authenticate', { key: tenant.apiKey, json })).body);
    const alice = person();
    const { next } = await alice.press((await authenticate()).url);
    await alice.go(await server.consent(next));
    const { token } = await authenticate();
    expect(await server.introspect(token)).toMatchObject({ active: true });
    expect((await call('DELETE', `${TOKENS}?provider_id=real`)).body).toMatchObject({ deleted: 1 });
    expect(await server.introspect(token)).toEqual({ active: false });
    expect(await authenticate()).toMatchObject({ status: 'pending' });
  });
});
