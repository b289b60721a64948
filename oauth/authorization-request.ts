import { createHash, randomBytes } from 'node:crypto';
import type { ProviderSettings } from './provider-settings.ts';

export interface AuthorizationRequest {
  readonly redirectUri: string;
  readonly state: string;
  readonly scopes: readonly string[];
  /** Null where the provider's requests go without PKCE (`isPkceUsed`). */
  readonly codeVerifier: string | null;
}

/** A PKCE code verifier of 256 bits (RFC 7636, section 4.1). */
export const newCodeVerifier = (): string => randomBytes(32).toString('base64url');

/**
 * The URL at which a person consents (RFC 6749, section 4.1.1). Parameters of the provider's own URL stay and override
 * those of the catalogue; the parameters of the protocol override both.
 */
export function authorizationUrl(provider: ProviderSettings, given: AuthorizationRequest): string {
  const { entry = undefined } = provider;
  const url = new URL(provider.authUrl);
  const parameters = new URLSearchParams({ ...entry?.extraAuthorizationParameters });
  for (const name of new Set(url.searchParams.keys())) parameters.delete(name);
  for (const [name, value] of url.searchParams) parameters.append(name, value);
  for (const [name, value] of Object.entries(ofProtocol(provider, given))) {
    parameters.delete(name);
    parameters.set(entry?.fieldRenames?.[name] ?? name, value);
  }
  for (const name of entry?.removedAuthorizationParameters ?? []) parameters.delete(name);
  // Some providers do not decode `+` to a blank. All decode `%20`.
  url.search = parameters.toString().replaceAll('+', '%20');
  return url.href;
}

function ofProtocol(
  { clientId, entry, resource }: ProviderSettings,
  { redirectUri, state, scopes, codeVerifier }: AuthorizationRequest,
): Readonly<Record<string, string>> {
  const all = [...new Set([...scopes, ...(entry?.extraScopes ?? [])])];
  return {
    response_type: 'code',
    client_id: clientId,
    redirect_uri: redirectUri,
    state,
    ...(all.length > 0 && { [entry?.scopeParameter ?? 'scope']: all.join(entry?.scopeSeparator ?? ' ') }),
    ...(codeVerifier !== null && {
      code_challenge: createHash('sha256').update(codeVerifier).digest('base64url'),
      code_challenge_method: 'S256',
    }),
    ...(entry?.responseMode !== undefined && { response_mode: entry.responseMode }),
    ...(resource !== undefined && { resource }),
  };
}
