import { hashApiKey } from '../crypto/api-key.ts';
import { isUuid } from '../crypto/uuid.ts';
import type { BearerClaims } from './bearer.ts';
import { type Caller, mayActFor } from './caller.ts';
import { linesOf, type RawHeaders } from './header-lines.ts';

/** The request carries no sufficient credentials. Answered 401 with the challenge (RFC 9110, section 11.6.1). */
export class UnauthenticatedError extends Error {
  readonly challenge: string;

  constructor(challenge: string, message = 'Not authenticated') {
    super(message);
    this.challenge = challenge;
  }
}

/** Credentials that are not valid. The caller learns no more; `reason` is for metrics. */
export class InvalidCredentialsError extends UnauthenticatedError {
  readonly reason: 'api_key' | 'bearer' | 'disagreement';

  constructor(challenge: string, reason: InvalidCredentialsError['reason']) {
    super(challenge, 'Invalid authentication credentials');
    this.reason = reason;
  }
}

/** A known caller who may not do this. */
export class ForbiddenError extends Error {}

export interface AuthenticationParts {
  /** The owner of the key with this SHA-256, unless it is revoked or expired. */
  readonly findApiKey: (keyHash: string) => Promise<Caller | undefined>;
  /** The organization's workspace of this id, or its first one. */
  readonly findWorkspace: (organizationId: string, workspaceId?: string) => Promise<string | undefined>;
  /** Absent: no issuer is configured, and no bearer token is accepted. */
  readonly verifyBearer?: ((token: string) => Promise<BearerClaims | undefined>) | undefined;
}

const SCHEMES = ['ApiKey', 'BearerAuth'] as const;

/** The security schemes of the contract. Each is a credential. */
export type CredentialScheme = (typeof SCHEMES)[number];

export const isCredentialScheme = (name: string): name is CredentialScheme =>
  SCHEMES.some((scheme) => scheme === name);

/**
 * What an operation requires (OpenAPI 3.1, Security Requirement Object): the alternatives, each with the schemes that
 * must all hold. An alternative without schemes makes credentials optional.
 */
export type Security = readonly (readonly CredentialScheme[])[];

/** The caller of a request; undefined: credentials are optional, and there are none. */
export type Authenticate = (request: RawHeaders) => Promise<Caller | undefined>;

const BEARER = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i; // RFC 6750, section 2.1
const MAX_USER_CHARACTERS = 255;

/**
 * Makes authentication for operations by their security.
 * @throws UnauthenticatedError, ForbiddenError (the returned functions); errors of the look-ups pass through, because an
 *   outage is not a wrong credential
 */
export function createAuthenticator({ findApiKey, findWorkspace, verifyBearer }: AuthenticationParts) {
  const challenge = verifyBearer === undefined ? 'APIKey' : 'APIKey, Bearer';
  const invalid = (reason: InvalidCredentialsError['reason'], sentChallenge = challenge) =>
    new InvalidCredentialsError(sentChallenge, reason);

  async function byApiKey(lines: readonly string[]): Promise<Caller> {
    const keyHash = lines.length > 1 ? undefined : hashApiKey(lines[0] ?? '');
    const found = keyHash === undefined ? undefined : await findApiKey(keyHash);
    if (found === undefined) throw invalid('api_key');
    return found;
  }

  async function byBearer(lines: readonly string[]): Promise<Caller> {
    const token = lines.length > 1 ? undefined : BEARER.exec(lines[0] ?? '')?.[1];
    if (token === undefined || verifyBearer === undefined) throw invalid('bearer');
    const badToken = () => invalid('bearer', 'APIKey, Bearer error="invalid_token"'); // RFC 6750, section 3.1
    const claims = await verifyBearer(token);
    if (claims === undefined) throw badToken();
    const workspaceId = await findWorkspace(claims.organizationId, claims.workspaceId);
    if (workspaceId === undefined) throw badToken();
    const { organizationId, userId, role } = claims;
    return { organizationId, workspaceId, userId, role, actsFor: 'user', credential: 'bearer' };
  }

  /** Both must name the same organization. The user is the bearer's, the role the lower one. */
  function combine(key: Caller, bearer: Caller): Caller {
    if (key.organizationId !== bearer.organizationId) throw invalid('disagreement');
    const role = key.role === 'admin' && bearer.role === 'admin' ? 'admin' : 'member';
    return { ...bearer, role, credential: `${key.credential} bearer` };
  }

  async function selectWorkspace(caller: Caller, lines: readonly string[]): Promise<Caller> {
    const [tenantId] = lines;
    if (tenantId === undefined || lines.length > 1 || !isUuid(tenantId)) throw new ForbiddenError();
    const workspaceId = await findWorkspace(caller.organizationId, tenantId);
    if (workspaceId === undefined) throw new ForbiddenError();
    return { ...caller, workspaceId };
  }

  return (security: Security): Authenticate => {
    const takesKey = security.some((schemes) => schemes.includes('ApiKey'));
    const takesBearer = security.some((schemes) => schemes.includes('BearerAuth'));
    const suffices = (hasKey: boolean, hasBearer: boolean) =>
      security.some((schemes) =>
        schemes.length === 0
          ? !hasKey && !hasBearer
          : schemes.every((scheme) => (scheme === 'ApiKey' ? hasKey : hasBearer)),
      );
    // By whether a key and a bearer token were sent.
    const isEnough = [false, true].map((hasKey) => [suffices(hasKey, false), suffices(hasKey, true)]);
    return async (request) => {
      const apiKey = takesKey ? linesOf(request, 'x-api-key') : undefined;
      const authorization = takesBearer ? linesOf(request, 'authorization') : undefined;
      if (isEnough[apiKey === undefined ? 0 : 1]?.[authorization === undefined ? 0 : 1] !== true) {
        throw new UnauthenticatedError(challenge);
      }
      const key = apiKey && (await byApiKey(apiKey));
      const bearer = authorization && (await byBearer(authorization));
      const caller = key && bearer ? combine(key, bearer) : (key ?? bearer);
      if (caller === undefined) return undefined;
      const [tenantId, user] = [linesOf(request, 'x-tenant-id'), linesOf(request, 'x-user-id')];
      const placed = tenantId === undefined ? caller : await selectWorkspace(caller, tenantId);
      return user === undefined ? placed : selectUser(placed, user);
    };
  };
}

/** The caller, acting for the user that `X-User-Id` names and for no other. */
function selectUser(caller: Caller, lines: readonly string[]): Caller {
  const userId = lines.length > 1 ? undefined : decodeUtf8(lines[0] ?? '');
  if (userId === undefined || userId === '' || userId.includes('\0')) throw new ForbiddenError();
  if ([...userId].length > MAX_USER_CHARACTERS || !mayActFor(caller, userId)) throw new ForbiddenError();
  return { ...caller, userId, actsFor: 'user' };
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Node gives the bytes of a header field as Latin-1. Undefined: they are not UTF-8. */
function decodeUtf8(latin1: string): string | undefined {
  try {
    return utf8.decode(Buffer.from(latin1, 'latin1'));
  } catch {
    return undefined;
  }
}

export type Authenticator = ReturnType<typeof createAuthenticator>;
