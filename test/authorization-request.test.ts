/** Authorization requests and the callbacks that answer them, against a server that departs from the RFCs. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { authorizationUrl } from '../oauth/authorization-request.ts';
import { readAuthorizationResponse } from '../oauth/authorization-response.ts';
import type { CatalogueEntry } from '../oauth/catalogue-entry.ts';
import { isPkceUsed, type ProviderClient, redirectUri } from '../oauth/provider-settings.ts';
import { exchangeCode } from '../oauth/token-endpoint.ts';
import { createAddressRules } from '../outbound/addresses.ts';
import { createOutbound } from '../outbound/outbound.ts';
import { type HostileServer, startHostileServer } from './support/hostile-authorization-server.ts';

const REDIRECT_URI = redirectUri('https://vault.example', 'slack-prod');
const VERIFIER = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'; // RFC 7636, appendix B
const entryOf = (entry: Partial<CatalogueEntry>): CatalogueEntry => ({
  name: 'x',
  displayName: 'X',
  match: ['provider.example'],
  sources: [],
  ...entry,
});
const provider = (
  entry: Partial<CatalogueEntry> = {},
  given: Partial<ProviderClient> = {},
): ProviderClient => ({
  clientId: 'client',
  clientSecret: 'secret',
  authUrl: 'https://provider.example/authorize',
  tokenUrl: 'https://provider.example/token',
  usesPkce: false,
  tokenEndpointAuthMethod: 'client_secret_post',
  entry: entryOf(entry),
  ...given,
});
const urlOf = (
  entry: Partial<CatalogueEntry> = {},
  given: Partial<ProviderClient> = {},
  scopes = ['a', 'b:c'],
) =>
  authorizationUrl(provider(entry, given), {
    redirectUri: REDIRECT_URI,
    state: 'STATE',
    scopes,
    codeVerifier: VERIFIER,
  });
const parametersOf = (...given: Parameters<typeof urlOf>) =>
  Object.fromEntries(new URL(urlOf(...given)).searchParams);

describe('an authorization request', () => {
  it('is that of RFC 6749 with PKCE by S256', () => {
    expect(parametersOf()).toEqual({
      response_type: 'code',
      client_id: 'client',
      redirect_uri: 'https://vault.example/v2/auth/callback/slack-prod',
      state: 'STATE',
      scope: 'a b:c',
      code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
      code_challenge_method: 'S256',
    });
    expect(urlOf()).toContain('scope=a%20b%3Ac');
  });

  it('keeps the query of the URL, below the parameters of the protocol and above those of the catalogue', () => {
    const authUrl = 'https://provider.example/authorize?tenant=7&state=x&state=y&prompt=none&client_id=z';
    const url = urlOf(
      { extraAuthorizationParameters: { prompt: 'consent', access_type: 'offline' } },
      { authUrl },
    );
    expect(url.match(/\?/g)).toHaveLength(1);
    expect(url.match(/state=/g)).toHaveLength(1);
    expect(Object.fromEntries(new URL(url).searchParams)).toMatchObject({
      tenant: '7',
      state: 'STATE',
      client_id: 'client',
      prompt: 'none',
      access_type: 'offline',
    });
  });

  it.each([
    ['scopes by comma', { scopeSeparator: ',' }, { scope: 'a,b:c' }],
    ['scopes under another name', { scopeParameter: 'user_scope' }, { user_scope: 'a b:c' }],
    ['scopes that every request needs', { extraScopes: ['a', 'offline'] }, { scope: 'a b:c offline' }],
    ['another name for the client', { fieldRenames: { client_id: 'client_key' } }, { client_key: 'client' }],
    ['a response mode', { responseMode: 'query' }, { response_mode: 'query' }],
  ] as const)('has %s where the catalogue says so', (_, entry, parameters) => {
    expect(parametersOf(entry)).toMatchObject(parameters);
  });

  it('leaves out what the catalogue says, and an empty scope', () => {
    const parameters = parametersOf({ removedAuthorizationParameters: ['response_type'] }, {}, []);
    expect(parameters).not.toHaveProperty('response_type');
    expect(parameters).not.toHaveProperty('scope');
  });

  it('names the resource', () => {
    expect(parametersOf({}, { resource: 'https://mcp.example/' })).toMatchObject({
      resource: 'https://mcp.example/',
    });
  });

  it.each([
    ['yes', false, true],
    ['no', true, true],
    ['no', false, false],
  ] as const)(
    'with PKCE %p in the catalogue and uses_pkce %p has a challenge: %p',
    (pkce, usesPkce, isUsed) => {
      expect(isPkceUsed(provider({ pkce }, { usesPkce }))).toBe(isUsed);
    },
  );
});

describe('a callback', () => {
  let server: HostileServer;
  beforeAll(async () => {
    server = await startHostileServer();
  });
  afterAll(() => server.stop());

  /** The parameters with which the server sends the browser back. */
  async function callback(
    mode: string,
    entry: Partial<CatalogueEntry> = {},
    given: Partial<ProviderClient> = {},
  ) {
    const urls = { authUrl: server.authUrl(mode), tokenUrl: server.tokenUrl() };
    const client = provider({ match: [new URL(server.url).host], ...entry }, { ...urls, ...given });
    const asked = { redirectUri: REDIRECT_URI, state: 'STATE', scopes: [], codeVerifier: VERIFIER };
    const answer = await fetch(authorizationUrl(client, asked), { redirect: 'manual' });
    const { searchParams } = new URL(answer.headers.get('location') ?? '');
    return { client, response: readAuthorizationResponse(client, searchParams) };
  }

  it('brings a code that is redeemed once', async () => {
    const { client, response } = await callback('honest');
    if (response.outcome !== 'code') throw new Error(response.outcome);
    const { request } = createOutbound({ rules: createAddressRules([], true) });
    const exchange = { code: response.code, redirectUri: REDIRECT_URI, codeVerifier: VERIFIER };
    expect(await exchangeCode(request, client, exchange)).toMatchObject({ outcome: 'tokens' });
    expect(await exchangeCode(request, client, exchange)).toMatchObject({ outcome: 'refused' });
  });

  it.each(['two-states', 'without-code', 'empty-code', 'two-codes', 'huge-code', 'code-and-error'])(
    'is none of a provider: %s',
    async (mode) => {
      expect((await callback(mode)).response).toEqual({ outcome: 'invalid' });
    },
  );

  it.each([
    ['denied', 'access_denied'],
    ['denied-with-markup', 'other'],
  ])('that is %s is told by a known code', async (mode, error) => {
    expect((await callback(mode)).response).toEqual({ outcome: 'refused', error });
  });

  it('must be of the known issuer, as an identical string', async () => {
    const issuer = server.url;
    expect((await callback('honest', { issuer })).response.outcome).toBe('code');
    expect((await callback('honest', {}, { issuer: `${issuer}/` })).response.outcome).toBe('invalid');
    expect((await callback('another-issuer', { issuer })).response.outcome).toBe('invalid');
    expect((await callback('denied', { issuer: 'https://other.example' })).response.outcome).toBe('invalid');
    expect((await callback('without-issuer', { issuer })).response.outcome).toBe('code');
    expect((await callback('without-issuer', { issuer, sendsIssuer: true })).response.outcome).toBe(
      'invalid',
    );
    expect((await callback('another-issuer')).response.outcome).toBe('code'); // nothing to compare with
  });

  it('may name its parameters otherwise, and carry metadata on the allow-list', async () => {
    const renamed = await callback('renamed-code', { callbackRenames: { spapi_oauth_code: 'code' } });
    expect(renamed.response.outcome).toBe('code');
    expect((await callback('realm', { metadataFromCallback: ['realmId'] })).response).toMatchObject({
      metadata: { realmId: '9130' },
    });
    expect((await callback('realm')).response).toMatchObject({ metadata: {} });
  });

  it('may name the origin of the token endpoint only within the hosts of the catalogue', async () => {
    const entry = { tokenOriginParameter: 'accounts-server' };
    expect((await callback('token-origin', entry)).response).toMatchObject({ tokenOrigin: server.url });
    expect((await callback('token-origin-elsewhere', entry)).response).toEqual({ outcome: 'invalid' });
    expect((await callback('token-origin-elsewhere')).response).not.toHaveProperty('tokenOrigin');
  });
});
