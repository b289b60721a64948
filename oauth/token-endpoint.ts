import {
  allowInsecureRequests,
  type CustomFetchOptions,
  customFetch,
  genericTokenEndpointRequest,
  processGenericTokenEndpointResponse,
} from 'oauth4webapi';
import { OutboundError, type OutboundErrorKind } from '../outbound/errors.ts';
import type { Outbound } from '../outbound/outbound.ts';
import type { RefreshWay } from './catalogue-entry.ts';
import { clientAuthentication } from './client-authentication.ts';
import type { ProviderClient } from './provider-settings.ts';
import { readTokenAnswer, type TokenAnswer, type Tokens } from './token-answer.ts';
import { classifyRefusal, type Refusal, retryAfterSeconds } from './token-errors.ts';

/**
 * How a token request ended. Nothing of the provider's text is in it, except for tokens and allow-listed metadata.
 * `not-sent`: the provider has not seen the request, so the code or refresh token is unspent.
 * `unknown`: the provider may have spent it. There was no answer, an unreadable one, or status 5xx.
 */
export type TokenResult =
  | ({ readonly outcome: 'tokens' } & Tokens)
  | ({ readonly outcome: 'refused'; readonly retryAfterSeconds?: number } & Refusal)
  | { readonly outcome: 'not-sent'; readonly reason: OutboundErrorKind }
  | {
      readonly outcome: 'unknown';
      readonly reason: OutboundErrorKind | 'status-5xx';
      readonly retryAfterSeconds?: number;
    };

export interface CodeExchange {
  readonly code: string;
  /** The one of the authorization request. */
  readonly redirectUri: string;
  readonly codeVerifier: string | null;
  /** The origin that the callback named (`readAuthorizationResponse`), in place of the token URL's. */
  readonly tokenOrigin?: string | undefined;
}

export interface Refresh {
  readonly refreshToken: string;
  /** Some providers redeem the access token in place of a refresh token. */
  readonly accessToken: string;
  readonly tokenOrigin?: string | undefined;
}

export interface RequestLimits {
  readonly signal?: AbortSignal;
  /** Default 20 s. */
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 20_000;
type Request = Outbound['request'];

/** Redeems an authorization code (RFC 6749, section 4.1.3). It never rejects. */
export function exchangeCode(
  request: Request,
  client: ProviderClient,
  { code, redirectUri, codeVerifier, tokenOrigin }: CodeExchange,
  limits: RequestLimits = {},
): Promise<TokenResult> {
  const parameters = {
    code,
    redirect_uri: redirectUri,
    ...(codeVerifier !== null && { code_verifier: codeVerifier }),
  };
  const url = atOrigin(client.tokenUrl, tokenOrigin);
  return ask(request, client, { url, grantType: 'authorization_code', parameters, way: {}, limits });
}

/** Redeems a refresh token (RFC 6749, section 6), or the token that the provider takes instead. It never rejects. */
export function refreshTokens(
  request: Request,
  client: ProviderClient,
  { refreshToken, accessToken, tokenOrigin }: Refresh,
  limits: RequestLimits = {},
): Promise<TokenResult> {
  const way = client.entry?.refresh ?? {};
  const redeemed = way.redeems === 'access_token' ? accessToken : refreshToken;
  const parameters = { [way.tokenParameter ?? 'refresh_token']: redeemed };
  const url = atOrigin(way.url ?? client.tokenUrl, tokenOrigin);
  return ask(request, client, { url, grantType: way.grantType ?? 'refresh_token', parameters, way, limits });
}

interface TokenRequest {
  readonly url: string;
  readonly grantType: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly way: RefreshWay;
  readonly limits: RequestLimits;
}

/** The answer as it was received. oauth4webapi sees a normalized copy. */
interface Received {
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly answer: TokenAnswer;
}

async function ask(request: Request, client: ProviderClient, asked: TokenRequest): Promise<TokenResult> {
  let received: Received | undefined;
  let failure: OutboundError | undefined;
  const send = async (_url: string, options: Parameters<typeof write>[2]): Promise<Response> => {
    try {
      const { status, headers, text } = await request(write(client, asked, options));
      const answer = readTokenAnswer(status, text, client.entry);
      received = { status, retryAfter: headers['retry-after'], answer };
      return standard(received);
    } catch (error) {
      failure = error instanceof OutboundError ? error : new OutboundError('unreadable', true);
      throw failure;
    }
  };
  const server = { issuer: new URL(asked.url).origin, token_endpoint: asked.url };
  const oauthClient = { client_id: client.clientId };
  const options = { [customFetch]: send, [allowInsecureRequests]: true };
  try {
    const response = await genericTokenEndpointRequest(
      server,
      oauthClient,
      clientAuthentication(client),
      asked.grantType,
      { ...asked.parameters, ...ofProvider(client) },
      options,
    );
    await processGenericTokenEndpointResponse(server, oauthClient, response);
    if (received?.answer.kind === 'tokens') return { outcome: 'tokens', ...received.answer.tokens };
  } catch {
    // Errors of oauth4webapi hold the whole answer, tokens included, so they are dropped.
  }
  return failed(client, received, failure);
}

const ofProvider = ({ entry, resource }: ProviderClient): Readonly<Record<string, string>> => ({
  ...(resource !== undefined && { resource }),
  ...(entry?.requestedExpirySeconds !== undefined && { expires_in: String(entry.requestedExpirySeconds) }),
  ...entry?.extraTokenParameters,
});

function failed(
  { entry }: ProviderClient,
  received: Received | undefined,
  failure: OutboundError | undefined,
): TokenResult {
  if (failure !== undefined) {
    return { outcome: failure.mayHaveArrived ? 'unknown' : 'not-sent', reason: failure.kind };
  }
  if (received === undefined) return { outcome: 'not-sent', reason: 'refused' };
  const { status, answer } = received;
  const pause = retryAfterSeconds(received.retryAfter);
  const retry = pause === undefined ? {} : { retryAfterSeconds: pause };
  if (status >= 500) return { outcome: 'unknown', reason: 'status-5xx', ...retry };
  if (answer.kind !== 'error' && status < 300) return { outcome: 'unknown', reason: 'unreadable' };
  const code = answer.kind === 'error' ? answer.code : undefined;
  return { outcome: 'refused', ...classifyRefusal(status, code, entry), ...retry };
}

/** Our request, in the form that the provider takes. */
function write(
  { entry }: ProviderClient,
  { url, way, limits }: TokenRequest,
  { body, headers }: CustomFetchOptions<'POST', URLSearchParams>,
) {
  const renamed = Object.fromEntries(
    [...body].map(([name, value]) => [entry?.fieldRenames?.[name] ?? name, value]),
  );
  const isInQuery = way.method === 'GET' || way.parametersIn === 'query';
  const target = new URL(url);
  if (isInQuery) for (const [name, value] of Object.entries(renamed)) target.searchParams.set(name, value);
  const isJson = entry?.requestFormat === 'json';
  const content = isJson ? JSON.stringify(renamed) : new URLSearchParams(renamed).toString();
  const { 'content-type': _, 'user-agent': __, ...others } = headers;
  return {
    purpose: 'token',
    url: target.href,
    method: way.method ?? 'POST',
    headers: {
      ...others,
      ...(!isInQuery && {
        'content-type': isJson ? 'application/json' : 'application/x-www-form-urlencoded',
      }),
    },
    ...(!isInQuery && { body: content }),
    timeoutMs: limits.timeoutMs ?? TIMEOUT_MS,
    ...(limits.signal !== undefined && { signal: limits.signal }),
  } as const;
}

/** The answer in the form of RFC 6749, section 5. */
function standard({ status, answer }: Received): Response {
  if (answer.kind === 'tokens') {
    const { accessToken, refreshToken, expiresInSeconds } = answer.tokens;
    return json(200, {
      access_token: accessToken,
      token_type: 'bearer',
      ...(refreshToken !== undefined && { refresh_token: refreshToken }),
      ...(expiresInSeconds !== undefined && { expires_in: expiresInSeconds }),
    });
  }
  return json(status >= 400 && status <= 599 ? status : 400, { error: 'invalid_request' });
}

const json = (status: number, body: object): Response =>
  new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json' } });

/** The URL, with the origin that the provider named, if any. */
function atOrigin(url: string, origin: string | undefined): string {
  if (origin === undefined) return url;
  const { pathname, search } = new URL(url);
  return `${origin}${pathname}${search}`;
}
