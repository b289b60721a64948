import { isSecureUrl } from '../outbound/urls.ts';

/** The formats that our overlay adds to those of JSON Schema. */
export const formats = { 'provider-id': isProviderId, 'provider-url': isProviderUrl };

/** A `provider_id` is a path segment that no client or proxy rewrites: RFC 3986 unreserved characters, and no dot segment. */
export function isProviderId(value: string): boolean {
  return /^(?!\.{1,2}$)[A-Za-z0-9._~-]{1,255}$/.test(value);
}

/** An endpoint of a provider: an absolute https URL without user info or fragment, or http on a loopback host (RFC 8252). */
export function isProviderUrl(value: string): boolean {
  return isSecureUrl(value) && !value.includes('#');
}
