/** Metadata of authorization servers and protected resources, and registration of clients. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  discoverResource,
  discoverServer,
  readChallenge,
  resourceMetadataUrls,
  serverMetadataUrls,
} from '../oauth/metadata.ts';
import { type ClientDescription, preferredAuthMethod, registerClient } from '../oauth/registration.ts';
import { createAddressRules } from '../outbound/addresses.ts';
import { createOutbound } from '../outbound/outbound.ts';
import { type AuthorizationServer, startAuthorizationServer } from './support/authorization-server.ts';

const { request } = createOutbound({ rules: createAddressRules([], true) });
const REDIRECT_URI = 'http://127.0.0.1:8124/v2/auth/callback/mcp';

/** What the server answers, by path; absent: 404. */
let documents: Record<string, { status?: number; body: unknown }> = {};
let asked: string[] = [];
let server: Server;
let url: string;

beforeAll(async () => {
  server = createServer((incoming, response) => {
    asked.push(incoming.url ?? '');
    const { status = 200, body } = documents[incoming.url ?? ''] ?? { status: 404, body: '' };
    response.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
});
afterEach(() => {
  documents = {};
  asked = [];
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

describe('the metadata of an authorization server', () => {
  it.each([
    ['https://as.example', ['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration']],
    [
      'https://as.example/tenant/',
      [
        '/.well-known/oauth-authorization-server/tenant',
        '/.well-known/openid-configuration/tenant',
        '/tenant/.well-known/openid-configuration',
      ],
    ],
  ])('of %s is looked for in all its places', (issuer, paths) => {
    expect(serverMetadataUrls(issuer)).toEqual(paths.map((path) => `https://as.example${path}`));
  });

  const document = (issuer: string, more = {}) => ({
    issuer,
    authorization_endpoint: 'https://as.example/authorize',
    token_endpoint: 'https://as.example/token',
    ...more,
  });

  it('is found at the last place too, with what it offers', async () => {
    const issuer = `${url}/tenant`;
    documents['/.well-known/oauth-authorization-server/tenant'] = { status: 500, body: 'down' };
    documents['/.well-known/openid-configuration/tenant'] = { body: document(url) };
    documents['/tenant/.well-known/openid-configuration'] = {
      body: document(issuer, {
        registration_endpoint: 'https://as.example/register',
        revocation_endpoint: 'http://as.example/not-https',
        code_challenge_methods_supported: ['S256', 7],
        client_id_metadata_document_supported: true,
        authorization_response_iss_parameter_supported: true,
      }),
    };
    expect(await discoverServer(request, issuer)).toEqual({
      outcome: 'found',
      metadata: {
        issuer,
        authorizationEndpoint: 'https://as.example/authorize',
        tokenEndpoint: 'https://as.example/token',
        registrationEndpoint: 'https://as.example/register',
        codeChallengeMethods: ['S256'],
        takesClientIdMetadataDocument: true,
        sendsIssuer: true,
      },
    });
  });

  it.each(['/', '/tenant', '#'])(
    'that names another issuer is none, by the identical string: %p',
    async (suffix) => {
      documents['/.well-known/oauth-authorization-server'] = { body: document(`${url}${suffix}`) };
      expect(await discoverServer(request, url)).toEqual({ outcome: 'mismatch' });
    },
  );

  it('without endpoints, or with endpoints that are not https, is incomplete', async () => {
    const token_endpoint = 'http://as.example/token';
    documents['/.well-known/openid-configuration'] = { body: document(url, { token_endpoint }) };
    expect(await discoverServer(request, url)).toEqual({ outcome: 'incomplete' });
  });

  it.each(['', '[]', '<html>', 'null'])('that is %p is absent', async (body) => {
    documents['/.well-known/oauth-authorization-server'] = { body };
    expect(await discoverServer(request, url)).toEqual({ outcome: 'absent' });
    expect(asked).toHaveLength(2);
  });
});

describe('the metadata of a protected resource', () => {
  it('is looked for below the path, then at the root', () => {
    const root = 'https://mcp.example/.well-known/oauth-protected-resource';
    expect(resourceMetadataUrls('https://mcp.example/a/mcp')).toEqual([`${root}/a/mcp`, root]);
    expect(resourceMetadataUrls('https://mcp.example/')).toEqual([root]);
  });

  const servers = { authorization_servers: ['https://as.example', 'http://not-https.example', 7] };

  it.each([
    ['the resource', '/a/mcp', 'found'],
    ['a path that begins it', '/a', 'found'],
    ['the whole origin', '/', 'found'],
    ['a path beside it', '/b', 'mismatch'],
    ['a path that only looks like its beginning', '/a/m', 'mismatch'],
  ])('holds for %s', async (_, path, outcome) => {
    documents['/.well-known/oauth-protected-resource/a/mcp'] = {
      body: { resource: `${url}${path}`, ...servers },
    };
    expect(await discoverResource(request, `${url}/a/mcp`)).toMatchObject({ outcome });
  });

  it('is read where the challenge says it is, and keeps https servers only', async () => {
    documents['/elsewhere'] = { body: { resource: `${url}/mcp`, scopes_supported: ['x'], ...servers } };
    expect(await discoverResource(request, `${url}/mcp`, `${url}/elsewhere`)).toEqual({
      outcome: 'found',
      metadata: { resource: `${url}/mcp`, authorizationServers: ['https://as.example'], scopes: ['x'] },
    });
    expect(asked).toEqual(['/elsewhere']);
  });

  it.each([
    ['Bearer resource_metadata="https://x.example/y", scope="a b"', 'https://x.example/y', ['a', 'b']],
    ['Bearer realm="x", Resource_Metadata = https://x.example/y', 'https://x.example/y', undefined],
    ['Bearer x_resource_metadata="https://x.example/y"', undefined, undefined],
    ['Basic realm="x"', undefined, undefined],
  ])('is named by a challenge: %s', (field, resourceMetadata, scopes) => {
    expect({ resourceMetadata: undefined, scopes: undefined, ...readChallenge(field) }).toEqual({
      resourceMetadata,
      scopes,
    });
  });
});

describe('a registration', () => {
  let real: AuthorizationServer;
  beforeAll(async () => {
    real = await startAuthorizationServer({ redirectUris: [REDIRECT_URI] });
  });
  afterAll(() => real.stop());

  const description: ClientDescription = {
    clientName: 'Tokenhold',
    clientUri: 'http://127.0.0.1:8124',
    redirectUri: REDIRECT_URI,
    scopes: ['read'],
    tokenEndpointAuthMethod: 'client_secret_post',
  };
  const register = (answer: { status?: number; body: unknown }, asking = description) => {
    documents['/register'] = answer;
    return registerClient(request, `${url}/register`, asking);
  };

  it('is made at a real server that was discovered', async () => {
    const discovered = await discoverServer(request, real.issuer);
    if (discovered.outcome !== 'found') throw new Error(discovered.outcome);
    const { registrationEndpoint = '', codeChallengeMethods, sendsIssuer } = discovered.metadata;
    expect({ codeChallengeMethods, sendsIssuer }).toEqual({
      codeChallengeMethods: ['S256'],
      sendsIssuer: true,
    });
    expect(await registerClient(request, registrationEndpoint, description)).toMatchObject({
      outcome: 'registered',
      client: {
        clientId: expect.any(String),
        clientSecret: expect.any(String),
        clientSecretExpiresAt: null,
        tokenEndpointAuthMethod: 'client_secret_post',
        registrationAccessToken: expect.any(String),
        registrationClientUri: expect.stringContaining(real.issuer),
      },
    });
    const wrong = { ...description, scopes: ['unknown'] };
    expect(await registerClient(request, registrationEndpoint, wrong)).toEqual({
      outcome: 'refused',
      code: 'invalid_client_metadata',
    });
  });

  it.each([
    [
      'what came back, not what was asked for',
      { client_id: 'x', token_endpoint_auth_method: 'none', client_secret: 's' },
      { tokenEndpointAuthMethod: 'none', clientSecret: null },
    ],
    [
      'a public client, where the answer is silent',
      { client_id: 'x', client_secret: null },
      { tokenEndpointAuthMethod: 'none' },
    ],
    [
      'the method asked for, where the answer has a secret',
      { client_id: 'x', client_secret: 's' },
      { tokenEndpointAuthMethod: 'client_secret_post' },
    ],
    [
      'the expiry of the secret',
      { client_id: 'x', client_secret: 's', client_secret_expires_at: 1_900_000_000 },
      { clientSecretExpiresAt: new Date(1_900_000_000_000) },
    ],
  ])('keeps %s', async (_, body, client) => {
    expect(await register({ status: 200, body })).toMatchObject({ outcome: 'registered', client });
  });

  it.each([
    [
      'another way to authenticate',
      { body: { client_id: 'x', token_endpoint_auth_method: 'private_key_jwt' } },
      { outcome: 'refused', code: 'unsupported_auth_method' },
    ],
    [
      'a secret that is not there',
      { body: { client_id: 'x', token_endpoint_auth_method: 'client_secret_basic' } },
      { outcome: 'refused', code: 'unsupported_auth_method' },
    ],
    [
      'an error with markup',
      { status: 400, body: { error: '<b>' } },
      { outcome: 'refused', code: 'http_400' },
    ],
    ['an answer without a client', { status: 201, body: {} }, { outcome: 'unknown', reason: 'unreadable' }],
    ['an outage', { status: 503, body: '' }, { outcome: 'unknown', reason: 'status-5xx' }],
  ])('is not made by %s', async (_, answer, result) => {
    expect(await register(answer)).toEqual(result);
  });

  it.each([
    [undefined, 'client_secret_basic'],
    [['none', 'client_secret_post'], 'client_secret_post'],
    [['none'], 'none'],
    [['private_key_jwt'], undefined],
  ])('of the ways to authenticate %j takes %s', (offered, method) => {
    expect(preferredAuthMethod(offered)).toBe(method);
  });
});
