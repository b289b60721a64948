import { decodeProtectedHeader, errors, type JWTPayload, jwtVerify } from 'jose';
import { isUuid } from '../crypto/uuid.ts';
import type { Outbound } from '../outbound/outbound.ts';
import type { Role } from './caller.ts';
import { IssuerUnavailableError, issuerKeys } from './issuer-keys.ts';

/** The claims of a verified bearer token. Organization and workspace have not been looked up yet. */
export interface BearerClaims {
  readonly userId: string;
  readonly organizationId: string;
  readonly workspaceId: string | undefined;
  readonly role: Role;
}

export interface BearerOptions {
  readonly issuer: string;
  readonly audience: string;
  readonly organizationClaim: string;
  readonly roleClaim: string;
  readonly workspaceClaim: string;
}

/** Asymmetric only: with HS256 the public key would serve as the secret (RFC 8725, section 2.1). */
const ALGORITHMS = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
];

/**
 * Verifies JWTs of an OpenID Connect issuer (Discovery 1.0, RFC 7519, RFC 8725).
 * @returns a function that resolves to the claims of a valid token, to undefined for any other
 * @throws IssuerUnavailableError (the returned function)
 */
export function createBearerVerifier(
  options: BearerOptions,
  { request }: Outbound,
): (token: string) => Promise<BearerClaims | undefined> {
  const keys = issuerKeys(options.issuer, request);
  return async (token) => {
    if (!isSignedAsymmetrically(token)) return undefined;
    try {
      const { payload } = await jwtVerify(token, await keys(), {
        issuer: options.issuer,
        audience: options.audience,
        algorithms: ALGORITHMS,
        requiredClaims: ['exp', 'sub'],
      });
      return readClaims(payload, options);
    } catch (error) {
      if (error instanceof IssuerUnavailableError) throw error;
      if (isInvalidToken(error)) return undefined;
      throw new IssuerUnavailableError();
    }
  };
}

/** A token without an asymmetric signature is refused without a request to the issuer. */
function isSignedAsymmetrically(token: string): boolean {
  try {
    return token.split('.').length === 3 && ALGORITHMS.includes(decodeProtectedHeader(token).alg ?? '');
  } catch {
    return false;
  }
}

/** Tells the token's faults from the issuer's (jose names both `JOSEError`). */
function isInvalidToken(error: unknown): boolean {
  if (error instanceof errors.JWKSInvalid || error instanceof errors.JWKSTimeout) return false;
  // jose uses the generic code for a key set with a wrong status, or without JSON.
  return error instanceof errors.JOSEError && error.code !== 'ERR_JOSE_GENERIC';
}

function readClaims(payload: JWTPayload, options: BearerOptions): BearerClaims | undefined {
  const claim = (name: string): unknown => (Object.hasOwn(payload, name) ? payload[name] : undefined);
  const organizationId = claim(options.organizationClaim);
  const workspaceId = claim(options.workspaceClaim) ?? undefined;
  const role = claim(options.roleClaim) ?? 'member';
  const userId = payload.sub;
  if (!isUserId(userId) || !isUuid(organizationId) || !isRole(role)) return undefined;
  if (workspaceId !== undefined && !isUuid(workspaceId)) return undefined;
  return {
    userId,
    organizationId: organizationId.toLowerCase(),
    workspaceId: workspaceId?.toLowerCase(),
    role,
  };
}

const isRole = (value: unknown): value is Role => value === 'admin' || value === 'member';

/** At most 255 characters (OpenID Connect Core 1.0, section 2), and text that PostgreSQL can hold. */
const isUserId = (value: unknown): value is string =>
  typeof value === 'string' &&
  value.length > 0 &&
  value.length <= 255 &&
  value.isWellFormed() &&
  !value.includes('\0');
