import { createHmac } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createAddressRules } from '../outbound/addresses.ts';
import { createOutbound } from '../outbound/outbound.ts';
import { createBearerVerifier } from '../security/bearer.ts';
import { IssuerUnavailableError } from '../security/issuer-keys.ts';
import { type Issuer, startIssuer } from './support/issuer.ts';

const ORGANIZATION = '01890000-0000-7000-8000-000000000001';
const claims = { organization_id: ORGANIZATION };

let issuer: Issuer;
let verify: ReturnType<typeof createBearerVerifier>;

const outbound = createOutbound({ rules: createAddressRules([], true) });

const verifier = () =>
  createBearerVerifier(
    {
      issuer: issuer.url,
      audience: 'tokenhold',
      organizationClaim: 'organization_id',
      roleClaim: 'role',
      workspaceClaim: 'workspace_id',
    },
    outbound,
  );

beforeEach(async () => {
  issuer = await startIssuer();
  verify = verifier();
});

afterEach(() => issuer.stop().catch(() => undefined));

const base64url = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

describe('a token of the issuer', () => {
  it.each(['RS256', 'ES256', 'EdDSA'])('holds when it is signed with %s', async (algorithm) => {
    expect(await verify(await issuer.sign(claims, algorithm))).toEqual({
      userId: 'bob',
      organizationId: ORGANIZATION,
      workspaceId: undefined,
      role: 'member',
    });
  });

  it('tells role and workspace', async () => {
    const workspace_id = '01890000-0000-7000-8000-00000000000A';
    expect(await verify(await issuer.sign({ ...claims, role: 'admin', workspace_id }))).toMatchObject({
      role: 'admin',
      workspaceId: workspace_id.toLowerCase(),
    });
  });

  it.each([
    ['is for another audience', { aud: 'other' }],
    ['is of another issuer', { iss: 'https://other.example' }],
    ['has expired', { exp: Math.floor(Date.now() / 1000) - 1 }],
    ['never expires', { exp: undefined }],
    ['is not valid yet', { nbf: Math.floor(Date.now() / 1000) + 60 }],
    ['has no subject', { sub: undefined }],
    ['has an empty subject', { sub: '' }],
    ['has a subject of 256 characters', { sub: 'x'.repeat(256) }],
    ['has a null character in its subject', { sub: 'a\0' }],
    ['names no organization', { organization_id: undefined }],
    ['names an organization by something else than a UUID', { organization_id: 'acme' }],
    ['names a workspace by something else than a UUID', { workspace_id: 5 }],
    ['has an unknown role', { role: 'owner' }],
    ['has several roles', { role: ['admin'] }],
  ])('does not hold when it %s', async (_, wrong) => {
    expect(await verify(await issuer.sign({ ...claims, ...wrong }))).toBeUndefined();
  });

  it('does not hold when its signature is of other bytes', async () => {
    const [header, , signature] = (await issuer.sign(claims)).split('.');
    const forged = base64url({
      iss: issuer.url,
      aud: 'tokenhold',
      sub: 'eve',
      exp: 9_999_999_999,
      ...claims,
    });
    expect(await verify(`${header}.${forged}.${signature}`)).toBeUndefined();
  });
});

describe('a token that nobody asymmetric signed', () => {
  const payload = () =>
    base64url({ iss: issuer.url, aud: 'tokenhold', sub: 'eve', exp: 9_999_999_999, ...claims });

  it('does not hold without a signature (alg none)', async () => {
    expect(await verify(`${base64url({ alg: 'none' })}.${payload()}.`)).toBeUndefined();
  });

  it('does not hold when the public key served as an HMAC secret', async () => {
    const signed = `${base64url({ alg: 'HS256' })}.${payload()}`;
    const signature = createHmac('sha256', await issuer.publicKey())
      .update(signed)
      .digest('base64url');
    expect(await verify(`${signed}.${signature}`)).toBeUndefined();
  });

  it.each(['', 'x', 'a.b.c', 'a.b.c.d.e', `${base64url({ alg: 'HS256' })}.e30.x`])(
    'is refused without asking the issuer: %p',
    async (token) => {
      expect(await verify(token)).toBeUndefined();
      expect(issuer.requests).toEqual([]);
    },
  );
});

describe('the issuer', () => {
  it('is asked once, also by many tokens at once', async () => {
    const token = await issuer.sign(claims);
    await Promise.all(Array.from({ length: 20 }, () => verify(token)));
    await verify(token);
    expect(issuer.requests).toEqual(['/.well-known/openid-configuration', '/keys']);
  });

  it('is an outage while it is down at first use, and no longer once it is up', async () => {
    const token = await issuer.sign(claims);
    await issuer.stop();
    await expect(verify(token)).rejects.toThrow(IssuerUnavailableError);
    await issuer.start();
    expect(await verify(token)).toMatchObject({ userId: 'bob' });
  });

  it('may be down once its keys are known', async () => {
    const token = await issuer.sign(claims);
    await verify(token);
    await issuer.stop();
    expect(await verify(token)).toMatchObject({ userId: 'bob' });
  });

  it('may rotate its keys, also just after they were fetched', async () => {
    await verify(await issuer.sign(claims));
    issuer.rotate();
    expect(await verify(await issuer.sign(claims))).toMatchObject({ userId: 'bob' });
  });

  it('is asked once a second for invented keys, and they do not use up what a rotated key needs', async () => {
    const [, payload, signature] = (await issuer.sign(claims)).split('.');
    const invented = Array.from({ length: 300 }, (_, index) =>
      verify(`${base64url({ alg: 'RS256', kid: `invented-${index}` })}.${payload}.${signature}`),
    );
    issuer.rotate();
    expect(await verify(await issuer.sign(claims))).toMatchObject({ userId: 'bob' });
    expect(new Set(await Promise.all(invented))).toEqual(new Set([undefined]));
    expect(issuer.requests.filter((path) => path === '/keys').length).toBeLessThanOrEqual(3);
  });

  it.each(['discovery', 'keys'] as const)(
    'is an outage when its %s are larger than 256 KiB',
    async (name) => {
      const token = await issuer.sign(claims);
      const padding = 'x'.repeat(262_144);
      issuer.answers = { [name]: { issuer: issuer.url, jwks_uri: `${issuer.url}/keys`, keys: [], padding } };
      await expect(verify(token)).rejects.toThrow(IssuerUnavailableError);
      issuer.answers = {};
      expect(await verify(token)).toMatchObject({ userId: 'bob' });
    },
  );

  it('is an outage when its address is not allowed', async () => {
    const token = await issuer.sign(claims);
    const strict = createOutbound({ rules: createAddressRules([], false) });
    const options = { issuer: issuer.url, audience: 'tokenhold' };
    const claimNames = {
      organizationClaim: 'organization_id',
      roleClaim: 'role',
      workspaceClaim: 'workspace_id',
    };
    const refusing = createBearerVerifier({ ...options, ...claimNames }, strict);
    await expect(refusing(token)).rejects.toThrow(IssuerUnavailableError);
    expect(issuer.requests).toEqual([]);
  });

  it('does not get tokens accepted that other keys signed', async () => {
    const stale = await issuer.sign(claims);
    issuer.rotate();
    expect(await verify(stale)).toBeUndefined();
  });

  it.each([
    ['answers 500', { status: 500 }],
    ['redirects', { status: 302, location: 'https://elsewhere.example/' }],
    [
      'states another issuer',
      { discovery: { issuer: 'https://other.example', jwks_uri: 'https://other.example/keys' } },
    ],
    ['gives no key set', { keys: { nothing: 1 } }],
  ])('is an outage when it %s', async (_, answers) => {
    const token = await issuer.sign(claims);
    issuer.answers = answers;
    await expect(verify(token)).rejects.toThrow(IssuerUnavailableError);
  });

  it('is an outage when its keys are on plain http elsewhere', async () => {
    issuer.answers = { discovery: { issuer: issuer.url, jwks_uri: 'http://keys.example/keys' } };
    await expect(verify(await issuer.sign(claims))).rejects.toThrow(IssuerUnavailableError);
  });
});
