import type { Request } from 'express';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import {
  type Authenticate,
  type CredentialScheme,
  InvalidCredentialsError,
} from '../security/authenticate.ts';
import type { Caller } from '../security/caller.ts';
import { ApiError } from './errors.ts';

export type AuthenticateRequest = (
  request: Request,
  schemes: ReadonlySet<CredentialScheme>,
) => Promise<Caller>;

/**
 * Answers 429 instead of 401 to an address that guesses. Good credentials are looked at first, so they are never slowed,
 * whoever shares their address.
 */
export function limitFailures(authenticate: Authenticate, perMinute: number): AuthenticateRequest {
  if (perMinute === 0) return (request, schemes) => authenticate(request.headersDistinct, schemes);
  const failures = new RateLimiterMemory({ points: perMinute, duration: 60 });
  return async (request, schemes) => {
    try {
      return await authenticate(request.headersDistinct, schemes);
    } catch (error) {
      if (error instanceof InvalidCredentialsError) await failures.consume(request.ip ?? '').catch(refuse);
      throw error;
    }
  };
}

function refuse(limit: unknown): never {
  const seconds = limit instanceof RateLimiterRes ? Math.ceil(limit.msBeforeNext / 1000) : 60;
  throw new ApiError(429, 'Too Many Requests', { 'Retry-After': String(seconds) });
}
