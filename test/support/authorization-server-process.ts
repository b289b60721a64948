/** A real authorization server (oidc-provider) in a process of its own. Its options come as JSON in the first argument. */
import { generateKeyPairSync } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';
import Provider, { type Configuration } from 'oidc-provider';
import {
  CLIENT,
  type Misbehaviour,
  type SeenTokenRequest,
  type ServerOptions,
} from './authorization-server.ts';

const options: ServerOptions = JSON.parse(process.argv[2] ?? '{"redirectUris":[]}');
const seen: SeenTokenRequest[] = [];
const answered = new Map<string, { readonly at: number; readonly body: string }>();
let misbehaviour: Misbehaviour | undefined;
let left = 0;

const server = createServer().listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  // The service under test is reached at 127.0.0.1: another site than localhost.
  const issuer = `http://localhost:${port}`;
  const provider = new Provider(issuer, configuration());
  const callback = provider.callback();
  server.on('request', async (request: IncomingMessage, response: ServerResponse) => {
    const { pathname } = new URL(request.url ?? '', issuer);
    if (pathname === '/token' && request.method === 'POST') return token(callback, request, response);
    if (pathname === '/misbehave') {
      misbehaviour = JSON.parse(await text(request));
      left = misbehaviour?.times ?? Number.POSITIVE_INFINITY;
      return response.end();
    }
    if (pathname === '/seen') return response.end(JSON.stringify(seen));
    const [, room, uid, action] = pathname.split('/');
    if (room !== 'interaction') return callback(request, response);
    if (action === undefined) return consentPage(provider, request, response, uid ?? '');
    return action === 'refuse' ? refuse(provider, request, response) : consent(provider, request, response);
  });
  process.send?.({ issuer });
});
process.on('disconnect', () => process.exit());

function configuration(): Configuration {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const key = { ...privateKey.export({ format: 'jwk' }), alg: 'ES256', use: 'sig' };
  return {
    clients: [
      {
        client_id: CLIENT.clientId,
        client_secret: CLIENT.clientSecret,
        redirect_uris: [...options.redirectUris],
        grant_types: ['authorization_code', 'refresh_token'],
        token_endpoint_auth_method: options.tokenEndpointAuthMethod ?? 'client_secret_post',
      },
    ],
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    jwks: { keys: [key] },
    scopes: ['openid', 'offline_access', 'read', 'write'],
    issueRefreshToken: async (_, client) => client.grantTypeAllowed('refresh_token'),
    rotateRefreshToken: options.rotates ?? true,
    ttl: { AccessToken: options.accessTokenSeconds ?? 3600, RefreshToken: 86_400, Grant: 86_400 },
    features: {
      devInteractions: { enabled: false },
      revocation: { enabled: true },
      introspection: { enabled: true },
      registration: { enabled: true, initialAccessToken: false },
      registrationManagement: { enabled: true },
      clientIdMetadataDocument: {
        enabled: options.clientDocuments !== undefined,
        ack: 'draft-02',
        cacheDuration: { min: 0, max: 1 },
      },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => [],
        useGrantedResource: () => false,
        getResourceServerInfo: (_, resource) => ({
          scope: 'read write',
          audience: resource,
          accessTokenFormat: 'opaque',
        }),
      },
    },
    interactions: { url: (_, { uid }) => `/interaction/${uid}` },
    findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
    // The name of a public URL leads nowhere here.
    ...(options.clientDocuments && { fetch: fetchDocument(options.clientDocuments) }),
    ...options.configuration,
  };
}

const fetchDocument =
  ({ publicUrl, servedAt }: { readonly publicUrl: string; readonly servedAt: string }) =>
  // Without the dispatcher of the options, which refuses loopback addresses.
  (url: string | URL | Request, { headers = {} }: RequestInit = {}): Promise<Response> =>
    fetch(String(url).replace(publicUrl, servedAt), { headers, redirect: 'manual' });

type Handle = ReturnType<Provider['callback']>;

/** The token endpoint, with the misbehaviour that the test has set. */
async function token(callback: Handle, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await text(request);
  const parameters = new URLSearchParams(body);
  const [grantType, refreshToken, resource] = ['grant_type', 'refresh_token', 'resource'].map((name) =>
    parameters.get(name),
  );
  const mode = left > 0 ? misbehaviour?.mode : undefined;
  left -= 1;
  response.once('close', () => {
    const { statusCode: status } = response;
    seen.push({
      grantType: grantType ?? null,
      refreshToken: refreshToken ?? null,
      resource: resource ?? null,
      status,
    });
  });
  if (mode === 'down') return void response.writeHead(503).end();
  if (mode === 'busy') return void response.writeHead(429, { 'Retry-After': '1' }).end();
  if (mode === 'slow') await setTimeout(misbehaviour?.ms ?? 1_000);
  const earlier = answered.get(refreshToken ?? '');
  if (earlier !== undefined && Date.now() - earlier.at < (options.reuseWindowSeconds ?? 0) * 1_000) {
    return void response.writeHead(200, { 'Content-Type': 'application/json' }).end(earlier.body);
  }
  const end = response.end.bind(response);
  response.end = (...given: unknown[]) => {
    const sent = String(given[0] ?? '');
    if (response.statusCode === 200 && refreshToken)
      answered.set(refreshToken, { at: Date.now(), body: sent });
    if (mode === 'drop') return response.destroy();
    if (mode !== 'error') return end(sent);
    response.statusCode = 500;
    response.removeHeader('Content-Length');
    return end('');
  };
  await callback(Object.assign(request, { body }), response);
}

/** The page of consent: who asks, for what, and two buttons. */
async function consentPage(
  provider: Provider,
  request: IncomingMessage,
  response: ServerResponse,
  uid: string,
): Promise<void> {
  const { params } = await provider.interactionDetails(request, response);
  const button = (action: string, label: string) =>
    `<form method="post" action="/interaction/${uid}/${action}"><button>${label}</button></form>`;
  response.writeHead(200, { 'Content-Type': 'text/html' });
  response.end(
    `<!doctype html><html lang="en"><title>Consent</title><h1>Consent</h1><p>${params['client_id']} asks for
    ${encodeURIComponent(String(params['scope'] ?? ''))}</p>${button('consent', 'Allow')}${button('refuse', 'Refuse')}`,
  );
}

async function consent(
  provider: Provider,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { params, session } = await provider.interactionDetails(request, response);
  const accountId = session?.accountId ?? 'account-of-the-person';
  const grant = new provider.Grant({ accountId, clientId: String(params['client_id']) });
  const scope = String(params['scope'] ?? '');
  grant.addOIDCScope(scope);
  for (const resource of [params['resource'] ?? []].flat()) grant.addResourceScope(String(resource), scope);
  const result = { login: { accountId }, consent: { grantId: await grant.save() } };
  await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
}

const refuse = (provider: Provider, request: IncomingMessage, response: ServerResponse): Promise<void> =>
  provider.interactionFinished(
    request,
    response,
    { error: 'access_denied', error_description: 'the person refused' },
    { mergeWithLastSubmission: false },
  );
