/** Grants are ended at the provider, by RFC 7009 and in the catalogue's ways. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createCatalogue } from '../oauth/catalogue/catalogue.ts';
import type { RevocationWay } from '../oauth/catalogue-entry.ts';
import type { ProviderClient } from '../oauth/provider-settings.ts';
import { type RevokedGrant, revokeGrant } from '../oauth/revocation.ts';
import { createAddressRules } from '../outbound/addresses.ts';
import { createOutbound } from '../outbound/outbound.ts';
import type { OutboundRequest } from '../outbound/request.ts';
import { type HostileServer, startHostileServer } from './support/hostile-authorization-server.ts';

let server: HostileServer;
beforeAll(async () => {
  server = await startHostileServer();
});
afterAll(() => server.stop());

const { request } = createOutbound({ rules: createAddressRules([], true) });
const GRANT: RevokedGrant = { accessToken: 'access/1', refreshToken: 'refresh/1', metadata: {} };

const client = (revocation?: RevocationWay): ProviderClient => ({
  clientId: 'the client',
  clientSecret: 'secret',
  authUrl: server.authUrl(),
  tokenUrl: server.tokenUrl(),
  usesPkce: true,
  tokenEndpointAuthMethod: 'client_secret_post',
  entry: revocation && {
    name: 'x',
    displayName: 'X',
    match: [new URL(server.url).host],
    sources: [],
    revocation,
  },
});
const byEndpoint = (mode: string, grant = GRANT) =>
  revokeGrant(request, client(), grant, server.tokenUrl(mode), { timeoutMs: 400 });
const byCatalogue = (way: Partial<RevocationWay>, grant = GRANT) =>
  revokeGrant(request, client({ url: server.tokenUrl('no-content'), token: 'access_token', ...way }), grant);
const sent = () => server.tokenRequests.at(-1);

describe('by RFC 7009', () => {
  it('the refresh token is revoked, and the client authenticates', async () => {
    expect(await byEndpoint('empty')).toEqual({ outcome: 'revoked' });
    expect(sent()?.parameters).toEqual({
      token: 'refresh/1',
      token_type_hint: 'refresh_token',
      client_id: 'the client',
      client_secret: 'secret',
    });
  });

  it('the access token is revoked where there is no refresh token, or the server does not take it', async () => {
    await byEndpoint('empty', { ...GRANT, refreshToken: null });
    expect(sent()?.parameters).toMatchObject({ token: 'access/1', token_type_hint: 'access_token' });
    expect(await byEndpoint('unsupported-refresh')).toEqual({ outcome: 'revoked' });
    expect(sent()?.parameters).toMatchObject({ token: 'access/1' });
  });

  it.each([
    ['no-content', { outcome: 'revoked' }],
    ['invalid-token', { outcome: 'revoked' }],
    ['invalid-client', { outcome: 'refused', kind: 'client-wrong', code: 'invalid_client' }],
    ['rate-limited', { outcome: 'refused', kind: 'transient', code: 'http_429', retryAfterSeconds: 17 }],
    ['unknown-error', { outcome: 'refused', kind: 'unclear', code: 'http_400' }],
    ['redirect', { outcome: 'refused', kind: 'client-wrong', code: 'http_307' }],
    ['unavailable', { outcome: 'unanswered', reason: 'status-5xx' }],
    ['silent', { outcome: 'unanswered', reason: 'timeout' }],
    ['reset', { outcome: 'unanswered', reason: 'unreachable' }],
    ['huge', { outcome: 'unanswered', reason: 'too-large' }],
  ])('an answer has an outcome: %s', async (mode, outcome) => {
    expect(await byEndpoint(mode)).toEqual(outcome);
  });

  it('a provider without an endpoint does not support it', async () => {
    expect(await revokeGrant(request, client(), GRANT)).toEqual({ outcome: 'unsupported' });
  });
});

describe("by the catalogue's way", () => {
  it('an error under status 200 is no revocation, unless the token had ended', async () => {
    expect(await byCatalogue({ url: server.tokenUrl('slack-error') })).toMatchObject({ outcome: 'refused' });
    expect(await byCatalogue({ url: server.tokenUrl('token-revoked') })).toEqual({ outcome: 'revoked' });
  });

  it.each<[string, Partial<RevocationWay>, object]>([
    [
      'the bearer token and no body',
      { authentication: 'bearer', format: 'none' },
      { authorization: 'Bearer access/1', parameters: {} },
    ],
    [
      'JSON under another name',
      { format: 'json', tokenParameter: 'access_token', authentication: 'none' },
      { contentType: 'application/json', parameters: { access_token: 'access/1' } },
    ],
    [
      'the query',
      { format: 'query', method: 'GET', authentication: 'none' },
      { method: 'GET', parameters: { token: 'access/1' } },
    ],
    [
      'HTTP Basic',
      { authentication: 'client_secret_basic', method: 'DELETE' },
      { method: 'DELETE', authorization: `Basic ${btoa('the%20client:secret')}` },
    ],
  ])('it is sent with %s', async (_, way, seen) => {
    expect(await byCatalogue(way)).toEqual({ outcome: 'revoked' });
    expect(sent()).toMatchObject(seen);
  });

  it('the URL may hold the client and the token', async () => {
    await byCatalogue({ url: `${server.tokenUrl('empty')}/{client_id}/{token}`, token: 'refresh_token' });
    expect(sent()?.path).toBe('/empty/token/the%20client/refresh%2F1');
  });

  it('a token that no header can hold is not sent', async () => {
    const way = { authentication: 'bearer', format: 'none' } as const;
    const [requests, grant] = [server.tokenRequests.length, { ...GRANT, accessToken: 'two\nlines' }];
    expect(await byCatalogue(way, grant)).toEqual({ outcome: 'unsupported' });
    expect(server.tokenRequests).toHaveLength(requests);
  });

  it("the URL may have an origin of the token's metadata, within the hosts of the catalogue", async () => {
    const way = { url: '{metadata.instance_url}/empty/token' };
    const at = (instance_url: string) => byCatalogue(way, { ...GRANT, metadata: { instance_url } });
    expect(await at(server.url)).toEqual({ outcome: 'revoked' });
    expect(await at('http://127.0.0.1:1')).toEqual({ outcome: 'unsupported' });
    expect(await at('https://evil.example')).toEqual({ outcome: 'unsupported' });
    expect(await byCatalogue(way)).toEqual({ outcome: 'unsupported' });
  });

  it.each([
    ['slack', 'https://slack.com/api/auth.revoke', 'POST'],
    ['github', 'https://api.github.com/applications/the%20client/grant', 'DELETE'],
    ['google', 'https://oauth2.googleapis.com/revoke', 'POST'],
    ['salesforce', 'https://eu1.my.salesforce.com/services/oauth2/revoke', 'POST'],
    ['hubspot', 'https://api.hubapi.com/oauth/2026-03/token/revoke', 'POST'],
    ['notion', 'https://api.notion.com/v1/oauth/revoke', 'POST'],
    ['shopify', 'https://acme.myshopify.com/admin/api_permissions/current.json', 'DELETE'],
    ['zendesk', 'https://acme.zendesk.com/api/v2/oauth/tokens/current.json', 'DELETE'],
    ['miro', 'https://api.miro.com/v2/oauth/revoke', 'POST'],
    ['linear', 'https://api.linear.app/oauth/revoke', 'POST'],
  ])('%s is asked at its own URL', async (name, url, method) => {
    const asked: OutboundRequest[] = [];
    const entry = createCatalogue().named(name);
    const metadata = { instance_url: 'https://eu1.my.salesforce.com' };
    const record = async (given: OutboundRequest) => {
      asked.push(given);
      return { status: 200, headers: {}, text: '{"ok":true}' };
    };
    const asking = { ...client(), entry, tokenUrl: new URL('/token', url).href };
    expect(await revokeGrant(record, asking, { ...GRANT, metadata })).toEqual({ outcome: 'revoked' });
    expect(asked).toMatchObject([{ url, method }]);
    expect(JSON.stringify(asked[0])).toMatch(/(access|refresh)(\/|%2F)1/);
  });
});
