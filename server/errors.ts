import { KeyReusedError, RepeatedTooSoonError } from '../db/idempotency-keys.ts';
import { TooManyTokensError } from '../db/imports.ts';
import { isUnavailable } from '../db/postgres/errors.ts';
import { TooManyWaitingError } from '../db/postgres/turns.ts';
import { ProviderBeingDeletedError } from '../db/providers.ts';
import { ForbiddenError, UnauthenticatedError } from '../security/authenticate.ts';
import { IssuerUnavailableError } from '../security/issuer-keys.ts';
import { TooManyLookupsError } from '../security/remember.ts';
import type { Answer } from './answer.ts';
import { malformedPage, unavailablePage } from './pages/outcomes.ts';
import type { Page } from './pages/page.ts';

/** One entry of the contract's HTTPValidationError, in pydantic's words. */
export interface FieldError {
  readonly loc: readonly (string | number)[];
  readonly msg: string;
  readonly type: string;
  readonly input?: unknown;
  readonly ctx?: Readonly<Record<string, unknown>>;
}

/** A refusal with a documented answer. Its detail is shown to the caller, so it repeats nothing of the request. */
export class ApiError extends Error {
  readonly status: number;
  readonly detail: string | readonly FieldError[];
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    detail: string | readonly FieldError[],
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(typeof detail === 'string' ? detail : 'Validation Error');
    this.status = status;
    this.detail = detail;
    this.headers = headers;
  }
}

/** A refusal that a person reads in a browser. */
export class PageError extends Error {
  readonly status: number;
  readonly page: Page;

  constructor(status: number, page: Page) {
    super('refused with a page');
    this.status = status;
    this.page = page;
  }
}

const KEY_REUSED = 'the key was used for another request within 24 hours';

/** A finding at the header field `Idempotency-Key`, in pydantic's words. */
export const keyError = (error: string): FieldError => ({
  loc: ['header', 'idempotency-key'],
  msg: `Value error, ${error}`,
  type: 'value_error',
  ctx: { error },
});

const refusal = (
  status: number,
  detail: string | readonly FieldError[],
  headers: Answer['headers'] = {},
): Answer => ({
  status,
  headers,
  body: { detail },
});

/** The answer to an error. An unexpected error becomes a bare 500: its text may hold a secret. */
export function toAnswer(error: unknown): Answer {
  if (error instanceof ApiError) return refusal(error.status, error.detail, error.headers);
  if (error instanceof PageError) return { status: error.status, ...error.page };
  if (error instanceof UnauthenticatedError) {
    return refusal(401, error.message, { 'WWW-Authenticate': error.challenge });
  }
  if (error instanceof ForbiddenError) return refusal(403, 'Forbidden');
  if (error instanceof TooManyTokensError) return refusal(409, error.message);
  if (error instanceof KeyReusedError) return refusal(422, [keyError(KEY_REUSED)]);
  if (error instanceof RepeatedTooSoonError) {
    return refusal(409, 'A request with this Idempotency-Key is under way', { 'Retry-After': '1' });
  }
  if (error instanceof ProviderBeingDeletedError) return refusal(409, error.message, { 'Retry-After': '5' });
  if (error instanceof TooManyWaitingError) return refusal(429, 'Too Many Requests', { 'Retry-After': '5' });
  const isBusy = error instanceof IssuerUnavailableError || error instanceof TooManyLookupsError;
  if (isBusy || isUnavailable(error)) {
    return refusal(503, 'Service Unavailable', { 'Retry-After': '5' });
  }
  return refusal(500, 'Internal Server Error');
}

/** A refusal as a page. A refusal of credentials stays JSON, because no browser sends any by itself. */
export function asPage(answer: Answer): Answer {
  const { status, html, headers } = answer;
  if (html !== undefined || status === 401 || status === 403) return answer;
  const page = status === 429 || status >= 500 ? unavailablePage : malformedPage;
  return { status, html: page.html, headers: { ...page.headers, ...headers } };
}
