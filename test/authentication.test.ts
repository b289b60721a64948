import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { OPERATOR } from '../db/audit.ts';
import { type Issuer, startIssuer } from './support/issuer.ts';
import { raw, request, statuses } from './support/raw.ts';
import { IMPORT, startVault, type Tenant, type TestVault } from './support/vault.ts';

let issuer: Issuer;
let vault: TestVault;
let withoutIssuer: TestVault;
let tenant: Tenant;

beforeAll(async () => {
  issuer = await startIssuer();
  vault = await startVault({ OIDC_ISSUER: issuer.url, OIDC_AUDIENCE: 'tokenhold' });
  withoutIssuer = await startVault();
  tenant = await vault.newTenant();
});

afterAll(async () => {
  await Promise.all([vault.close(), withoutIssuer.close()]);
  await issuer.stop();
});

const json = { provider_id: 'slack', access_token: 'x' };
const importWith = (headers: Readonly<Record<string, string>>, to = vault) =>
  to.call('POST', IMPORT, { headers, json });

async function refused(headers: Readonly<Record<string, string>>, to = vault) {
  const { status, body, headers: answered } = await importWith(headers, to);
  return { status, body, challenge: answered.get('www-authenticate') };
}

const unauthenticated = (detail: string, challenge: string) => ({ status: 401, body: { detail }, challenge });
const NONE = 'Not authenticated';
const INVALID = 'Invalid authentication credentials';
const BAD_TOKEN = 'APIKey, Bearer error="invalid_token"';

const bearer = async (claims: Readonly<Record<string, unknown>> = {}) =>
  `Bearer ${await issuer.sign({ sub: 'bob', aud: 'tokenhold', organization_id: tenant.organizationId, ...claims })}`;

describe('nobody', () => {
  it('gets 401 and the challenges', async () => {
    expect(await refused({})).toEqual(unauthenticated(NONE, 'APIKey, Bearer'));
    expect(await refused({}, withoutIssuer)).toEqual(unauthenticated(NONE, 'APIKey'));
  });

  it('gets 401 with a tenant id alone, which proves nothing', async () => {
    expect(await refused({ 'X-Tenant-Id': tenant.workspaceId })).toEqual(
      unauthenticated(NONE, 'APIKey, Bearer'),
    );
  });

  it('gets 401 whatever the body is', async () => {
    expect(await vault.call('POST', IMPORT, { body: '{broken' })).toMatchObject({ status: 401 });
  });
});

describe('an API key', () => {
  it('is accepted', async () => {
    expect(await importWith({ 'x-api-key': tenant.apiKey })).toMatchObject({ status: 200 });
  });

  it.each(['', 'thk_', `thk_AAAAAA_${'A'.repeat(43)}`, 'é', `thk_AAAAAA_${'A'.repeat(42)}=`])(
    'is refused when it is unknown or malformed',
    async (key) => {
      expect(await refused({ 'X-Api-Key': key })).toEqual(unauthenticated(INVALID, 'APIKey, Bearer'));
    },
  );

  it('is its owner’s, however many others come at the same time', async () => {
    const owners = Array.from({ length: 20 }, (_, index) => `owner-${index}`);
    const keys = await Promise.all(owners.map((userId) => vault.newKey(tenant, { userId })));
    const unknown = refused({ 'X-Api-Key': `thk_AAAAAA_${'B'.repeat(43)}` });
    const answers = await Promise.all(keys.map((key) => vault.import(key, json)));
    const users = await Promise.all(
      answers.map(async ({ text }) => (await vault.row(JSON.parse(text).token_id))['user_id']),
    );
    expect(users).toEqual(owners);
    expect(await unknown).toMatchObject({ status: 401 });
  });

  it('is accepted while somebody else holds its row', async () => {
    const key = await vault.newKey(tenant);
    const locker = vault.outside();
    const lock = await locker.transaction();
    await lock('api_keys')
      .where({ api_key_id: key.slice(4, 10) })
      .forUpdate();
    const answer = await importWith({ 'X-Api-Key': key });
    await lock.rollback();
    await locker.destroy();
    expect(answer).toMatchObject({ status: 200 });
  });

  it('is refused once it is revoked', async () => {
    const key = await vault.newKey(tenant);
    await vault.apiKeys.revoke(tenant.organizationId, key.slice(4, 10), OPERATOR);
    expect(await refused({ 'X-Api-Key': key })).toEqual(unauthenticated(INVALID, 'APIKey, Bearer'));
  });

  it('is refused once it has expired', async () => {
    const key = await vault.newKey(tenant, { expiresInSeconds: 0 });
    expect(await refused({ 'X-Api-Key': key })).toEqual(unauthenticated(INVALID, 'APIKey, Bearer'));
  });

  it.each([
    ['revoked', undefined],
    ['expired', 1],
  ])('that is in constant use is refused soon after it is %s', async (_, expiresInSeconds) => {
    const key = await vault.newKey(tenant, { ...(expiresInSeconds && { expiresInSeconds }) });
    const use = async () => (await vault.import(key, { provider_id: 'slack', access_token: 'x' })).status;
    expect(await use()).toBe(200);
    if (expiresInSeconds === undefined)
      await vault.apiKeys.revoke(tenant.organizationId, key.slice(4, 10), OPERATOR);
    let status = 200;
    while (status === 200) status = await use(); // within the five seconds that a test may take
    expect(status).toBe(401);
  });

  it('is stored as its SHA-256 only', async () => {
    const rows = await vault.db('api_keys').select();
    expect(JSON.stringify(rows)).not.toContain(tenant.apiKey.slice(11));
  });
});

describe('a bearer token', () => {
  it.each(['Bearer', 'bearer', 'BEARER'])(
    'is accepted after %s, and its subject is the user',
    async (scheme) => {
      const { status, text } = await importWith({
        Authorization: (await bearer()).replace('Bearer', scheme),
      });
      expect(status).toBe(200);
      expect(await vault.row(JSON.parse(text).token_id)).toMatchObject({
        user_id: 'bob',
        organization_id: tenant.organizationId,
        workspace_id: tenant.workspaceId,
      });
    },
  );

  it.each([
    ['for another audience', { aud: 'other' }],
    ['expired', { exp: 1 }],
    ['without an organization', { organization_id: undefined }],
    ['of an unknown organization', { organization_id: '01890000-0000-7000-8000-000000000000' }],
    ['with an unknown role', { role: 'owner' }],
    ['of an unknown workspace', { workspace_id: '01890000-0000-7000-8000-000000000000' }],
  ])('is refused when it is %s', async (_, claims) => {
    expect(await refused({ Authorization: await bearer(claims) })).toEqual(
      unauthenticated(INVALID, BAD_TOKEN),
    );
  });

  it.each(['Bearer', 'Basic dXNlcjpwYXNz', 'Bearer a b', ''])(
    'is refused when the header is malformed: %p',
    async (authorization) => {
      expect(await refused({ Authorization: authorization })).toEqual(
        unauthenticated(INVALID, 'APIKey, Bearer'),
      );
    },
  );

  it('is refused where no issuer is configured', async () => {
    expect(await refused({ Authorization: await bearer() }, withoutIssuer)).toEqual(
      unauthenticated(INVALID, 'APIKey'),
    );
  });
});

describe('both credentials at once', () => {
  it('act as the bearer, with both in the audit record', async () => {
    const { text } = await importWith({ Authorization: await bearer(), 'X-Api-Key': tenant.apiKey });
    const { token_id } = JSON.parse(text);
    expect(await vault.db('audit_records').where({ object_id: token_id })).toMatchObject([
      { user_id: 'bob', credential: `api-key:${tenant.apiKey.slice(4, 10)} bearer` },
    ]);
  });

  it('are refused when one does not hold', async () => {
    const wrongKey = `thk_AAAAAA_${'A'.repeat(43)}`;
    expect(await refused({ Authorization: await bearer(), 'X-Api-Key': wrongKey })).toMatchObject({
      status: 401,
    });
    expect(await refused({ Authorization: 'Bearer a.b.c', 'X-Api-Key': tenant.apiKey })).toMatchObject({
      status: 401,
    });
  });

  it('are refused when they are of two organizations', async () => {
    const other = await vault.newTenant();
    expect(await refused({ Authorization: await bearer(), 'X-Api-Key': other.apiKey })).toEqual(
      unauthenticated(INVALID, 'APIKey, Bearer'),
    );
  });
});

describe('the tenant header', () => {
  it("selects a workspace of the caller's organization", async () => {
    const workspace = await vault.workspaces.create(tenant.organizationId, 'second');
    const { text } = await importWith({
      'X-Api-Key': tenant.apiKey,
      'X-Tenant-Id': workspace?.workspaceId ?? '',
    });
    expect(await vault.row(JSON.parse(text).token_id)).toMatchObject({
      workspace_id: workspace?.workspaceId,
    });
  });

  it.each(['', 'x', '01890000-0000-7000-8000-000000000000', '01890000000070008000000000000000'])(
    'gets 403 when it is %p',
    async (tenantId) => {
      expect(await refused({ 'X-Api-Key': tenant.apiKey, 'X-Tenant-Id': tenantId })).toMatchObject({
        status: 403,
        body: { detail: 'Forbidden' },
      });
    },
  );

  it("gets 403 when it is another organization's", async () => {
    const other = await vault.newTenant();
    expect(await refused({ 'X-Api-Key': tenant.apiKey, 'X-Tenant-Id': other.workspaceId })).toMatchObject({
      status: 403,
    });
  });
});

describe('the user header', () => {
  const userOf = async (headers: Readonly<Record<string, string>>) => {
    const { status, text } = await importWith(headers);
    return status === 200 ? (await vault.row(JSON.parse(text).token_id))['user_id'] : status;
  };
  /** The bytes of UTF-8, as a header field carries them. */
  const bytes = (text: string) => Buffer.from(text).toString('latin1');
  let platform: string;

  beforeAll(async () => {
    const { organizationId, workspaceId } = tenant;
    const owner = { organizationId, workspaceId, userId: 'platform', role: 'member' } as const;
    platform = (
      await vault.apiKeys.create({ ...owner, expiresInSeconds: null, actsFor: 'organization' }, OPERATOR)
    ).apiKey;
  });

  it('names the user that a key for its organization acts for', async () => {
    expect(await userOf({ 'X-Api-Key': platform })).toBe('platform');
    expect(await userOf({ 'X-Api-Key': platform, 'X-User-Id': 'carol' })).toBe('carol');
    expect(await userOf({ 'X-Api-Key': platform, 'X-User-Id': bytes('José 😀') })).toBe('José 😀');
  });

  it.each([
    ['empty', ''],
    ['of more than 255 characters', 'x'.repeat(256)],
    ['no UTF-8', '\xff'],
  ])('gets 403 when it is %s', async (_, user) => {
    expect(await userOf({ 'X-Api-Key': platform, 'X-User-Id': user })).toBe(403);
  });

  it('gets 403 when it comes twice', async () => {
    const twice = ['X-User-Id: carol', 'X-User-Id: carol'];
    const sent = request(`POST ${IMPORT}`, [`X-Api-Key: ${platform}`, ...twice], JSON.stringify(json));
    expect(statuses(await raw(vault.port, sent))).toEqual([403]);
  });

  it('may name no other user than the own of any other caller', async () => {
    expect(await userOf({ 'X-Api-Key': tenant.apiKey, 'X-User-Id': 'alice' })).toBe('alice');
    expect(await userOf({ 'X-Api-Key': tenant.apiKey, 'X-User-Id': 'carol' })).toBe(403);
    expect(await userOf({ Authorization: await bearer(), 'X-User-Id': 'bob' })).toBe('bob');
    expect(await userOf({ Authorization: await bearer(), 'X-User-Id': 'carol' })).toBe(403);
    const both = { 'X-Api-Key': platform, Authorization: await bearer() };
    expect(await userOf({ ...both, 'X-User-Id': 'carol' })).toBe(403);
  });
});
