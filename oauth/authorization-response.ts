import { matchesHosts } from './hosts.ts';
import { textOf } from './json.ts';
import type { ProviderSettings } from './provider-settings.ts';

/**
 * The content of a callback (RFC 6749, section 4.1.2).
 * `invalid`: not an answer of the provider. Parameters are missing, repeated, too long or contradict each other, or the
 * issuer is another one (RFC 9207). `refused`: `error` is a code of RFC 6749 or OpenID Connect, or `other`.
 */
export type AuthorizationResponse =
  | {
      readonly outcome: 'code';
      readonly code: string;
      /** From allow-listed parameters. The browser can forge them. */
      readonly metadata: Readonly<Record<string, string>>;
      /** The browser can forge it too. The provider's list of the user's installations confirms it. */
      readonly installation?: { readonly id: number; readonly listUrl: string };
      /** The origin at which the provider wants the code redeemed. It matches the catalogue's entry. */
      readonly tokenOrigin?: string;
    }
  | { readonly outcome: 'refused'; readonly error: string }
  | { readonly outcome: 'invalid' };

const MAX_LENGTH = 4_096;
const ERRORS: ReadonlySet<string> = new Set([
  ...['access_denied', 'invalid_request', 'invalid_scope', 'server_error', 'temporarily_unavailable'],
  ...['unauthorized_client', 'unsupported_response_type', 'invalid_target', 'invalid_client'],
  ...['interaction_required', 'login_required', 'account_selection_required', 'consent_required'],
  ...['application_suspended', 'redirect_uri_mismatch'],
]);
const INVALID = { outcome: 'invalid' } as const;

/**
 * Reads a callback's parameters. `state` is checked elsewhere.
 * @param given by name, each with all its values
 */
export function readAuthorizationResponse(
  {
    entry,
    issuer = entry?.issuer,
    sendsIssuer = entry?.sendsIssuer,
  }: Pick<ProviderSettings, 'entry' | 'issuer' | 'sendsIssuer'>,
  given: URLSearchParams,
): AuthorizationResponse {
  const parameters = rename(given, entry?.callbackRenames ?? {});
  const all = [...parameters];
  if (all.some(([, value]) => value.length > MAX_LENGTH)) return INVALID;
  if (['code', 'state', 'error', 'iss'].some((name) => parameters.getAll(name).length > 1)) return INVALID;

  const [code, error, iss] = ['code', 'error', 'iss'].map((name) => parameters.get(name) ?? undefined);
  if (issuer !== undefined && (iss === undefined ? sendsIssuer === true : iss !== issuer)) return INVALID;
  if (error !== undefined) {
    return code === undefined ? { outcome: 'refused', error: ERRORS.has(error) ? error : 'other' } : INVALID;
  }
  if (code === undefined || code === '') return INVALID;
  const installation = readInstallation(parameters, entry?.installationsUrl);
  const answer = {
    outcome: 'code',
    code,
    metadata: readMetadata(parameters, entry?.metadataFromCallback),
    ...(installation !== undefined && { installation }),
  } as const;
  if (entry?.tokenOriginParameter === undefined) return answer;
  const origin = parameters.get(entry.tokenOriginParameter);
  if (origin === null) return answer;
  return matchesHosts(origin, entry.match) ? { ...answer, tokenOrigin: new URL(origin).origin } : INVALID;
}

function readMetadata(parameters: URLSearchParams, names: readonly string[] = []): Record<string, string> {
  const metadata: Record<string, string> = {};
  for (const name of names) {
    const value = textOf(parameters.get(name));
    if (value !== undefined) metadata[name] = value;
  }
  return metadata;
}

/** Undefined: the provider has no such list, or the id is missing, repeated, or no whole number of up to 15 digits. */
function readInstallation(parameters: URLSearchParams, listUrl: string | undefined) {
  const [text = '', ...more] = parameters.getAll('installation_id');
  const isValid = /^\d{1,15}$/.test(text) && more.length === 0;
  return isValid && listUrl !== undefined ? { id: Number(text), listUrl } : undefined;
}

function rename(given: URLSearchParams, names: Readonly<Record<string, string>>): URLSearchParams {
  const renamed = new URLSearchParams();
  for (const [name, value] of given)
    renamed.append(Object.hasOwn(names, name) ? (names[name] ?? name) : name, value);
  return renamed;
}
