import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import proxyAddress from 'proxy-addr';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { type Authenticate, InvalidCredentialsError } from '../security/authenticate.ts';
import type { Caller } from '../security/caller.ts';
import { ApiError } from './errors.ts';

/** Which proxies' `X-Forwarded-For` counts: none, so many in a row, or those of these addresses. */
export type TrustProxy = false | number | string;

export type AuthenticateRequest = (request: IncomingMessage) => Promise<Caller | undefined>;

/** Who owns an IPv6 address owns its /64. */
const IPV6_PREFIX_BITS = 64;

/**
 * Makes authentication answer 429 instead of 401 to an address that guesses; all that it wraps share the count. Good
 * credentials are looked at first, so they are never slowed, whoever shares their address.
 * @param perMinute 0: no limit
 */
export function limitFailures(
  perMinute: number,
  trustProxy: TrustProxy,
): (authenticate: Authenticate) => AuthenticateRequest {
  if (perMinute === 0) return (authenticate) => (request) => authenticate(request.headersDistinct);
  const failures = new RateLimiterMemory({ points: perMinute, duration: 60 });
  const isTrusted = trust(trustProxy);
  return (authenticate) => async (request) => {
    try {
      return await authenticate(request.headersDistinct);
    } catch (error) {
      if (error instanceof InvalidCredentialsError)
        await failures.consume(network(proxyAddress(request, isTrusted))).catch(refuse);
      throw error;
    }
  };
}

function trust(proxies: TrustProxy): (address: string, hop: number) => boolean {
  if (typeof proxies !== 'string') return (_address, hop) => hop < Number(proxies);
  const isListed = proxyAddress.compile(proxies.split(',').map((address) => address.trim()));
  return (address, hop) => isListed(withoutPort(address), hop);
}

/** `192.0.2.1:443` and `[2001:db8::1]:443` are what some proxies write in `X-Forwarded-For`. */
function withoutPort(address: string): string {
  const [, bare = address] = /^\[(.*)\](?::\d+)?$/.exec(address) ?? /^([\d.]+):\d+$/.exec(address) ?? [];
  return bare;
}

/** The network that failures are counted for, the same in whatever form its address is written. */
function network(forwarded: string): string {
  const text = withoutPort(forwarded);
  if (isIP(text) === 0) return 'none'; // all that is no address shares one count
  const address = ipaddr.process(text);
  if (address.kind() === 'ipv4') return address.toString();
  const prefix = address.toByteArray().slice(0, IPV6_PREFIX_BITS / 8);
  return Buffer.from(prefix).toString('hex');
}

function refuse(limit: unknown): never {
  const seconds = limit instanceof RateLimiterRes ? Math.ceil(limit.msBeforeNext / 1000) : 60;
  throw new ApiError(429, 'Too Many Requests', { 'Retry-After': String(seconds) });
}
