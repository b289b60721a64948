/** Reads the parts of a browser's request that no contract describes: query, fetch metadata, cookies. */
import type { IncomingMessage } from 'node:http';
import type { Signer } from '../crypto/signing.ts';
import { isLoopback } from '../outbound/urls.ts';
import { ApiError } from '../server/errors.ts';
import { type AuthorizationReference, connectCookie, isConnectCookie } from '../vault/references.ts';

export type BrowserRequest = Pick<IncomingMessage, 'headersDistinct' | 'url'>;

/** The site that browsers see. */
export interface Site {
  /** Without a slash at the end. */
  readonly publicUrl: string;
  readonly signer: Signer;
}

const COOKIE_SECONDS = 600;

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

function cookieOf({ publicUrl, signer }: Site, reference: AuthorizationReference) {
  const isSecure = keepsSecureCookies(publicUrl);
  return {
    ...connectCookie(signer, reference, isSecure),
    attributes: `Path=/; HttpOnly; SameSite=Lax${isSecure ? '; Secure' : ''}`,
  };
}

/** Binds the authorization to this browser: the value of a `Set-Cookie` field. */
export function bindingCookie(site: Site, reference: AuthorizationReference): string {
  const { name, value, attributes } = cookieOf(site, reference);
  return `${name}=${value}; Max-Age=${COOKIE_SECONDS}; ${attributes}`;
}

/** Deletes the cookie: the value of a `Set-Cookie` field. */
export function unbindingCookie(site: Site, reference: AuthorizationReference): string {
  const { name, attributes } = cookieOf(site, reference);
  return `${name}=; Max-Age=0; ${attributes}`;
}

/** Whether the button of the connect page was pressed in this browser. */
export function isBound(
  site: Site,
  { headersDistinct }: BrowserRequest,
  reference: AuthorizationReference,
): boolean {
  const { name } = cookieOf(site, reference);
  return (headersDistinct['cookie'] ?? [])
    .flatMap((line) => line.split(';'))
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`))
    .some((pair) => isConnectCookie(site.signer, reference, pair.slice(name.length + 1)));
}
