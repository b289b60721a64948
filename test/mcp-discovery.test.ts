/** MCP servers become providers: discovery, registration, and an agent that uses the token. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { discoverOAuthServerInfo } from '@modelcontextprotocol/sdk/client/auth.js';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { requireBearerAuth } from '@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js';
import { mcpAuthMetadataRouter } from '@modelcontextprotocol/sdk/server/auth/router.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import express from 'express';
import { createAddressRules } from '../outbound/addresses.ts';
import { createOutbound } from '../outbound/outbound.ts';
import { discoverProvider } from '../vault/discover.ts';
import { type AuthorizationServer, startAuthorizationServer } from './support/authorization-server.ts';
import { person } from './support/person.ts';
import { startVault, type Tenant, type TestVault } from './support/vault.ts';

const DISCOVER = '/v2/auth/providers/mcp-discover';

let vault: TestVault;
let server: AuthorizationServer;
let tenant: Tenant;
let mcp: { readonly url: string; stop(): void };

beforeAll(async () => {
  [vault, server] = await Promise.all([
    startVault(),
    startAuthorizationServer({ redirectUris: ['http://127.0.0.1/'] }),
  ]);
  tenant = await vault.newTenant();
  mcp = await startMcpServer();
});

/** Also those of tests that failed. */
const stops: (() => void)[] = [];

afterAll(async () => {
  mcp.stop();
  for (const stop of stops) stop();
  await Promise.all([vault.close(), server.stop()]);
});

async function listening(http: Server): Promise<string> {
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const address = http.address();
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
}

/** A server of the MCP SDK, with the SDK's own metadata and bearer check, behind an authorization server. */
async function startMcpServer(behind = server) {
  const app = express();
  const http = createServer(app);
  const url = new URL('/mcp', await listening(http));
  const metadata = JSON.parse(
    await (await fetch(`${behind.issuer}/.well-known/openid-configuration`)).text(),
  );
  app.use(
    mcpAuthMetadataRouter({
      oauthMetadata: metadata,
      resourceServerUrl: url,
      scopesSupported: ['read', 'write'],
    }),
  );
  const verifyAccessToken = async (token: string) => {
    const { active, client_id, scope, exp, aud } = await behind.introspect(token);
    if (active !== true || aud !== url.href) throw new Error('not a token for this server');
    return { token, clientId: String(client_id), scopes: String(scope).split(' '), expiresAt: Number(exp) };
  };
  const resourceMetadataUrl = new URL('/.well-known/oauth-protected-resource/mcp', url).href;
  app.post(
    '/mcp',
    requireBearerAuth({ verifier: { verifyAccessToken }, resourceMetadataUrl }),
    express.json(),
    async (request, response) => {
      const tools = new McpServer({ name: 'tools', version: '1' });
      tools.registerTool('greet', { description: 'greets' }, async () => ({
        content: [{ type: 'text', text: 'hello' }],
      }));
      const transport = new StreamableHTTPServerTransport({ enableJsonResponse: true });
      await tools.connect(transport);
      await transport.handleRequest(request, response, request.body);
    },
  );
  return {
    url: url.href,
    stop() {
      http.closeAllConnections();
      http.close();
    },
  };
}

const discover = (provider_id: string, mcp_server_url: string, key = tenant.apiKey, at = vault) =>
  at.call('POST', DISCOVER, { key, json: { provider_id, name: 'Tools', mcp_server_url } });

const authenticate = async (provider: string) => {
  const json = { provider, scopes: [] };
  return Object((await vault.call('POST', '/v2/auth/authenticate', { key: tenant.apiKey, json })).body);
};

/** Calls the server's tool, as an agent with this token. */
async function greeted(url: string, token: string) {
  const requestInit = { headers: { Authorization: `Bearer ${token}` } };
  const agent = new Client({ name: 'agent', version: '1' });
  await agent.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit }));
  const result = await agent.callTool({ name: 'greet' });
  await agent.close();
  return result;
}

async function consent(provider: string): Promise<void> {
  const alice = person();
  const { next } = await alice.press((await authenticate(provider)).url);
  const { headers } = await alice.go(await server.consent(next));
  expect(headers.get('location')).toBe(`${vault.url}/connected`);
}

describe('a server of the MCP SDK, behind an authorization server that registers clients', () => {
  it('becomes a provider, and an agent calls a tool with the token', async () => {
    const { status, body } = await discover('tools', mcp.url);
    expect({ status, body }).toMatchObject({
      status: 200,
      body: {
        provider_id: 'tools',
        mcp_server_url: mcp.url,
        auth_url: server.authUrl,
        token_url: server.tokenUrl,
        uses_pkce: true,
        code_challenge_method: 'S256',
        is_dynamic_client: true,
      },
    });
    const [row] = await vault.db('oauth_providers').where({ provider_id: 'tools' });
    expect(row).toMatchObject({
      issuer: server.issuer,
      resource: mcp.url,
      default_scopes: expect.arrayContaining(['read', 'write']),
    });
    for (const sealed of [row.client_secret, row.registration_token])
      expect(vault.keyRing.open(sealed)).toMatch(/.{20}/);

    await consent('tools');
    const { token } = await authenticate('tools');
    expect(await greeted(mcp.url, token)).toMatchObject({ content: [{ text: 'hello' }] });
    expect((await server.seen()).at(-1)).toMatchObject({
      grantType: 'authorization_code',
      resource: mcp.url,
    });
  });

  it('is refreshed for the same resource, and revoked at the discovered endpoint', async () => {
    await discover('refreshed', mcp.url);
    await consent('refreshed');
    const first = (await authenticate('refreshed')).token;
    await vault
      .db('oauth_tokens')
      .where({ provider_id: 'refreshed' })
      .update({ expires_at: new Date(0) });
    const { token } = await authenticate('refreshed');
    expect(token).not.toBe(first);
    expect((await server.seen()).at(-1)).toMatchObject({
      grantType: 'refresh_token',
      resource: mcp.url,
      status: 200,
    });
    await vault.call('DELETE', '/v2/auth/tokens?provider_id=refreshed', { key: tenant.apiKey });
    expect(await server.introspect(token)).toEqual({ active: false });
  });

  it('registers a client again, once, that the server has forgotten', async () => {
    await discover('forgotten', mcp.url);
    const where = { provider_id: 'forgotten' };
    await consent('forgotten');
    await vault.db('oauth_providers').where(where).update({ client_id: 'forgotten-by-the-server' });
    await vault
      .db('oauth_tokens')
      .where(where)
      .update({ expires_at: new Date(0) });
    await authenticate('forgotten');
    const [row] = await vault.db('oauth_providers').where(where);
    expect(row.client_id).not.toBe('forgotten-by-the-server');
    const audited = await vault
      .db('audit_records')
      .where({ action: 'provider.register', object_id: 'forgotten' });
    expect(audited).toMatchObject([{ user_id: 'service' }]);
    await vault
      .db('oauth_providers')
      .where(where)
      .update({ client_id: 'forgotten-again', refresh_paused_until: null });
    await vault.db('oauth_tokens').where(where).update({ refresh_after: null });
    await authenticate('forgotten');
    expect(await vault.db('oauth_providers').where(where)).toMatchObject([{ client_id: 'forgotten-again' }]);
  });
});

/** Documents by path; requests are recorded. The base is put for `BASE`. */
async function startDocuments(documents: Readonly<Record<string, object>>, challenge?: string) {
  const paths: string[] = [];
  const http = createServer((request: IncomingMessage, response: ServerResponse) => {
    const path = request.url ?? '';
    paths.push(`${request.method} ${path}`);
    const document = documents[path];
    if (document !== undefined) return void response.end(JSON.stringify(document).replaceAll('BASE', base));
    if (path !== '/mcp') return void response.writeHead(404).end();
    response
      .writeHead(
        401,
        challenge === undefined ? {} : { 'WWW-Authenticate': challenge.replaceAll('BASE', base) },
      )
      .end();
  });
  const base = await listening(http);
  const stop = () => {
    http.closeAllConnections();
    http.close();
  };
  stops.push(stop);
  return { base, paths, stop };
}

const SERVER = {
  issuer: 'BASE',
  authorization_endpoint: 'BASE/authorize',
  token_endpoint: 'BASE/token',
  registration_endpoint: 'BASE/register',
  code_challenge_methods_supported: ['S256'],
  token_endpoint_auth_methods_supported: ['none'],
  // What the SDK's client wants of a document beside that.
  jwks_uri: 'BASE/keys',
  response_types_supported: ['code'],
  subject_types_supported: ['public'],
  id_token_signing_alg_values_supported: ['ES256'],
};
const RESOURCE = { resource: 'BASE/mcp', authorization_servers: ['BASE'] };
const PRM = '/.well-known/oauth-protected-resource';
const ASM = '/.well-known/oauth-authorization-server';

describe('the order of discovery', () => {
  it.each<[string, Readonly<Record<string, object>>, string | undefined]>([
    [
      'the document that the challenge names',
      { '/there': RESOURCE, [ASM]: SERVER },
      'Bearer resource_metadata="BASE/there"',
    ],
    ['below the path', { [`${PRM}/mcp`]: RESOURCE, [ASM]: SERVER }, undefined],
    ['at the root', { [PRM]: RESOURCE, [ASM]: SERVER }, 'Bearer'],
    ['OpenID Connect', { [PRM]: RESOURCE, '/.well-known/openid-configuration': SERVER }, undefined],
    [
      'an issuer with a path',
      {
        [PRM]: { resource: 'BASE', authorization_servers: ['BASE/tenant'] },
        '/tenant/.well-known/openid-configuration': { ...SERVER, issuer: 'BASE/tenant' },
      },
      undefined,
    ],
    ['no document of the resource: its own origin', { [ASM]: SERVER }, undefined],
  ])("finds the server that the SDK's client finds: %s", async (_, documents, challenge) => {
    const { base, stop, paths } = await startDocuments(
      { ...documents, '/register': { client_id: 'registered', token_endpoint_auth_method: 'none' } },
      challenge,
    );
    const named =
      challenge?.includes('resource_metadata') === true
        ? { resourceMetadataUrl: new URL(`${base}/there`) }
        : {};
    const oracle = await discoverOAuthServerInfo(`${base}/mcp`, named);
    const asked = paths.splice(0);
    const { status, body } = await discover(`order-${base.split(':').at(-1)}`, `${base}/mcp`);
    stop();
    expect(status).toBe(200);
    expect(body).toMatchObject({
      client_id: 'registered',
      token_endpoint_auth_method: 'none',
      token_url: oracle.authorizationServerMetadata?.token_endpoint,
    });
    expect(paths.filter((path) => path.startsWith('GET '))).toEqual(expect.arrayContaining(asked));
  });
});

describe('a discovery that fails says why: 422', () => {
  const failing: readonly [string, Readonly<Record<string, object>>, RegExp][] = [
    ['no authorization server', { [PRM]: RESOURCE }, /no metadata/],
    ['another issuer', { [PRM]: RESOURCE, [ASM]: { ...SERVER, issuer: 'BASE/' } }, /another issuer/],
    [
      'another resource',
      { [PRM]: { ...RESOURCE, resource: 'https://elsewhere.example' } },
      /another resource/,
    ],
    [
      'no PKCE',
      { [PRM]: RESOURCE, [ASM]: { ...SERVER, code_challenge_methods_supported: ['plain'] } },
      /S256/,
    ],
    [
      'PKCE not mentioned',
      { [PRM]: RESOURCE, [ASM]: { ...SERVER, code_challenge_methods_supported: undefined } },
      /S256/,
    ],
    [
      'no registration',
      { [PRM]: RESOURCE, [ASM]: { ...SERVER, registration_endpoint: undefined } },
      /by hand/,
    ],
    ['a refused registration', { [PRM]: RESOURCE, [ASM]: SERVER }, /refused to register/],
    ['a server without authorization', { '/mcp': { jsonrpc: '2.0' } }, /no authorization/],
  ];
  it.each(failing)('%s', async (_, documents, msg) => {
    const { base, stop, paths } = await startDocuments(documents);
    const { status, body } = await discover('failing', `${base}/mcp`);
    stop();
    expect({ status, body }).toMatchObject({
      status: 422,
      body: { detail: [{ loc: ['body', 'mcp_server_url'], msg: expect.stringMatching(msg) }] },
    });
    expect(paths.length).toBeLessThanOrEqual(12);
    expect((await vault.call('GET', '/v2/auth/providers/failing', { key: tenant.apiKey })).status).toBe(404);
  });

  it('many authorization servers take twelve requests at most', async () => {
    const many = Array.from({ length: 50 }, (_, index) => `BASE/issuer-${index}`);
    const { base, stop, paths } = await startDocuments({
      [PRM]: { ...RESOURCE, authorization_servers: many },
    });
    expect((await discover('failing', `${base}/mcp`)).status).toBe(422);
    stop();
    expect(paths).toHaveLength(12);
  });

  it.each([
    'https://10.0.0.1/mcp',
    'https://169.254.169.254/latest/meta-data',
    'https://[::ffff:10.0.0.1]/mcp',
    'https://[::10.0.0.1]/mcp',
    'https://[fd00:ec2::254]/mcp',
    'https://2886729729/mcp',
    'https://0300.0250.0.1/mcp',
    'https://0x0a.0.0.1/mcp',
    'https://①⓪.0.0.1/mcp',
  ])('an address that is not allowed: %s', async (url) => {
    const { status, text } = await discover('failing', url);
    expect(status).toBe(422);
    expect(text).toContain('this address is not allowed');
  });

  it.each(['http://example.com/mcp', 'ftp://example.com', 'https://user:pass@example.com/', 'x'])(
    'a URL that is none of a provider: %s',
    async (url) => {
      expect((await discover('failing', url)).status).toBe(422);
    },
  );
});

describe('names that change their address', () => {
  it('are refused when any look-up gives a private address, and the connection goes to the checked one', async () => {
    const answers = [['203.0.113.7', '10.0.0.1'], ['127.0.0.1']];
    const resolve = async () =>
      (answers.shift() ?? ['10.0.0.1']).map((address) => ({ address, family: 4 }) as const);
    const { request } = createOutbound({ rules: createAddressRules([], false), resolve });
    const parts = { request, seal: vault.keyRing.seal, publicUrl: vault.url, allowsUnadvertisedPkce: false };
    const wish = { providerId: 'x', name: 'x', mcpServerUrl: 'https://rebinding.example/mcp' };
    for (let time = 0; time < 3; time++)
      expect(await discoverProvider(parts, wish)).toBe('address-not-allowed');
  });
});

describe('the request', () => {
  it('is for admins', async () => {
    expect((await discover('tools-2', mcp.url, await vault.newKey(tenant))).status).toBe(403);
  });

  it('is 409 for a taken name before any request is made', async () => {
    const { base, paths, stop } = await startDocuments({});
    expect((await discover('slack', `${base}/mcp`)).status).toBe(409);
    stop();
    expect(paths).toEqual([]);
  });
});

describe('a server that takes client id metadata documents', () => {
  it('gets the URL of ours, which is served to anyone, where PUBLIC_URL is public https', async () => {
    const { base, stop } = await startDocuments({
      [PRM]: RESOURCE,
      [ASM]: { ...SERVER, client_id_metadata_document_supported: true },
    });
    const { request } = createOutbound({ rules: createAddressRules([], true) });
    const found = await discoverProvider(
      {
        request,
        seal: vault.keyRing.seal,
        publicUrl: 'https://vault.example',
        allowsUnadvertisedPkce: false,
      },
      { providerId: 'tools', name: 'x', mcpServerUrl: `${base}/mcp` },
    );
    stop();
    expect(found).toMatchObject({
      client: { clientId: 'https://vault.example/oauth/clients/tools', tokenEndpointAuthMethod: 'none' },
      registrationEndpoint: null,
    });
    const url = `${vault.url}/oauth/clients/tools`;
    const answer = await fetch(url);
    expect(answer.headers.get('content-type')).toBe('application/json');
    expect(JSON.parse(await answer.text())).toMatchObject({
      client_id: url,
      redirect_uris: [`${vault.url}/v2/auth/callback/tools`],
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token'],
    });
    expect((await fetch(`${vault.url}/oauth/clients/a%20b`)).status).toBe(404);
  });

  it('knows our client by its document: consent, a tool call with the token, refresh', async () => {
    const publicUrl = 'https://vault.example';
    const at = await startVault({ PUBLIC_URL: publicUrl, OUTBOUND_ALLOW: '127.0.0.0/8, localhost' });
    const clientDocuments = { publicUrl, servedAt: at.url };
    const behind = await startAuthorizationServer({ redirectUris: ['http://127.0.0.1/'], clientDocuments });
    const tools = await startMcpServer(behind);
    try {
      const { apiKey: key } = await at.newTenant();
      const { status, body } = await discover('tools', tools.url, key, at);
      const client_id = `${publicUrl}/oauth/clients/tools`;
      const method = { token_endpoint_auth_method: 'none' };
      expect({ status, body }).toMatchObject({ status: 200, body: { client_id, ...method } });
      expect(await at.db('oauth_providers').where({ provider_id: 'tools' }).first()).toMatchObject({
        client_secret: null,
        registration_endpoint: null,
      });

      const json = { provider: 'tools', scopes: [] };
      const authenticated = async () =>
        Object((await at.call('POST', '/v2/auth/authenticate', { key, json })).body);
      const here = (url: string) => url.replace(publicUrl, at.url);
      const alice = person();
      const { next } = await alice.press(here((await authenticated()).url));
      expect(new URL(next).searchParams.get('client_id')).toBe(client_id);
      const end = await alice.go(here(await behind.consent(next)));
      expect(end.headers.get('location')).toBe(`${publicUrl}/connected`);

      const { token } = await authenticated();
      expect(await greeted(tools.url, token)).toMatchObject({ content: [{ text: 'hello' }] });
      await at.db('oauth_tokens').update({ expires_at: new Date(0) });
      const refreshed = await authenticated();
      expect(refreshed.token).not.toBe(token);
      expect(await greeted(tools.url, refreshed.token)).toMatchObject({ content: [{ text: 'hello' }] });
      expect((await behind.seen()).map(({ grantType, resource }) => [grantType, resource])).toEqual([
        ['authorization_code', tools.url],
        ['refresh_token', tools.url],
      ]);
    } finally {
      tools.stop();
      await Promise.all([behind.stop(), at.close()]);
    }
  });
});
