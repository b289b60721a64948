import type { IncomingMessage } from 'node:http';
import proxyAddress from 'proxy-addr';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import {
  type Authenticate,
  type CredentialScheme,
  InvalidCredentialsError,
} from '../security/authenticate.ts';
import type { Caller } from '../security/caller.ts';
import { ApiError } from './errors.ts';

/** Which proxies' `X-Forwarded-For` counts: none, so many in a row, or those of these addresses. */
export type TrustProxy = false | number | string;

export type AuthenticateRequest = (
  request: IncomingMessage,
  schemes: ReadonlySet<CredentialScheme>,
) => Promise<Caller>;

/**
 * Answers 429 instead of 401 to an address that guesses. Good credentials are looked at first, so they are never slowed,
 * whoever shares their address.
 */
export function limitFailures(
  authenticate: Authenticate,
  perMinute: number,
  trustProxy: TrustProxy,
): AuthenticateRequest {
  if (perMinute === 0) return (request, schemes) => authenticate(request.headersDistinct, schemes);
  const failures = new RateLimiterMemory({ points: perMinute, duration: 60 });
  const isTrusted = trust(trustProxy);
  return async (request, schemes) => {
    try {
      return await authenticate(request.headersDistinct, schemes);
    } catch (error) {
      if (error instanceof InvalidCredentialsError)
        await failures.consume(proxyAddress(request, isTrusted)).catch(refuse);
      throw error;
    }
  };
}

const trust = (proxies: TrustProxy): ((address: string, hop: number) => boolean) =>
  typeof proxies === 'string'
    ? proxyAddress.compile(proxies.split(',').map((address) => address.trim()))
    : (_address, hop) => hop < Number(proxies);

function refuse(limit: unknown): never {
  const seconds = limit instanceof RateLimiterRes ? Math.ceil(limit.msBeforeNext / 1000) : 60;
  throw new ApiError(429, 'Too Many Requests', { 'Retry-After': String(seconds) });
}
