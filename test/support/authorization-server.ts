import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Configuration } from 'oidc-provider';

export interface ServerOptions {
  readonly redirectUris: readonly string[];
  /** Default `client_secret_post`. */
  readonly tokenEndpointAuthMethod?: 'client_secret_post' | 'client_secret_basic' | 'none';
  /** Whether each refresh gives a new refresh token, and a spent one revokes the grant. Default true. */
  readonly rotates?: boolean;
  /** A spent refresh token gets the same answer again for so long. Default 0. */
  readonly reuseWindowSeconds?: number;
  /** Default 3600. */
  readonly accessTokenSeconds?: number;
  /** Client id metadata documents are taken. Those below `publicUrl` are fetched from `servedAt`. */
  readonly clientDocuments?: { readonly publicUrl: string; readonly servedAt: string };
  /** Merged into the server's configuration. It is sent as JSON. */
  readonly configuration?: Configuration;
}

/** How the next token requests end. `drop` and `error` come after the server has done its part. */
export interface Misbehaviour {
  readonly mode: 'drop' | 'error' | 'slow' | 'down' | 'busy';
  /** Of `slow`. */
  readonly ms?: number;
  /** Default: until the next call. */
  readonly times?: number;
}

export interface SeenTokenRequest {
  readonly grantType: string | null;
  readonly refreshToken: string | null;
  readonly resource: string | null;
  readonly status: number;
}

export const CLIENT = { clientId: 'tokenhold', clientSecret: 'client-secret-of-the-tests' };

export interface AuthorizationServer {
  /** `http://localhost:PORT`. */
  readonly issuer: string;
  readonly authUrl: string;
  readonly tokenUrl: string;
  readonly revocationUrl: string;
  readonly client: typeof CLIENT;
  /**
   * Consents or refuses without a browser.
   * @returns the callback that the browser would be sent to
   */
  consent(authorizationUrl: string, action?: 'consent' | 'refuse'): Promise<string>;
  /** The introspection of a token (RFC 7662). */
  introspect(token: string): Promise<Readonly<Record<string, unknown>>>;
  misbehave(how: Misbehaviour): Promise<void>;
  /** The token requests so far. */
  seen(): Promise<readonly SeenTokenRequest[]>;
  stop(): Promise<void>;
}

const PROGRAM = fileURLToPath(new URL('authorization-server-process.ts', import.meta.url));

/** Starts oidc-provider in a process of its own, which ends with this one. */
export async function startAuthorizationServer(options: ServerOptions): Promise<AuthorizationServer> {
  const execArgv = ['--import', 'tsx', '--no-warnings'];
  const child = fork(PROGRAM, [JSON.stringify(options)], {
    execArgv,
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  const errors: string[] = [];
  child.stderr?.on('data', (chunk) => errors.push(String(chunk)));
  const exited = once(child, 'exit');
  const [message] = await Promise.race([once(child, 'message'), exited]);
  if (typeof message !== 'object') throw new Error(`the authorization server ended: ${errors.join('')}`);
  const issuer = String(message.issuer);
  const post = (path: string, body: string) => fetch(`${issuer}${path}`, { method: 'POST', body });
  const authorization = `Basic ${Buffer.from(`${CLIENT.clientId}:${CLIENT.clientSecret}`).toString('base64')}`;
  return {
    issuer,
    authUrl: `${issuer}/auth`,
    tokenUrl: `${issuer}/token`,
    revocationUrl: `${issuer}/token/revocation`,
    client: CLIENT,
    consent: (url, action = 'consent') => walk(issuer, url, action),
    async introspect(token) {
      const isBasic = options.tokenEndpointAuthMethod === 'client_secret_basic';
      const { clientId: client_id, clientSecret: client_secret } = CLIENT;
      const answer = await fetch(`${issuer}/token/introspection`, {
        method: 'POST',
        headers: isBasic ? { authorization } : {},
        body: new URLSearchParams({ token, ...(!isBasic && { client_id, client_secret }) }),
      });
      return JSON.parse(await answer.text());
    },
    async misbehave(how) {
      await post('/misbehave', JSON.stringify(how));
    },
    async seen() {
      return JSON.parse(await (await fetch(`${issuer}/seen`)).text());
    },
    async stop() {
      if (child.connected) child.disconnect();
      await exited;
    },
  };
}

/** Follows redirects with the cookies of one browser, presses the button, and stops at the first other host. */
async function walk(issuer: string, start: string, action: string): Promise<string> {
  const cookies = new Map<string, string>();
  let url = start;
  let method = 'GET';
  for (let step = 0; step < 12; step++) {
    if (!url.startsWith(`${issuer}/`)) return url;
    const cookie = [...cookies].map((pair) => pair.join('=')).join('; ');
    const answer = await fetch(url, { method, headers: { cookie }, redirect: 'manual' });
    for (const line of answer.headers.getSetCookie()) {
      const [name = '', value = ''] = (line.split(';')[0] ?? '').split(/=(.*)/);
      cookies.set(name, value);
    }
    const location = answer.headers.get('location');
    const text = await answer.text();
    method = location === null ? 'POST' : 'GET';
    if (location === null && !text.includes('<h1>Consent</h1>')) throw new Error(`${answer.status}: ${text}`);
    url = location === null ? `${url}/${action}` : new URL(location, url).href;
  }
  throw new Error('too many redirects');
}
