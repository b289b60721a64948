import type { CatalogueEntry } from './catalogue-entry.ts';
import { isObject, type JsonObject, readObject, textOf, valueAt } from './json.ts';

/** The content of a token endpoint's answer. An absent field is unknown. */
export interface Tokens {
  readonly accessToken: string;
  /** Absent: the refresh token that was redeemed stays. */
  readonly refreshToken?: string;
  /** Absent: as requested (RFC 6749, section 5.1). */
  readonly scopes?: readonly string[];
  readonly expiresInSeconds?: number;
  readonly refreshTokenExpiresInSeconds?: number;
  /** Non-secret members on the allow-list. */
  readonly metadata: JsonObject;
}

/** `error`: `code` is text of the provider, so it must not be logged. `unreadable`: neither tokens nor an error. */
export type TokenAnswer =
  | { readonly kind: 'tokens'; readonly tokens: Tokens }
  | { readonly kind: 'error'; readonly code: string | undefined }
  | { readonly kind: 'unreadable' };

/** Members that are kept of every provider's answer. None is a secret. */
const METADATA = ['instance_url', 'api_domain', 'team.id', 'team.name', 'workspace_id', 'bot_id'];
/** Members that may hold the tokens, at any provider. */
const ENVELOPES = ['data', 'authed_user'];
const MAX_SECONDS = 250_000_000_000; // as an import's `expires_in_seconds`
const MAX_SCOPES = 1_000;
const MAX_METADATA_LENGTH = 2_048;
const REFRESH_TOKEN_LIVES = [
  ...['refresh_token_expires_in', 'x_refresh_token_expires_in', 'refresh_expires_in'],
  ...['refresh_token_timeout', 'authorization_expires_in'], // draft-ietf-oauth-refresh-token-expiration
];

/**
 * Reads the answer of a token endpoint by its shape: JSON or form text, an error under status 200, tokens at the top or in
 * an envelope, every form of `scope` and `expires_in`. `id_token` and `token_type` are ignored.
 */
export function readTokenAnswer(status: number, text: string, entry?: CatalogueEntry): TokenAnswer {
  const answer = readObject(text) ?? readForm(text);
  if (answer === undefined) return { kind: 'unreadable' };
  const isSuccess = status >= 200 && status < 300;
  const holder = isSuccess && !isPlainError(answer) ? findTokens(answer, entry?.envelopes ?? []) : undefined;
  if (holder !== undefined) return { kind: 'tokens', tokens: readTokens(answer, holder, entry) };
  const code = errorCode(answer);
  return code === undefined && isSuccess ? { kind: 'unreadable' } : { kind: 'error', code };
}

/** GitHub, unless it is asked for JSON, and older servers answer in form encoding. */
function readForm(text: string): JsonObject | undefined {
  const form = text.trim();
  return /^[\w.-]+=[^\s{}<>]*$/.test(form) ? Object.fromEntries(new URLSearchParams(form)) : undefined;
}

function findTokens(answer: JsonObject, envelopes: readonly string[]): JsonObject | undefined {
  const candidates = [
    ...envelopes.map((name) => valueAt(answer, name)),
    answer,
    ...ENVELOPES.map((name) => answer[name]),
  ];
  return candidates.filter(isObject).find((candidate) => textOf(candidate['access_token']) !== undefined);
}

function readTokens(answer: JsonObject, holder: JsonObject, entry: CatalogueEntry | undefined): Tokens {
  const refreshToken = textOf(holder['refresh_token']);
  const scopes = readScopes(holder['scope'] ?? holder['scopes']);
  const expiresInSeconds = readSeconds(holder['expires_in']) ?? entry?.assumedExpirySeconds;
  const lives = REFRESH_TOKEN_LIVES.map((name) => readSeconds(holder[name])).filter(
    (life) => life !== undefined,
  );
  return {
    accessToken: textOf(holder['access_token']) ?? '',
    ...(refreshToken !== undefined && { refreshToken }),
    ...(scopes !== undefined && { scopes }),
    ...(expiresInSeconds !== undefined && { expiresInSeconds }),
    ...(lives.length > 0 && { refreshTokenExpiresInSeconds: Math.min(...lives) }),
    metadata: readMetadata(answer, holder, [...METADATA, ...(entry?.metadataFromAnswer ?? [])]),
  };
}

/** Undefined: the answer names no scopes. */
function readScopes(value: unknown): readonly string[] | undefined {
  const names = typeof value === 'string' ? value.split(/[\s,]+/) : Array.isArray(value) ? value : [];
  const scopes = new Set(names.map(textOf).filter((name) => name !== undefined));
  return scopes.size === 0 ? undefined : [...scopes].slice(0, MAX_SCOPES);
}

/** Undefined: unknown. 0 and less counts as unknown, because providers answer it for tokens that never expire. */
function readSeconds(value: unknown): number | undefined {
  const isNumeric = typeof value === 'string' && /^\d{1,15}(?:\.\d+)?$/.test(value);
  const seconds = Math.floor(typeof value === 'number' || isNumeric ? Number(value) : 0);
  return seconds > 0 && seconds <= MAX_SECONDS ? seconds : undefined;
}

/** Nested as in the answer: `team.id` becomes `{ "team": { "id": … } }`. */
function readMetadata(answer: JsonObject, holder: JsonObject, paths: readonly string[]): JsonObject {
  const metadata: Record<string, unknown> = {};
  for (const path of paths) {
    const value = valueAt(answer, path) ?? valueAt(holder, path);
    const text = typeof value === 'string' ? textOf(value) : value;
    const isKept =
      (typeof text === 'string' && text.length <= MAX_METADATA_LENGTH) ||
      typeof text === 'boolean' ||
      (typeof text === 'number' && Number.isFinite(text));
    if (isKept) put(metadata, path.split('.'), text);
  }
  return metadata;
}

function put(object: Record<string, unknown>, [name = '', ...rest]: readonly string[], value: unknown): void {
  if (rest.length === 0) {
    object[name] = value;
    return;
  }
  const inner: Record<string, unknown> = { ...(isObject(object[name]) ? object[name] : {}) };
  put(inner, rest, value);
  object[name] = inner;
}

/** An error makes the answer a refusal, even beside tokens: RFC 6749, section 5.2, and Slack's `ok: false`. */
const isPlainError = ({ error, ok }: JsonObject): boolean => textOf(error) !== undefined || ok === false;

/** The shapes of errors, each with a provider that uses it. Undefined: the answer is no error. */
export function errorCode({ error, ok, errors }: JsonObject): string | undefined {
  if (textOf(error) !== undefined) return textOf(error);
  if (isObject(error)) return textOf(error['code']) ?? textOf(error['type']) ?? 'other'; // Facebook
  if (Array.isArray(errors) && isObject(errors[0])) return textOf(errors[0]['errorType']) ?? 'other'; // Fitbit
  return ok === false ? 'other' : undefined;
}
