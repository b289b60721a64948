import { OutboundError, type OutboundErrorKind } from '../outbound/errors.ts';
import type { Outbound } from '../outbound/outbound.ts';
import type { CatalogueEntry, RevocationWay } from './catalogue-entry.ts';
import { basic, clientAuthentication } from './client-authentication.ts';
import { matchesHosts } from './hosts.ts';
import { type JsonObject, readObject, textOf, valueAt } from './json.ts';
import type { ProviderClient } from './provider-settings.ts';
import { errorCode } from './token-answer.ts';
import type { RequestLimits } from './token-endpoint.ts';
import { classifyRefusal, type Refusal, retryAfterSeconds } from './token-errors.ts';

/**
 * How a revocation ended. `revoked`: the provider says so, or says that it does not know the token any more.
 * `unsupported`: the provider has no way to revoke, or the token lacks something that it needs. `refused`: the provider said
 * no. `unanswered`: the token may be revoked or not. It is safe to repeat the request.
 */
export type RevocationResult =
  | { readonly outcome: 'revoked' }
  | { readonly outcome: 'unsupported' }
  | ({ readonly outcome: 'refused'; readonly retryAfterSeconds?: number } & Refusal)
  | { readonly outcome: 'unanswered'; readonly reason: OutboundErrorKind | 'status-5xx' };

export interface RevokedGrant {
  readonly accessToken: string;
  readonly refreshToken: string | null;
  readonly metadata: JsonObject;
}

type Token = RevocationWay['token'];

const TIMEOUT_MS = 10_000;
/** The provider does not know the token any more, so the purpose is achieved (RFC 7009, section 2.2). */
const ENDED = new Set([
  'invalid_token',
  'token_revoked',
  'token_expired',
  'invalid_auth',
  'account_inactive',
]);

/**
 * Revokes a grant by the catalogue's way, or else by RFC 7009. It never rejects.
 * @param endpoint the provider's revocation endpoint, where it was discovered (RFC 8414)
 */
export async function revokeGrant(
  request: Outbound['request'],
  client: ProviderClient,
  grant: RevokedGrant,
  endpoint?: string,
  limits: RequestLimits = {},
): Promise<RevocationResult> {
  const byEndpoint =
    endpoint === undefined ? undefined : ({ url: endpoint, token: 'refresh_token' } as const);
  const way = client.entry?.revocation ?? byEndpoint;
  if (way === undefined) return { outcome: 'unsupported' };
  const first = way.token === 'refresh_token' && grant.refreshToken === null ? 'access_token' : way.token;
  const result = await revoke(request, client, grant, way, first, limits);
  const isOfOtherType = result.outcome === 'refused' && result.code === 'unsupported_token_type';
  if (!isOfOtherType || first === 'access_token') return result;
  return revoke(request, client, grant, way, 'access_token', limits);
}

async function revoke(
  request: Outbound['request'],
  client: ProviderClient,
  grant: RevokedGrant,
  way: RevocationWay,
  kind: Token,
  { timeoutMs = TIMEOUT_MS, signal }: RequestLimits,
): Promise<RevocationResult> {
  const token = (kind === 'refresh_token' ? grant.refreshToken : null) ?? grant.accessToken;
  const values = {
    client_id: client.clientId,
    token,
    origin: new URL(client.tokenUrl).origin,
    metadata: grant.metadata,
  };
  const url = fillIn(way.url, values, client.entry);
  if (url === undefined) return { outcome: 'unsupported' };
  // A header cannot hold every text that was imported as a token.
  const message = await write(client, way, url, kind, token).catch(() => undefined);
  if (message === undefined) return { outcome: 'unsupported' };
  try {
    const limits = { timeoutMs, ...(signal !== undefined && { signal }) };
    const { status, headers, text } = await request({ purpose: 'revocation', ...message, ...limits });
    if (status >= 500) return { outcome: 'unanswered', reason: 'status-5xx' };
    const code = errorCode(readObject(text) ?? {});
    if ((status < 300 && code === undefined) || (code !== undefined && ENDED.has(code))) {
      return { outcome: 'revoked' };
    }
    const pause = retryAfterSeconds(headers['retry-after']);
    const retry = pause === undefined ? {} : { retryAfterSeconds: pause };
    return { outcome: 'refused', ...classifyRefusal(status, code, client.entry), ...retry };
  } catch (error) {
    return { outcome: 'unanswered', reason: error instanceof OutboundError ? error.kind : 'unreadable' };
  }
}

/** Fills in a URL pattern of the catalogue. Undefined: the token lacks a value that the pattern names. */
function fillIn(pattern: string, values: JsonObject, entry: CatalogueEntry | undefined): string | undefined {
  let isComplete = true;
  const url = pattern.replace(/\{([\w.-]+)\}/g, (_, name: string, at: number) => {
    const value = textOf(valueAt(values, name)) ?? '';
    const isOrigin = at === 0;
    if (value === '' || (isOrigin && !matchesHosts(value, entry?.match ?? []))) isComplete = false;
    if (!isComplete) return '';
    return isOrigin ? new URL(value).origin : encodeURIComponent(value);
  });
  return isComplete ? url : undefined;
}

async function write(client: ProviderClient, way: RevocationWay, url: string, kind: Token, token: string) {
  const { format = 'form', method = 'POST', tokenParameter = 'token', fieldRenames = {} } = way;
  const parameters = new URLSearchParams(format === 'none' ? {} : { [tokenParameter]: token });
  const headers = new Headers({ accept: 'application/json', ...way.headers });
  if (format === 'form' && client.entry?.revocation === undefined) parameters.set('token_type_hint', kind);
  if (way.tokenHeader !== undefined) headers.set(way.tokenHeader, token);
  await authenticate(client, way, url, token, parameters, headers);
  const given = [...parameters].map(([name, value]) => [fieldRenames[name] ?? name, value] as const);
  const target = new URL(url);
  if (format === 'query') for (const [name, value] of given) target.searchParams.set(name, value);
  const isJson = format === 'json';
  if (isJson || format === 'form') {
    headers.set('content-type', isJson ? 'application/json' : 'application/x-www-form-urlencoded');
  }
  const fields = Object.fromEntries(given);
  const body = isJson ? JSON.stringify(fields) : new URLSearchParams(fields).toString();
  return {
    url: target.href,
    method,
    headers: Object.fromEntries(headers),
    ...(headers.has('content-type') && { body }),
  };
}

async function authenticate(
  client: ProviderClient,
  { authentication = 'client' }: RevocationWay,
  url: string,
  token: string,
  parameters: URLSearchParams,
  headers: Headers,
): Promise<void> {
  if (authentication === 'bearer') headers.set('authorization', `Bearer ${token}`);
  if (authentication === 'client_secret_basic') headers.set('authorization', basic(client));
  if (authentication !== 'client' && authentication !== 'client_secret_post') return;
  const posting = { ...client, tokenEndpointAuthMethod: 'client_secret_post', entry: undefined } as const;
  const authenticating = clientAuthentication(authentication === 'client' ? client : posting);
  await authenticating({ issuer: new URL(url).origin }, { client_id: client.clientId }, parameters, headers);
}
