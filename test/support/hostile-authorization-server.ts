import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { ANSWERS, type Answer, CALLBACKS, CONNECTIONS, plain, type TokenRequest } from './hostile-answers.ts';

export interface HostileServer {
  readonly url: string;
  /** A person who consents at once. `mode` is a key of `CALLBACKS`; any other is honest. */
  authUrl(mode?: string): string;
  /** `mode` is a key of `ANSWERS` or `CONNECTIONS`; any other is honest. */
  tokenUrl(mode?: string): string;
  readonly tokenRequests: TokenRequest[];
  /** Answers a request for the list of the user's installations. */
  installations: (request: IncomingMessage, response: ServerResponse) => void;
  /** All tokens that the server has issued, for tests that search for leaks. */
  readonly secrets: string[];
  stop(): Promise<void>;
}

/** An authorization server over HTTP. The path names its misbehaviour. */
export async function startHostileServer(): Promise<HostileServer> {
  const codes = new Map<string, URLSearchParams>();
  const server = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', url);
    const [, mode = '', endpoint] = pathname.split('/');
    if (endpoint === 'authorize') return authorize(mode, searchParams, response);
    if (endpoint === 'token')
      return token(mode, await readRequest(mode, pathname, searchParams, request), response);
    if (endpoint === 'installations') return hostile.installations(request, response);
    response.writeHead(404).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  const hostile: HostileServer = {
    url,
    authUrl: (mode = 'honest') => `${url}/${mode}/authorize`,
    tokenUrl: (mode = 'honest') => `${url}/${mode}/token`,
    tokenRequests: [],
    installations: (_request, response) => void response.end('{"installations":[]}'),
    secrets: [],
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return hostile;

  function authorize(mode: string, asked: URLSearchParams, response: ServerResponse): void {
    const code = randomBytes(16).toString('base64url');
    codes.set(code, asked);
    const callback = new URLSearchParams({ code, state: asked.get('state') ?? '', iss: url });
    CALLBACKS[mode]?.(callback, url);
    response.writeHead(302, { Location: `${asked.get('redirect_uri')}?${callback}` }).end();
  }

  async function readRequest(mode: string, path: string, query: URLSearchParams, request: IncomingMessage) {
    const body = await text(request);
    const { method = '', headers } = request;
    const contentType = headers['content-type'] ?? '';
    const given = contentType.includes('json')
      ? JSON.parse(body)
      : Object.fromEntries(new URLSearchParams(body));
    const parameters = { ...Object.fromEntries(query), ...given };
    const authorization = headers.authorization ?? '';
    const fault = findFault(parameters);
    return { mode, method, path, contentType, authorization, headers, parameters, fault };
  }

  /** A code is redeemed once, with the redirect URI and the PKCE verifier of its authorization request. */
  function findFault(parameters: TokenRequest['parameters']): string | undefined {
    const { grant_type, code = '', redirect_uri, code_verifier = '' } = parameters;
    if (grant_type !== 'authorization_code') return undefined;
    const asked = codes.get(code);
    codes.delete(code);
    if (asked === undefined) return 'unknown or spent code';
    if (asked.get('redirect_uri') !== redirect_uri) return 'another redirect URI';
    const challenge = createHash('sha256').update(code_verifier).digest('base64url');
    return [null, challenge].includes(asked.get('code_challenge')) ? undefined : 'wrong code verifier';
  }

  function token(mode: string, request: TokenRequest, response: ServerResponse): void {
    hostile.tokenRequests.push(request);
    const random = () => randomBytes(12).toString('hex');
    const pair = { access: `access-${random()}`, refresh: `refresh-${random()}` };
    hostile.secrets.push(pair.access, pair.refresh);
    const connection = CONNECTIONS[mode];
    if (connection !== undefined) {
      connection(response, pair);
      return;
    }
    const isRefused = request.fault !== undefined && ANSWERS[mode] === undefined;
    const answer = isRefused
      ? { status: 400, body: { error: 'invalid_grant', error_description: request.fault } }
      : (ANSWERS[mode] ?? ((given): Answer => ({ body: plain(given) })))(pair, request);
    const { status = 200, headers = { 'Content-Type': 'application/json' }, body } = answer;
    response.writeHead(status, headers).end(typeof body === 'string' ? body : JSON.stringify(body));
  }
}
