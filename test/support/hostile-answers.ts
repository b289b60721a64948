import { randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';

/** A token or revocation request as it arrived. */
export interface TokenRequest {
  readonly mode: string;
  readonly method: string;
  readonly path: string;
  readonly contentType: string;
  readonly authorization: string;
  readonly headers: IncomingHttpHeaders;
  /** Of the body, form or JSON, and of the query. */
  readonly parameters: Readonly<Record<string, string>>;
  /** The server's objection to the request. Undefined: none. */
  readonly fault: string | undefined;
}

interface Pair {
  readonly access: string;
  readonly refresh: string;
}

export interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** An object is sent as JSON. */
  readonly body: unknown;
}

export const MARKUP = '<script>alert(1)</script><b onmouseover="x">&';
const ELSEWHERE = 'https://elsewhere.example/';
export const plain = ({ access, refresh }: Pair) => ({
  access_token: access,
  token_type: 'Bearer',
  refresh_token: refresh,
  expires_in: 3600,
  scope: 'read write',
});
const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' };
const refusal =
  (status: number, error: string, headers = {}) =>
  (): Answer => ({
    status,
    headers,
    body: { error, error_description: MARKUP },
  });

/** Answers of providers to a token request, from their documentation or their outages. */
export const ANSWERS: Readonly<Record<string, (pair: Pair, request: TokenRequest) => Answer>> = {
  'form-text': ({ access, refresh }) => ({
    headers: FORM,
    body: `access_token=${access}&refresh_token=${refresh}&scope=read%2Cwrite&expires_in=3600&token_type=bearer`,
  }),
  'form-error-200': () => ({ headers: FORM, body: 'error=bad_verification_code&error_description=x' }),
  'status-201': (pair) => ({ status: 201, body: plain(pair) }),
  'plain-text-json': (pair) => ({ headers: { 'Content-Type': 'text/plain' }, body: plain(pair) }),
  'byte-order-mark': (pair) => ({ body: `\uFEFF${JSON.stringify(plain(pair))}` }),
  'no-token-type': ({ access }) => ({ body: { access_token: access } }),
  'odd-token-type': (pair) => ({ body: { ...plain(pair), token_type: 'Zoho-oauthtoken' } }),
  'comma-scopes': (pair) => ({ body: { ...plain(pair), scope: 'read,write, read' } }),
  'scope-list': (pair) => ({ body: { ...plain(pair), scope: ['read', 'write', 7] } }),
  'scope-null': (pair) => ({ body: { ...plain(pair), scope: null } }),
  'expires-text': (pair) => ({ body: { ...plain(pair), expires_in: '3600' } }),
  'expires-fraction': (pair) => ({ body: { ...plain(pair), expires_in: 3600.7 } }),
  'expires-0': (pair) => ({ body: { ...plain(pair), expires_in: 0 } }),
  'expires-null': (pair) => ({ body: { ...plain(pair), expires_in: null } }),
  'expires-negative': (pair) => ({ body: { ...plain(pair), expires_in: -1 } }),
  'expires-word': (pair) => ({ body: { ...plain(pair), expires_in: 'never' } }),
  'expires-absurd': (pair) => ({ body: { ...plain(pair), expires_in: 1e300 } }),
  'refresh-null': (pair) => ({ body: { ...plain(pair), refresh_token: null } }),
  'refresh-empty': (pair) => ({ body: { ...plain(pair), refresh_token: '' } }),
  'refresh-life': (pair) => ({ body: { ...plain(pair), refresh_token_expires_in: 15_897_600 } }),
  'x-refresh-life': (pair) => ({ body: { ...plain(pair), x_refresh_token_expires_in: '8726400' } }),
  'id-token': (pair) => ({ body: { ...plain(pair), id_token: 'not.a.token' } }),
  slack: ({ access, refresh }) => ({
    body: {
      ok: true,
      access_token: access,
      refresh_token: refresh,
      token_type: 'bot',
      team: { id: 'T1', name: 'x' },
    },
  }),
  'slack-user': ({ access }) => ({
    body: {
      ok: true,
      authed_user: { id: 'U1', access_token: access, token_type: 'user', scope: 'chat:write' },
    },
  }),
  'slack-error': () => ({ body: { ok: false, error: 'invalid_refresh_token' } }),
  'error-200': () => ({ body: { error: 'invalid_grant', error_description: MARKUP } }),
  'error-object': () => ({
    status: 400,
    body: { error: { type: 'OAuthException', code: 190, message: MARKUP } },
  }),
  'error-with-token': (pair) => ({ body: { ...plain(pair), error: 'invalid_grant' } }),
  envelope: (pair) => ({ body: { code: 0, message: 'OK', data: plain(pair) } }),
  'deep-envelope': (pair) => ({ body: { result: { token: plain(pair) } } }),
  salesforce: ({ access }) => ({
    body: {
      access_token: access,
      instance_url: 'https://eu1.my.salesforce.com',
      signature: 'secret',
      id: 'x',
    },
  }),
  'secret-in-error': ({ access }, { parameters }) => ({
    status: 400,
    body: { error: `invalid_grant ${access} ${parameters['client_secret']}`, error_description: access },
  }),
  'invalid-grant': refusal(400, 'invalid_grant'),
  'invalid-client': refusal(401, 'invalid_client', {
    'WWW-Authenticate': 'Basic realm="x", error="invalid_client"',
  }),
  'access-denied': refusal(403, 'access_denied'),
  'unknown-error': refusal(400, MARKUP),
  'rate-limited': refusal(429, 'slow_down', { 'Retry-After': '17' }),
  unavailable: refusal(503, 'temporarily_unavailable', { 'Retry-After': '5' }),
  'commit-then-500': (pair) => ({ status: 500, body: plain(pair) }),
  redirect: () => ({ status: 307, headers: { Location: ELSEWHERE }, body: '' }),
  'html-200': () => ({ headers: { 'Content-Type': 'text/html' }, body: `<html>${MARKUP}</html>` }),
  'list-200': (pair) => ({ body: [plain(pair)] }),
  'token-revoked': () => ({ body: { ok: false, error: 'token_revoked' } }),
  'invalid-token': refusal(400, 'invalid_token'),
  'unsupported-refresh': (_, { parameters }) =>
    parameters['token']?.startsWith('access')
      ? { body: '' }
      : { status: 400, body: { error: 'unsupported_token_type' } },
  empty: () => ({ body: '' }),
  'no-content': () => ({ status: 204, body: '' }),
};

/** Answers that are about the connection. */
export const CONNECTIONS: Readonly<Record<string, (response: ServerResponse, pair: Pair) => void>> = {
  silent: () => undefined,
  reset: (response) => void response.socket?.resetAndDestroy(),
  cut: (response, pair) => {
    response.writeHead(200, { 'Content-Length': 10_000 }).write(JSON.stringify(plain(pair)).slice(0, 40));
    setTimeout(() => response.destroy(), 20);
  },
  huge: (response, { access }) => {
    response.end(JSON.stringify({ access_token: access, padding: 'x'.repeat(1_000_000) }));
  },
  endless: (response) => {
    const more = (): void =>
      void (response.destroyed || setImmediate(() => response.write('x'.repeat(9_999), more)));
    more();
  },
  drip: (response) => {
    const timer = setInterval(() => response.write(' '), 20);
    response.on('close', () => clearInterval(timer));
  },
};

type Change = (callback: URLSearchParams, url: string) => void;

/** How callbacks depart from an honest one. */
export const CALLBACKS: Readonly<Record<string, Change>> = {
  'another-issuer': (callback) => callback.set('iss', ELSEWHERE),
  'without-issuer': (callback) => callback.delete('iss'),
  'another-state': (callback) => callback.set('state', randomBytes(32).toString('base64url')),
  'without-state': (callback) => callback.delete('state'),
  'two-states': (callback) => callback.append('state', 'another'),
  'without-code': (callback) => callback.delete('code'),
  'empty-code': (callback) => callback.set('code', ''),
  'two-codes': (callback) => callback.append('code', 'another'),
  'huge-code': (callback) => callback.set('code', 'x'.repeat(4_097)),
  'code-and-error': (callback) => callback.set('error', 'access_denied'),
  denied: (callback) => deny(callback, 'access_denied'),
  'denied-with-markup': (callback) => deny(callback, MARKUP),
  realm: (callback) => callback.set('realmId', '9130'),
  'renamed-code': (callback) => {
    callback.set('spapi_oauth_code', callback.get('code') ?? '');
    callback.delete('code');
  },
  'token-origin': (callback, url) => callback.set('accounts-server', url),
  'token-origin-elsewhere': (callback) => callback.set('accounts-server', ELSEWHERE),
};

function deny(callback: URLSearchParams, error: string): void {
  callback.delete('code');
  callback.set('error', error);
  callback.set('error_description', MARKUP);
}
