/** Reads the parts of a browser's request that no contract describes: query, fetch metadata, cookies. */
import type { IncomingMessage } from 'node:http';
import type { Signer } from '../crypto/signing.ts';
import { isLoopback } from '../outbound/urls.ts';
import { ApiError } from '../server/errors.ts';
import {
  type AuthorizationReference,
  connectCookie,
  isConnectCookie,
  isConnectCookieName,
} from '../vault/references.ts';

export type BrowserRequest = Pick<IncomingMessage, 'headersDistinct' | 'url'>;

/** The site that browsers see. */
export interface Site {
  /** Without a slash at the end. */
  readonly publicUrl: string;
  readonly signer: Signer;
}

const COOKIE_SECONDS = 600;
/** Authorizations that go on side by side in one browser. */
const KEPT_COOKIES = 10;
/** In one answer: proxies limit the size of its header. */
const EXPIRED_AT_ONCE = 20;

/** The query as it came. */
export function queryOf({ url = '' }: BrowserRequest): string {
  const at = url.indexOf('?');
  return at === -1 ? '' : url.slice(at + 1);
}

/** A prefetched page must finish nothing, because nobody has opened it yet. @throws ApiError */
export function refusePrefetch({ headersDistinct }: BrowserRequest): void {
  const purposes = [...(headersDistinct['sec-purpose'] ?? []), ...(headersDistinct['purpose'] ?? [])];
  if (purposes.some((purpose) => /prefetch|prerender|preview/i.test(purpose))) {
    throw new ApiError(503, 'Service Unavailable', { 'Retry-After': '1' });
  }
}

/**
 * Whether our own page sent the form (Fetch Metadata). Browsers send `Sec-Fetch-Site` over https and to loopback hosts only.
 * Elsewhere `Origin` tells.
 */
export function isFromOurPage({ headersDistinct }: BrowserRequest, publicUrl: string): boolean {
  const [site] = headersDistinct['sec-fetch-site'] ?? [];
  if (site !== undefined) return site === 'same-origin';
  return headersDistinct['origin']?.join() === new URL(publicUrl).origin;
}

/** Browsers keep `Secure` cookies of https URLs and of loopback hosts. */
function keepsSecureCookies(publicUrl: string): boolean {
  const { protocol, hostname } = new URL(publicUrl);
  return protocol === 'https:' || isLoopback(hostname);
}

const attributes = (isSecure: boolean): string =>
  `Path=/; HttpOnly; SameSite=Lax${isSecure ? '; Secure' : ''}`;

const expired = (name: string, isSecure: boolean): string => `${name}=; Max-Age=0; ${attributes(isSecure)}`;

/** The cookies of a request, in its order. A name may come twice. */
const cookiesOf = ({
  headersDistinct,
}: BrowserRequest): readonly (readonly [name: string, value: string])[] =>
  (headersDistinct['cookie'] ?? [])
    .flatMap((line) => line.split(';'))
    .map((pair) => {
      const [name = '', ...value] = pair.trim().split('=');
      return [name, value.join('=')];
    });

/**
 * The values of `Set-Cookie` that bind the authorization to this browser. Where it has very many of our cookies, the oldest
 * expire, so that its requests stay below the limits of servers and proxies. Browsers send the oldest first (RFC 6265, 5.4).
 */
export function bindingCookies(
  { publicUrl, signer }: Site,
  request: BrowserRequest,
  reference: AuthorizationReference,
): string[] {
  const isSecure = keepsSecureCookies(publicUrl);
  const { name, value } = connectCookie(signer, reference, isSecure);
  const others = cookiesOf(request)
    .map(([other]) => other)
    .filter((other) => other !== name && isConnectCookieName(other, isSecure));
  const surplus = others.slice(0, Math.max(0, others.length - KEPT_COOKIES)).slice(0, EXPIRED_AT_ONCE);
  const binding = `${name}=${value}; Max-Age=${COOKIE_SECONDS}; ${attributes(isSecure)}`;
  return [binding, ...surplus.map((other) => expired(other, isSecure))];
}

/** Deletes the cookie: the value of a `Set-Cookie` field. */
export function unbindingCookie({ publicUrl, signer }: Site, reference: AuthorizationReference): string {
  const isSecure = keepsSecureCookies(publicUrl);
  return expired(connectCookie(signer, reference, isSecure).name, isSecure);
}

/** Whether the button of the connect page was pressed in this browser. */
export function isBound(
  { publicUrl, signer }: Site,
  request: BrowserRequest,
  reference: AuthorizationReference,
): boolean {
  const { name } = connectCookie(signer, reference, keepsSecureCookies(publicUrl));
  return cookiesOf(request).some(
    ([other, value]) => other === name && isConnectCookie(signer, reference, value),
  );
}
