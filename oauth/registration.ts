import { OutboundError, type OutboundErrorKind } from '../outbound/errors.ts';
import type { Outbound } from '../outbound/outbound.ts';
import { isLoopback } from '../outbound/urls.ts';
import { type JsonObject, readObject, textOf } from './json.ts';
import { isProviderUrl } from './provider.ts';

type AuthMethod = 'none' | 'client_secret_basic' | 'client_secret_post';

export interface ClientDescription {
  readonly clientName: string;
  readonly clientUri: string;
  readonly redirectUri: string;
  readonly scopes: readonly string[];
  readonly tokenEndpointAuthMethod: AuthMethod;
}

/** A client as the server registered it. It may differ from the client that was asked for. */
export interface RegisteredClient {
  readonly clientId: string;
  readonly clientSecret: string | null;
  /** Null: never. */
  readonly clientSecretExpiresAt: Date | null;
  readonly tokenEndpointAuthMethod: AuthMethod;
  /** For later changes (RFC 7592). */
  readonly registrationAccessToken: string | null;
  readonly registrationClientUri: string | null;
}

/** `refused`: `code` is one of RFC 7591's, `unsupported_auth_method`, `http_NNN` or `other`. `unknown`: perhaps registered. */
export type RegistrationResult =
  | { readonly outcome: 'registered'; readonly client: RegisteredClient }
  | { readonly outcome: 'refused'; readonly code: string }
  | { readonly outcome: 'not-sent'; readonly reason: OutboundErrorKind }
  | { readonly outcome: 'unknown'; readonly reason: OutboundErrorKind | 'status-5xx' };

const LIMITS = { timeoutMs: 5_000, maxBytes: 262_144 };
const METHODS: readonly AuthMethod[] = ['client_secret_post', 'client_secret_basic', 'none'];
const CODES = new Set([
  ...['invalid_redirect_uri', 'invalid_client_metadata', 'invalid_software_statement'],
  ...['unapproved_software_statement', 'invalid_token', 'access_denied', 'invalid_request'],
]);

/** The authentication method that we ask for. Undefined: the server offers none of ours. */
export const preferredAuthMethod = (
  offered: readonly string[] = ['client_secret_basic'], // RFC 8414, section 2
): AuthMethod | undefined => METHODS.find((method) => offered.includes(method));

/** The client's metadata (RFC 7591, section 2), for a registration and for a client id metadata document. */
export const clientMetadata = (client: ClientDescription): JsonObject => ({
  client_name: client.clientName,
  client_uri: client.clientUri,
  redirect_uris: [client.redirectUri],
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  token_endpoint_auth_method: client.tokenEndpointAuthMethod,
  // Servers accept http redirect URIs on loopback hosts from native applications only.
  application_type: isLoopback(new URL(client.redirectUri).hostname) ? 'native' : 'web',
  ...(client.scopes.length > 0 && { scope: client.scopes.join(' ') }),
});

/** Registers a client (RFC 7591, section 3). It never rejects. */
export async function registerClient(
  request: Outbound['request'],
  endpoint: string,
  description: ClientDescription,
): Promise<RegistrationResult> {
  try {
    const { status, text } = await request({
      purpose: 'registration',
      url: endpoint,
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify(clientMetadata(description)),
      ...LIMITS,
    });
    if (status >= 500) return { outcome: 'unknown', reason: 'status-5xx' };
    const answer = readObject(text);
    if (status === 200 || status === 201) return readClient(answer ?? {}, description);
    const code = textOf(answer?.['error']) ?? '';
    return { outcome: 'refused', code: CODES.has(code) ? code : `http_${status}` };
  } catch (error) {
    const { kind, mayHaveArrived } =
      error instanceof OutboundError ? error : new OutboundError('unreadable', true);
    return { outcome: mayHaveArrived ? 'unknown' : 'not-sent', reason: kind };
  }
}

function readClient(answer: JsonObject, asked: ClientDescription): RegistrationResult {
  const clientId = textOf(answer['client_id']);
  if (clientId === undefined) return { outcome: 'unknown', reason: 'unreadable' };
  const clientSecret = textOf(answer['client_secret']) ?? null;
  const stated = answer['token_endpoint_auth_method'];
  const silent = clientSecret === null ? 'none' : asked.tokenEndpointAuthMethod;
  const method = METHODS.find((known) => known === (stated ?? silent));
  if (method === undefined || (method !== 'none' && clientSecret === null)) {
    return { outcome: 'refused', code: 'unsupported_auth_method' };
  }
  const seconds = Number(answer['client_secret_expires_at']);
  const uri = textOf(answer['registration_client_uri']);
  return {
    outcome: 'registered',
    client: {
      clientId,
      clientSecret: method === 'none' ? null : clientSecret,
      clientSecretExpiresAt: seconds > 0 && seconds < 8.64e12 ? new Date(seconds * 1_000) : null,
      tokenEndpointAuthMethod: method,
      registrationAccessToken: textOf(answer['registration_access_token']) ?? null,
      registrationClientUri: uri !== undefined && isProviderUrl(uri) ? uri : null,
    },
  };
}
