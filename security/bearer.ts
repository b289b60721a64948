import {
  createRemoteJWKSet,
  decodeProtectedHeader,
  errors,
  type JWTPayload,
  type JWTVerifyGetKey,
  jwtVerify,
} from 'jose';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import { isUuid } from '../crypto/uuid.ts';
import { isSecureUrl } from '../outbound/urls.ts';
import type { Role } from './caller.ts';

/** Who a verified bearer token says is calling; organization and workspace have not been looked up yet. */
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

/** The issuer's discovery document or keys cannot be had: an outage, never a wrong credential. */
export class IssuerUnavailableError extends Error {}

/** Asymmetric only: with HS256 the public key would do as the secret (RFC 8725, section 2.1). */
const ALGORITHMS = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
];
const TIMEOUT_MS = 5_000;
const MAX_DISCOVERY_BYTES = 262_144;

type RemoteKeys = ReturnType<typeof createRemoteJWKSet>;

/**
 * Verifies JWTs of an OpenID Connect issuer (Discovery 1.0, RFC 7519, RFC 8725).
 * @returns a function that resolves to the claims of a valid token, to undefined for any other
 * @throws IssuerUnavailableError (the returned function)
 */
export function createBearerVerifier(
  options: BearerOptions,
): (token: string) => Promise<BearerClaims | undefined> {
  let keys: Promise<JWTVerifyGetKey> | undefined;
  const issuerKeys = (): Promise<JWTVerifyGetKey> => {
    keys ??= discoverKeys(options.issuer).catch((error: unknown) => {
      keys = undefined; // a failure is not remembered
      throw error;
    });
    return keys;
  };
  return async (token) => {
    if (!isSignedAsymmetrically(token)) return undefined;
    try {
      const { payload } = await jwtVerify(token, await issuerKeys(), {
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

/** A token that cannot hold is refused without asking the issuer. */
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
  // The generic code is for a key set that does not come as one: a wrong status, or no JSON.
  return error instanceof errors.JOSEError && error.code !== 'ERR_JOSE_GENERIC';
}

/** https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig */
async function discoverKeys(issuer: string): Promise<JWTVerifyGetKey> {
  const document = await fetchJson(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`);
  const { issuer: stated, jwks_uri: jwksUri } = document;
  if (stated !== issuer || typeof jwksUri !== 'string' || !isSecureUrl(jwksUri))
    throw new IssuerUnavailableError();
  return refreshed(createRemoteJWKSet(new URL(jwksUri), { timeoutDuration: TIMEOUT_MS }));
}

/**
 * Asks the issuer again for a key that is not among the known ones, without jose's pause of half a minute, in which new
 * keys would be refused; but not as often as anybody sends tokens with invented key ids.
 */
function refreshed(keys: RemoteKeys): JWTVerifyGetKey {
  const allowance = new RateLimiterMemory({ points: 10, duration: 60 });
  return async (header, token) => {
    try {
      return await keys(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey) || !keys.coolingDown) throw error;
      const isAllowed = await allowance.consume('reload').then(
        () => true,
        () => false,
      );
      if (!isAllowed) throw error;
      await keys.reload();
      return keys(header, token);
    }
  };
}

async function fetchJson(url: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(TIMEOUT_MS) });
    if (!response.ok || response.body === null) throw new IssuerUnavailableError();
    const chunks: Uint8Array[] = [];
    let length = 0;
    for await (const chunk of response.body) {
      length += chunk.length;
      if (length > MAX_DISCOVERY_BYTES) throw new IssuerUnavailableError();
      chunks.push(chunk);
    }
    const value: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    throw new IssuerUnavailableError();
  }
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
