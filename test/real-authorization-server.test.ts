/** The protocol against a real authorization server, oidc-provider in a process of its own. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { authorizationUrl, newCodeVerifier } from '../oauth/authorization-request.ts';
import { readAuthorizationResponse } from '../oauth/authorization-response.ts';
import type { ProviderClient } from '../oauth/provider-settings.ts';
import { exchangeCode, refreshTokens } from '../oauth/token-endpoint.ts';
import { createAddressRules } from '../outbound/addresses.ts';
import { createOutbound } from '../outbound/outbound.ts';
import { type AuthorizationServer, startAuthorizationServer } from './support/authorization-server.ts';

const REDIRECT_URI = 'http://127.0.0.1:8124/v2/auth/callback/real';
const RESOURCE = 'https://mcp.example/';
const { request } = createOutbound({ rules: createAddressRules([], true) });

let server: AuthorizationServer;
let client: ProviderClient;

const clientOf = ({
  client: registered,
  issuer,
  authUrl,
  tokenUrl,
}: AuthorizationServer): ProviderClient => ({
  ...registered,
  ...{ issuer, authUrl, tokenUrl, resource: RESOURCE },
  usesPkce: true,
  tokenEndpointAuthMethod: 'client_secret_post',
});

beforeAll(async () => {
  server = await startAuthorizationServer({ redirectUris: [REDIRECT_URI] });
  client = clientOf(server);
});
afterAll(() => server.stop());

/** A person's answer to a new authorization. */
async function answerOf(action: 'consent' | 'refuse' = 'consent', at = server) {
  const client = clientOf(at);
  const codeVerifier = newCodeVerifier();
  const asked = { redirectUri: REDIRECT_URI, state: 'STATE', scopes: ['read', 'write'], codeVerifier };
  const callback = new URL(await at.consent(authorizationUrl(client, asked), action));
  expect(callback.searchParams.get('state')).toBe('STATE');
  return { codeVerifier, response: readAuthorizationResponse(client, callback.searchParams) };
}

async function grant(at = server) {
  const { codeVerifier, response } = await answerOf('consent', at);
  if (response.outcome !== 'code') throw new Error(response.outcome);
  const exchange = { code: response.code, redirectUri: REDIRECT_URI, codeVerifier };
  const tokens = await exchangeCode(request, clientOf(at), exchange);
  if (tokens.outcome !== 'tokens') throw new Error(JSON.stringify(tokens));
  return {
    exchange,
    tokens: { accessToken: tokens.accessToken, refreshToken: tokens.refreshToken ?? '' },
    ...tokens,
  };
}

describe('a code', () => {
  it('brings tokens for the resource', async () => {
    const { accessToken, refreshToken, scopes, expiresInSeconds } = await grant();
    expect({ scopes, expiresInSeconds }).toEqual({ scopes: ['read', 'write'], expiresInSeconds: 3600 });
    expect(refreshToken).toEqual(expect.any(String));
    expect(await server.introspect(accessToken)).toMatchObject({ active: true, aud: RESOURCE });
  });

  it('is refused with another verifier, and once it is spent', async () => {
    const { exchange } = await grant();
    const dead = { outcome: 'refused', kind: 'grant-dead', code: 'invalid_grant' };
    expect(await exchangeCode(request, client, exchange)).toEqual(dead);
    const { response } = await answerOf();
    if (response.outcome !== 'code') throw new Error(response.outcome);
    const stolen = { code: response.code, redirectUri: REDIRECT_URI, codeVerifier: newCodeVerifier() };
    expect(await exchangeCode(request, client, stolen)).toEqual(dead);
  });

  it('is not there when the person refuses', async () => {
    expect((await answerOf('refuse')).response).toEqual({ outcome: 'refused', error: 'access_denied' });
  });
});

describe('a refresh token', () => {
  it('is redeemed once, and its reuse ends the grant', async () => {
    const first = await grant();
    const second = await refreshTokens(request, client, first.tokens);
    if (second.outcome !== 'tokens') throw new Error(second.outcome);
    expect(second.refreshToken).not.toBe(first.refreshToken);
    expect(await refreshTokens(request, client, first.tokens)).toMatchObject({ kind: 'grant-dead' });
    expect(await server.introspect(second.accessToken)).toEqual({ active: false });
  });

  it('is not given up for a wrong client secret', async () => {
    const { tokens } = await grant();
    const wrong = { ...client, clientSecret: 'wrong' };
    expect(await refreshTokens(request, wrong, tokens)).toMatchObject({
      kind: 'client-wrong',
      code: 'invalid_client',
    });
    expect(await refreshTokens(request, client, tokens)).toMatchObject({ outcome: 'tokens' });
  });

  it.each([
    ['drop', { outcome: 'unknown', reason: 'unreachable' }],
    ['error', { outcome: 'unknown', reason: 'status-5xx' }],
    ['down', { outcome: 'unknown', reason: 'status-5xx' }],
    ['busy', { outcome: 'refused', kind: 'transient', code: 'http_429', retryAfterSeconds: 1 }],
  ] as const)('has an outcome when the server misbehaves: %s', async (mode, outcome) => {
    const { tokens } = await grant();
    await server.misbehave({ mode, times: 1 });
    expect(await refreshTokens(request, client, tokens)).toEqual(outcome);
    const isSpent = mode === 'drop' || mode === 'error';
    expect((await refreshTokens(request, client, tokens)).outcome).toBe(isSpent ? 'refused' : 'tokens');
    const resources = (await server.seen()).slice(-2).map(({ resource }) => resource);
    expect(resources).toEqual([RESOURCE, RESOURCE]);
  });
});

it('a server with a reuse window gives the same tokens again', async () => {
  const lenient = await startAuthorizationServer({ redirectUris: [REDIRECT_URI], reuseWindowSeconds: 30 });
  const { tokens } = await grant(lenient);
  await lenient.misbehave({ mode: 'drop', times: 1 });
  const redeem = () => refreshTokens(request, clientOf(lenient), tokens);
  expect(await redeem()).toMatchObject({ outcome: 'unknown' });
  const again = await redeem();
  expect(again).toMatchObject({ outcome: 'tokens' });
  expect(await redeem()).toEqual(again);
  await lenient.stop();
});
