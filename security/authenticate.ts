import { hashApiKey } from '../crypto/api-key.ts';
import { isUuid } from '../crypto/uuid.ts';
import type { BearerClaims } from './bearer.ts';
import type { Caller, Role } from './caller.ts';

/** Nobody says who is calling. Answered 401 with the challenge (RFC 9110, section 11.6.1). */
export class UnauthenticatedError extends Error {
  readonly challenge: string;

  constructor(challenge: string, message = 'Not authenticated') {
    super(message);
    this.challenge = challenge;
  }
}

/** Credentials that do not hold. The caller is told no more; which they were is for metrics. */
export class InvalidCredentialsError extends UnauthenticatedError {
  readonly reason: 'api_key' | 'bearer' | 'disagreement';

  constructor(challenge: string, reason: InvalidCredentialsError['reason']) {
    super(challenge, 'Invalid authentication credentials');
    this.reason = reason;
  }
}

/** A known caller who may not do this. */
export class ForbiddenError extends Error {}

export interface ApiKeyIdentity {
  readonly apiKeyId: string;
  readonly organizationId: string;
  readonly workspaceId: string;
  readonly userId: string;
  readonly role: Role;
}

export interface AuthenticationParts {
  /** The key with this SHA-256, unless it is revoked or expired. */
  readonly findApiKey: (keyHash: string) => Promise<ApiKeyIdentity | undefined>;
  /** The organization's workspace of this id, or its first one. */
  readonly findWorkspace: (organizationId: string, workspaceId?: string) => Promise<string | undefined>;
  /** Absent: no issuer is configured, and no bearer token is accepted. */
  readonly verifyBearer?: ((token: string) => Promise<BearerClaims | undefined>) | undefined;
}

/** The security schemes of the contract that are credentials. `TenantId` is none: it selects, and proves nothing. */
export type CredentialScheme = 'ApiKey' | 'BearerAuth';

/** Header fields by lower-case name, each with all its lines (as in `IncomingMessage.headersDistinct`). */
export type HeaderLines = Readonly<Record<string, readonly string[] | undefined>>;

const BEARER = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i; // RFC 6750, section 2.1

/**
 * Tells who is calling, from the headers of a request.
 * @throws UnauthenticatedError, ForbiddenError; what the lookups throw (an outage is not a wrong credential) passes through
 */
export function createAuthenticator({ findApiKey, findWorkspace, verifyBearer }: AuthenticationParts) {
  const challenge = verifyBearer === undefined ? 'APIKey' : 'APIKey, Bearer';
  const invalid = (reason: InvalidCredentialsError['reason'], sentChallenge = challenge) =>
    new InvalidCredentialsError(sentChallenge, reason);

  async function byApiKey(lines: readonly string[]): Promise<Caller> {
    const keyHash = lines.length > 1 ? undefined : hashApiKey(lines[0] ?? '');
    const found = keyHash === undefined ? undefined : await findApiKey(keyHash);
    if (found === undefined) throw invalid('api_key');
    const { apiKeyId, organizationId, workspaceId, userId, role } = found;
    return { organizationId, workspaceId, userId, role, credential: `api-key:${apiKeyId}` };
  }

  async function byBearer(lines: readonly string[]): Promise<Caller> {
    const token = lines.length > 1 ? undefined : BEARER.exec(lines[0] ?? '')?.[1];
    if (token === undefined || verifyBearer === undefined) throw invalid('bearer');
    const badToken = () => invalid('bearer', 'APIKey, Bearer error="invalid_token"'); // RFC 6750, section 3.1
    const claims = await verifyBearer(token);
    if (claims === undefined) throw badToken();
    const workspaceId = await findWorkspace(claims.organizationId, claims.workspaceId);
    if (workspaceId === undefined) throw badToken();
    return {
      organizationId: claims.organizationId,
      workspaceId,
      userId: claims.userId,
      role: claims.role,
      credential: 'bearer',
    };
  }

  /** Both must hold and agree; the user is the bearer's, the role the lower one. */
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

  return async function authenticate(
    headers: HeaderLines,
    schemes: ReadonlySet<CredentialScheme>,
  ): Promise<Caller> {
    const apiKey = schemes.has('ApiKey') ? headers['x-api-key'] : undefined;
    const authorization = schemes.has('BearerAuth') ? headers['authorization'] : undefined;
    const key = apiKey && (await byApiKey(apiKey));
    const bearer = authorization && (await byBearer(authorization));
    const caller = key && bearer ? combine(key, bearer) : (key ?? bearer);
    if (caller === undefined) throw new UnauthenticatedError(challenge);
    const tenantId = headers['x-tenant-id'];
    return tenantId === undefined ? caller : selectWorkspace(caller, tenantId);
  };
}

export type Authenticate = ReturnType<typeof createAuthenticator>;
