import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { LRUCache } from 'lru-cache';
import proxyAddress from 'proxy-addr';
import { type Authenticate, InvalidCredentialsError } from '../security/authenticate.ts';
import type { Caller } from '../security/caller.ts';
import { ApiError } from './errors.ts';

/** The proxies whose `X-Forwarded-For` counts: none, a number of them in a row, or those with these addresses. */
export type TrustProxy = false | number | string;

export type AuthenticateRequest = (request: IncomingMessage) => Promise<Caller | undefined>;

/** The owner of an IPv6 address has the whole /64. */
const IPV6_PREFIX_BITS = 64;
const MINUTE_MS = 60_000;
/** The networks that are counted. A caller may have very many: an IPv6 /48 has 65,536 of /64. */
const MAX_NETWORKS = 10_000;

/**
 * Limits the failed authentications of a network: beyond the limit, it gets 429 instead of 401. All wrapped functions
 * share the counts. Credentials are checked first, so good ones are never slowed, also from an address that guesses.
 * @param perMinute 0: no limit
 */
export function limitFailures(
  perMinute: number,
  trustProxy: TrustProxy,
): (authenticate: Authenticate) => AuthenticateRequest {
  if (perMinute === 0) return (authenticate) => authenticate;
  const failures = new LRUCache<string, number>({ max: MAX_NETWORKS, ttl: MINUTE_MS });
  const networkOf = clientNetwork(trustProxy);

  /** A minute begins with the first failure. @throws ApiError 429 */
  function count(network: string): void {
    const failed = (failures.get(network) ?? 0) + 1;
    failures.set(network, failed, { noUpdateTTL: true });
    if (failed <= perMinute) return;
    const seconds = Math.ceil(failures.getRemainingTTL(network) / 1000);
    throw new ApiError(429, 'Too Many Requests', { 'Retry-After': String(Math.max(1, seconds)) });
  }

  return (authenticate) => (request) =>
    authenticate(request).catch((error: unknown) => {
      if (error instanceof InvalidCredentialsError) count(networkOf(request));
      throw error;
    });
}

/** The address of the client, or of the proxy that is not trusted; undefined: a proxy named none that is an address. */
export function clientAddress(trustProxy: TrustProxy): (request: IncomingMessage) => string | undefined {
  const isTrusted = trust(trustProxy);
  return (request) => {
    const text = bareAddress(proxyAddress(request, isTrusted));
    return isIP(text) === 0 ? undefined : text;
  };
}

/** The network whose requests are counted: an IPv4 address, or an IPv6 /64. */
export function clientNetwork(trustProxy: TrustProxy): (request: IncomingMessage) => string {
  const isTrusted = trust(trustProxy);
  return (request) => network(proxyAddress(request, isTrusted));
}

function trust(proxies: TrustProxy): (address: string, hop: number) => boolean {
  if (typeof proxies !== 'string') return (_address, hop) => hop < Number(proxies);
  const isListed = proxyAddress.compile(proxies.split(',').map((address) => address.trim()));
  return (address, hop) => isListed(bareAddress(address), hop);
}

/**
 * The address alone. Some proxies write `192.0.2.1:443` or `[2001:db8::1]:443` in `X-Forwarded-For`. A link-local address
 * may name an interface (`fe80::1%br-lan`, RFC 4007), and ipaddr.js throws at some names.
 * @param address absent: the connection is closed
 */
function bareAddress(address = ''): string {
  const [, bare = address] = /^\[(.*)\](?::\d+)?$/.exec(address) ?? /^([\d.]+):\d+$/.exec(address) ?? [];
  return bare.replace(/%.*/, '');
}

/** The network of an address, in whatever form it is written. @param given absent: the connection is closed */
export function network(given?: string): string {
  const text = bareAddress(given);
  if (isIP(text) === 0) return 'none'; // texts that are no addresses share one count
  const address = ipaddr.process(text);
  if (address.kind() === 'ipv4') return address.toString();
  const prefix = address.toByteArray().slice(0, IPV6_PREFIX_BITS / 8);
  return Buffer.from(prefix).toString('hex');
}
