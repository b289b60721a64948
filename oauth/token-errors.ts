import type { CatalogueEntry } from './catalogue-entry.ts';

/**
 * `grant-dead`: a person must consent again. `client-wrong`: the provider's settings are wrong, and no token is at fault.
 * `transient`: the same request may succeed later. `unclear`: the reason proves none of these, so no token may be given up
 * for it.
 */
export type RefusalKind = 'grant-dead' | 'client-wrong' | 'transient' | 'unclear';

export interface Refusal {
  readonly kind: RefusalKind;
  /** Of a known list, so that it may be logged: an OAuth code, one of the catalogue's, `http_NNN`, or `other`. */
  readonly code: string;
}

const KINDS: ReadonlyMap<string, RefusalKind> = new Map([
  ['invalid_grant', 'grant-dead'],
  ['bad_refresh_token', 'grant-dead'],
  ['invalid_refresh_token', 'grant-dead'],
  // A person must act again (OpenID Connect Core 1.0, section 3.1.2.6).
  ['interaction_required', 'grant-dead'],
  ['login_required', 'grant-dead'],
  ['consent_required', 'grant-dead'],
  ['invalid_client', 'client-wrong'],
  ['unauthorized_client', 'client-wrong'],
  ['unsupported_grant_type', 'client-wrong'],
  ['invalid_client_id', 'client-wrong'],
  ['bad_client_secret', 'client-wrong'],
  ['temporarily_unavailable', 'transient'],
  ['server_error', 'transient'],
  ['slow_down', 'transient'],
  ['ratelimited', 'transient'],
  ['rate_limited', 'transient'],
  ['rate_limit_exceeded', 'transient'],
  ['invalid_request', 'unclear'],
  ['invalid_scope', 'unclear'],
  ['invalid_target', 'unclear'],
  ['access_denied', 'unclear'],
  ['unsupported_token_type', 'unclear'], // RFC 7009, section 2.2.1
]);

/** Statuses that tell on their own that the URL or the credentials are wrong. A redirect is never followed. */
const CLIENT_WRONG = new Set([301, 302, 303, 307, 308, 401, 404, 405, 410]);

/** Classifies an error of a token endpoint. The catalogue's codes precede ours; a code precedes the status. */
export function classifyRefusal(status: number, code: string | undefined, entry?: CatalogueEntry): Refusal {
  const { grantDead = [], clientWrong = [] } = entry?.errorCodes ?? {};
  if (status === 429) return { kind: 'transient', code: 'http_429' };
  if (code !== undefined && grantDead.includes(code)) return { kind: 'grant-dead', code };
  if (code !== undefined && clientWrong.includes(code)) return { kind: 'client-wrong', code };
  const kind = code === undefined ? undefined : KINDS.get(code);
  if (kind !== undefined && code !== undefined) return { kind, code };
  if (CLIENT_WRONG.has(status)) return { kind: 'client-wrong', code: `http_${status}` };
  return { kind: 'unclear', code: status >= 400 ? `http_${status}` : 'other' };
}

/** The seconds of a `Retry-After` (RFC 9110, section 10.2.3), at most a day. Undefined: there is none. */
export function retryAfterSeconds(field: string | undefined): number | undefined {
  if (field === undefined) return undefined;
  const seconds = /^\d{1,9}$/.test(field) ? Number(field) : (Date.parse(field) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.min(Math.max(0, Math.ceil(seconds)), 86_400) : undefined;
}
