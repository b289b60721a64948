/** Codes and refresh tokens are redeemed at servers that depart from the RFCs as providers do. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { CatalogueEntry } from '../oauth/catalogue-entry.ts';
import type { ProviderClient } from '../oauth/provider-settings.ts';
import { readTokenAnswer } from '../oauth/token-answer.ts';
import {
  exchangeCode,
  type RequestLimits,
  refreshTokens,
  type TokenResult,
} from '../oauth/token-endpoint.ts';
import { classifyRefusal } from '../oauth/token-errors.ts';
import { createAddressRules } from '../outbound/addresses.ts';
import { createOutbound } from '../outbound/outbound.ts';
import { type HostileServer, startHostileServer } from './support/hostile-authorization-server.ts';

let server: HostileServer;
beforeAll(async () => {
  server = await startHostileServer();
});
afterAll(() => server.stop());

const { request } = createOutbound({ rules: createAddressRules([], true) });
const SECRET = 'se/cr+et:~-_.';
const REDIRECT_URI = 'http://127.0.0.1:8124/v2/auth/callback/hostile';

const client = (mode: string, entry: Partial<CatalogueEntry> = {}, given: Partial<ProviderClient> = {}) =>
  ({
    clientId: 'a-client.id',
    clientSecret: SECRET,
    authUrl: server.authUrl(mode),
    tokenUrl: server.tokenUrl(mode),
    usesPkce: true,
    tokenEndpointAuthMethod: 'client_secret_post',
    entry: {
      name: 'hostile',
      displayName: 'Hostile',
      match: [new URL(server.url).host],
      sources: [],
      ...entry,
    },
    ...given,
  }) satisfies ProviderClient;

const refresh = (
  mode: string,
  entry?: Partial<CatalogueEntry>,
  limits?: RequestLimits,
): Promise<TokenResult> =>
  refreshTokens(
    request,
    client(mode, entry),
    { refreshToken: 'old-refresh', accessToken: 'old-access' },
    limits,
  );

/** The request that the server saw last. */
const sent = () => {
  const last = server.tokenRequests.at(-1);
  if (last === undefined) throw new Error('nothing was sent');
  return last;
};

const ACCESS = expect.stringMatching(/^access-/);
const REFRESH = expect.stringMatching(/^refresh-/);

describe('an answer with tokens', () => {
  const all = {
    accessToken: ACCESS,
    refreshToken: REFRESH,
    scopes: ['read', 'write'],
    expiresInSeconds: 3600,
  };
  const { expiresInSeconds: _, ...withoutExpiry } = all;
  const { refreshToken: __, ...withoutRefresh } = all;
  const { scopes: ___, ...withoutScopes } = all;

  it.each([
    ['as in RFC 6749', 'honest', all],
    ['as form text', 'form-text', all],
    ['under another 2xx status', 'status-201', all],
    ['of another content type', 'plain-text-json', all],
    ['behind a byte order mark', 'byte-order-mark', all],
    ['without token_type', 'no-token-type', { accessToken: ACCESS }],
    ['with an odd token_type', 'odd-token-type', all],
    ['with scopes by comma', 'comma-scopes', all],
    ['with a list of scopes', 'scope-list', all],
    ['with scope null', 'scope-null', withoutScopes],
    ['with expires_in as text', 'expires-text', all],
    ['with a fraction of a second', 'expires-fraction', all],
    ['with expires_in 0', 'expires-0', withoutExpiry],
    ['with expires_in null', 'expires-null', withoutExpiry],
    ['with a negative expires_in', 'expires-negative', withoutExpiry],
    ['with a word as expires_in', 'expires-word', withoutExpiry],
    ['with an absurd expires_in', 'expires-absurd', withoutExpiry],
    ['with refresh_token null', 'refresh-null', withoutRefresh],
    ['with an empty refresh_token', 'refresh-empty', withoutRefresh],
    [
      'with the life of the refresh token',
      'refresh-life',
      { ...all, refreshTokenExpiresInSeconds: 15_897_600 },
    ],
    ['with it under another name', 'x-refresh-life', { ...all, refreshTokenExpiresInSeconds: 8_726_400 }],
    ['with an id_token of an unknown issuer', 'id-token', all],
    ['nested for a user', 'slack-user', { accessToken: ACCESS, scopes: ['chat:write'] }],
    ['in an envelope', 'envelope', all],
  ])('is read: %s', async (_name, mode, tokens) => {
    const { metadata: ____, outcome, ...rest } = { metadata: {}, ...(await refresh(mode)) };
    expect({ outcome, ...rest }).toEqual({ outcome: 'tokens', ...tokens });
  });

  it('is found where the catalogue says it is', async () => {
    expect(await refresh('deep-envelope')).toEqual({ outcome: 'unknown', reason: 'unreadable' });
    expect(await refresh('deep-envelope', { envelopes: ['result.token'] })).toMatchObject(all);
  });

  it('keeps what is on the allow-list as metadata, and nothing else', async () => {
    expect(await refresh('slack')).toMatchObject({ metadata: { team: { id: 'T1', name: 'x' } } });
    expect(await refresh('salesforce', { metadataFromAnswer: ['id'] })).toMatchObject({
      metadata: { instance_url: 'https://eu1.my.salesforce.com', id: 'x' },
    });
    expect(JSON.stringify(await refresh('salesforce'))).not.toContain('signature');
  });

  it('has the expiry that the catalogue assumes only where it names none', async () => {
    expect(await refresh('expires-0', { assumedExpirySeconds: 7200 })).toMatchObject({
      expiresInSeconds: 7200,
    });
    expect(await refresh('honest', { assumedExpirySeconds: 7200 })).toMatchObject({ expiresInSeconds: 3600 });
  });
});

describe('a refusal', () => {
  it.each([
    ['invalid_grant', 'invalid-grant', { kind: 'grant-dead', code: 'invalid_grant' }],
    ['an error under status 200', 'error-200', { kind: 'grant-dead', code: 'invalid_grant' }],
    ["Slack's", 'slack-error', { kind: 'grant-dead', code: 'invalid_refresh_token' }],
    ['an error beside a token', 'error-with-token', { kind: 'grant-dead', code: 'invalid_grant' }],
    [
      'invalid_client behind WWW-Authenticate',
      'invalid-client',
      { kind: 'client-wrong', code: 'invalid_client' },
    ],
    ['a redirect', 'redirect', { kind: 'client-wrong', code: 'http_307' }],
    ['too many requests', 'rate-limited', { kind: 'transient', code: 'http_429', retryAfterSeconds: 17 }],
    ['an unknown error with markup', 'unknown-error', { kind: 'unclear', code: 'http_400' }],
    ['an error that is an object', 'error-object', { kind: 'unclear', code: 'http_400' }],
    ['access_denied', 'access-denied', { kind: 'unclear', code: 'access_denied' }],
    ['an error that holds secrets', 'secret-in-error', { kind: 'unclear', code: 'http_400' }],
  ])('is told by its kind and a known code: %s', async (_, mode, refused) => {
    expect(await refresh(mode)).toEqual({ outcome: 'refused', ...refused });
  });

  it('is what the catalogue says it is', async () => {
    const clientWrong = ['access_denied'];
    expect(await refresh('access-denied', { errorCodes: { clientWrong } })).toMatchObject({
      kind: 'client-wrong',
    });
    const grantDead = ['bad_verification_code'];
    expect(await refresh('form-error-200', { errorCodes: { grantDead } })).toMatchObject({
      kind: 'grant-dead',
      code: 'bad_verification_code',
    });
  });
});

describe('a request whose fate is not known', () => {
  it.each([
    ['status 5xx', 'unavailable', { reason: 'status-5xx', retryAfterSeconds: 5 }],
    ['status 5xx with tokens', 'commit-then-500', { reason: 'status-5xx' }],
    ['a page', 'html-200', { reason: 'unreadable' }],
    ['a list', 'list-200', { reason: 'unreadable' }],
    ['nothing', 'empty', { reason: 'unreadable' }],
    ['status 204', 'no-content', { reason: 'unreadable' }],
    ['a reset', 'reset', { reason: 'unreachable' }],
    ['half an answer', 'cut', { reason: 'unreachable' }],
    ['a huge answer', 'huge', { reason: 'too-large' }],
    ['an endless answer', 'endless', { reason: 'too-large' }],
    ['silence', 'silent', { reason: 'timeout' }],
    ['a drip', 'drip', { reason: 'timeout' }],
  ])('is unknown: %s', async (_, mode, unknown) => {
    expect(await refresh(mode, {}, { timeoutMs: 400 })).toEqual({ outcome: 'unknown', ...unknown });
  });

  it('was not sent where nothing listens, and where the address is not allowed', async () => {
    const at = (tokenUrl: string) =>
      refreshTokens(request, client('honest', {}, { tokenUrl }), { refreshToken: 'x', accessToken: 'y' });
    expect(await at('http://127.0.0.1:1/token')).toEqual({ outcome: 'not-sent', reason: 'unreachable' });
    expect(await at('https://10.0.0.1/token')).toEqual({ outcome: 'not-sent', reason: 'refused' });
  });
});

describe('a token request', () => {
  it('sends the client id and secret as parameters', async () => {
    await refresh('honest');
    expect(sent()).toMatchObject({
      method: 'POST',
      contentType: 'application/x-www-form-urlencoded',
      authorization: '',
      parameters: {
        grant_type: 'refresh_token',
        refresh_token: 'old-refresh',
        client_id: 'a-client.id',
        client_secret: SECRET,
      },
    });
  });

  const basicOf = async (given: Partial<ProviderClient>, entry: Partial<CatalogueEntry> = {}) => {
    const tokens = { refreshToken: 'x', accessToken: 'y' };
    await refreshTokens(request, client('honest', entry, given), tokens);
    return Buffer.from(sent().authorization.replace('Basic ', ''), 'base64').toString();
  };

  it('authenticates by HTTP Basic without encoding - _ . ~', async () => {
    expect(await basicOf({ tokenEndpointAuthMethod: 'client_secret_basic' })).toBe(
      'a-client.id:se%2Fcr%2Bet%3A~-_.',
    );
    expect(sent().parameters).not.toHaveProperty('client_id');
  });

  it('authenticates with the secret alone where the catalogue says so', async () => {
    expect(await basicOf({}, { clientAuthentication: 'secret_as_username' })).toBe(`${SECRET}:`);
    expect(sent().parameters).not.toHaveProperty('client_id');
  });

  it.each([{ clientSecret: null }, { tokenEndpointAuthMethod: 'none' as const }])(
    'of a public client names it only: %j',
    async (given) => {
      expect(await basicOf(given)).toBe('');
      expect(sent().parameters).toMatchObject({ client_id: 'a-client.id' });
      expect(sent().parameters).not.toHaveProperty('client_secret');
    },
  );

  it('is JSON with other names where the catalogue says so', async () => {
    await refresh('honest', { requestFormat: 'json', fieldRenames: { client_id: 'client_key' } });
    expect(sent()).toMatchObject({
      contentType: 'application/json',
      parameters: { client_key: 'a-client.id' },
    });
    expect(sent().parameters).not.toHaveProperty('client_id');
  });

  it('asks for an expiry, and adds parameters', async () => {
    await refresh('honest', { requestedExpirySeconds: 3600, extraTokenParameters: { expiring: '1' } });
    expect(sent().parameters).toMatchObject({ expires_in: '3600', expiring: '1' });
  });

  it('goes to the refresh URL, with the access token in the query, where the catalogue says so', async () => {
    const refreshWay = {
      url: server.tokenUrl('elsewhere'),
      method: 'GET',
      redeems: 'access_token',
      tokenParameter: 'access_token',
      grantType: 'ig_refresh_token',
    } as const;
    expect(await refresh('honest', { refresh: refreshWay })).toMatchObject({ outcome: 'tokens' });
    expect(sent()).toMatchObject({
      mode: 'elsewhere',
      method: 'GET',
      parameters: { grant_type: 'ig_refresh_token', access_token: 'old-access' },
    });
  });

  it('names the resource', async () => {
    const resource = 'https://mcp.example/';
    const tokens = { refreshToken: 'x', accessToken: 'y' };
    await refreshTokens(request, client('honest', {}, { resource }), tokens);
    expect(sent().parameters).toMatchObject({ resource });
  });

  it('redeems a code with the redirect URI and the verifier', async () => {
    const exchange = { code: 'unknown', redirectUri: REDIRECT_URI, codeVerifier: 'verifier' };
    expect(await exchangeCode(request, client('honest'), exchange)).toEqual({
      outcome: 'refused',
      kind: 'grant-dead',
      code: 'invalid_grant',
    });
    expect(sent().parameters).toMatchObject({
      grant_type: 'authorization_code',
      code: 'unknown',
      redirect_uri: REDIRECT_URI,
      code_verifier: 'verifier',
    });
  });
});

it('whatever a server answers, a refusal holds a known code and none of its text', () => {
  const known = /^(?:[a-z_]{4,40}|http_\d{3})$/;
  const answer = fc.oneof(
    fc.json(),
    fc.string(),
    fc
      .record({
        error: fc.anything(),
        access_token: fc.anything(),
        scope: fc.anything(),
        data: fc.anything(),
      })
      .map((it) => JSON.stringify(it)),
  );
  fc.assert(
    fc.property(fc.integer({ min: 200, max: 599 }), answer, (status, text) => {
      const read = readTokenAnswer(status, text);
      if (read.kind !== 'error') return;
      expect(classifyRefusal(status, read.code).code).toMatch(known);
    }),
    { numRuns: 1_000 },
  );
});
