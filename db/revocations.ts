import type { Sealed } from '../crypto/key-ring.ts';
import { newId } from '../crypto/uuid.ts';
import { type Actor, recordedAs, recordId } from './audit.ts';
import { retryDeadlock } from './postgres/errors.ts';
import type { Statements } from './postgres/statements.ts';
import type { TokenEndpointAuthMethod } from './providers.ts';
import { CLAIM } from './revocation-claim.ts';

/**
 * A deleted token, or a grant without a token, that is not revoked yet. It keeps its ciphertexts, and the settings that its
 * provider had at that time.
 */
export interface OwedRevocation {
  readonly organizationId: string;
  readonly id: string;
  readonly tokenId: string;
  readonly providerId: string;
  readonly accessToken: string;
  readonly refreshToken: string | null;
  readonly metadata: Readonly<Record<string, unknown>> | null;
  readonly clientId: string;
  readonly clientSecret: string | null;
  readonly authUrl: string;
  readonly tokenUrl: string;
  readonly tokenEndpointAuthMethod: TokenEndpointAuthMethod;
  /** RFC 7009. Null: none was discovered. */
  readonly revocationEndpoint: string | null;
  /** This attempt included. */
  readonly attempts: number;
  /** Since the deletion. */
  readonly ageSeconds: number;
}

/** A grant that a provider gave, and that could not be stored. */
export interface UnstoredGrant {
  readonly organizationId: string;
  /** The id of the grant's row in the outbox. */
  readonly id: string;
  /** The id of the token that the grant was for. */
  readonly tokenId: string;
  readonly providerId: string;
  readonly accessToken: Sealed;
  readonly refreshToken: Sealed | null;
  readonly metadata: Readonly<Record<string, unknown>> | null;
  readonly clientId: string;
  readonly clientSecret: Sealed | null;
  readonly authUrl: string;
  readonly tokenUrl: string;
  readonly tokenEndpointAuthMethod: TokenEndpointAuthMethod;
  readonly revocationEndpoint: string | null;
}

export type RevocationReference = Pick<OwedRevocation, 'organizationId' | 'id'>;

export type EndedRevocation = Pick<
  OwedRevocation,
  'organizationId' | 'tokenId' | 'providerId' | 'tokenUrl' | 'attempts'
>;

/** `failed`: given up, and the token may still be valid at the provider. */
export type RevocationOutcome = 'revoked' | 'unsupported' | 'failed';

/** Which revocations are claimed. Without a condition: those of all organizations. */
export interface RevocationFilter {
  readonly organizationId?: string;
  /** Of deleted tokens; only with `organizationId`. */
  readonly ids?: readonly string[];
}

/** A revocation for an operator, without secrets. */
export interface ListedRevocation {
  readonly id: string;
  readonly tokenId: string;
  readonly providerId: string;
  readonly deletedBy: string;
  readonly deletedAt: Date;
  readonly attempts: number;
  readonly problem: string | null;
  readonly nextAttemptAt: Date;
}

const OWE = `
INSERT INTO revocations (organization_id, id, token_id, provider_id, access_token, access_token_key, refresh_token,
  refresh_token_key, metadata, client_id, client_secret, client_secret_key, auth_url, token_url,
  token_endpoint_auth_method, revocation_endpoint, user_id, credential, request_id)
VALUES (:organizationId, :id, :tokenId, :providerId, :accessToken, :accessTokenKey, :refreshToken, :refreshTokenKey,
  :metadata, :clientId, :clientSecret, :clientSecretKey, :authUrl, :tokenUrl, :tokenEndpointAuthMethod,
  :revocationEndpoint, :auditUserId, :auditCredential, :auditRequestId)
ON CONFLICT (organization_id, id) DO NOTHING`;

const HAS_TOKEN = `
SELECT 1 FROM oauth_tokens WHERE organization_id = :organizationId AND provider_id = :providerId LIMIT 1`;

/**
 * Without `ownedRows`, because the organization may be deleted by now. So Citus needs all nodes, and a revocation that has
 * ended while one is down is tried again.
 * @param ended a DELETE that returns revocations and their outcomes
 */
const ending = (ended: string): string => `
WITH ended AS (
  ${ended}
), audited AS (
  INSERT INTO audit_records (organization_id, id, user_id, credential, action, object_id, request_id, outcome)
  SELECT organization_id, ${recordId('id')}, user_id, credential, 'token.revoke', coalesce(token_id, id), request_id, outcome
  FROM ended
)
SELECT organization_id AS "organizationId", coalesce(token_id, id) AS "tokenId", provider_id AS "providerId",
  token_url AS "tokenUrl", attempts FROM ended`;

const END = ending(
  `DELETE FROM revocations AS owed
  USING json_to_recordset(:given::json) AS given (organization_id uuid, id uuid, outcome text)
  WHERE owed.organization_id = ANY (:organizationIds::uuid[])
    AND owed.organization_id = given.organization_id AND owed.id = given.id
  RETURNING owed.*, given.outcome`,
);

/** How many revocations are looked at, so that the statement stays short. */
const STEP = 2_000;

const END_DUE = ending(`DELETE FROM revocations AS owed
  USING (
    SELECT id, token_url, revocation_endpoint FROM revocations
    WHERE organization_id = :organizationId AND next_attempt_at <= now()
    ORDER BY next_attempt_at LIMIT ${STEP}
  ) AS due
  WHERE owed.organization_id = :organizationId AND owed.id = due.id
    AND due.revocation_endpoint IS NULL AND due.token_url = ANY (:tokenUrls::text[])
  RETURNING owed.*, 'unsupported' AS outcome`);

const POSTPONE = `
UPDATE revocations SET next_attempt_at = now() + make_interval(secs => :seconds::double precision), problem = :problem
WHERE organization_id = :organizationId AND id = :id`;

const PAGE = 500;
const BEFORE_ALL = '00000000-0000-0000-0000-000000000000';

const LIST = `
SELECT id, coalesce(token_id, id) AS "tokenId", provider_id AS "providerId", user_id AS "deletedBy", created_at AS "deletedAt", attempts, problem,
  next_attempt_at AS "nextAttemptAt"
FROM revocations WHERE organization_id = :organizationId AND id > :after ORDER BY id LIMIT ${PAGE}`;

export type RevocationRepository = ReturnType<typeof revocationRepository>;

/** The outbox of revocations: of deleted tokens, and of grants that could not be stored. Any number of processes work it off. */
export const revocationRepository = (db: Statements) => ({
  /** Takes revocations that are due, `size` at most. A process that dies leaves them to others after two minutes. */
  async claim({ organizationId, ids }: RevocationFilter, size: number): Promise<readonly OwedRevocation[]> {
    const sql =
      organizationId === undefined ? CLAIM.ofAll : ids === undefined ? CLAIM.ofOrganization : CLAIM.ofTokens;
    const bindings = {
      size,
      ...(organizationId !== undefined && { organizationId }),
      ...(ids !== undefined && { ids: [...ids] }),
    };
    const { rows } = await retryDeadlock(() => db.raw<{ rows: OwedRevocation[] }>(sql, bindings));
    return rows;
  },

  /** Owes the revocation of a grant that could not be stored. Repeated calls owe it once. */
  async owe(grant: UnstoredGrant, by: Actor): Promise<void> {
    const { accessToken, refreshToken, clientSecret, metadata } = grant;
    const { auditId: _, ...actor } = recordedAs(by);
    await db.raw(OWE, {
      ...grant,
      accessToken: accessToken.ciphertext,
      accessTokenKey: accessToken.key,
      refreshToken: refreshToken?.ciphertext ?? null,
      refreshTokenKey: refreshToken?.key ?? null,
      clientSecret: clientSecret?.ciphertext ?? null,
      clientSecretKey: clientSecret?.key ?? null,
      metadata: metadata && JSON.stringify(metadata),
      ...actor,
    });
  },

  /** Whether the organization holds any token of the provider. */
  async holdsToken(organizationId: string, providerId: string): Promise<boolean> {
    return (await db.raw<{ rows: unknown[] }>(HAS_TOKEN, { organizationId, providerId })).rows.length > 0;
  },

  /** Ends revocations, and records the outcome in the name of the actor who deleted the token. Their secrets are deleted. */
  async end(
    ended: readonly (RevocationReference & { readonly outcome: RevocationOutcome })[],
  ): Promise<void> {
    const given = ended.map(({ organizationId, id, outcome }) => ({
      organization_id: organizationId,
      id,
      outcome,
    }));
    const organizationIds = [...new Set(ended.map(({ organizationId }) => organizationId))];
    const bindings = { given: JSON.stringify(given), organizationIds, auditId: newId() };
    await retryDeadlock(() => db.raw(END, bindings));
  },

  /**
   * Ends the organization's next due revocations of providers that have no endpoint and one of these token URLs, as
   * `unsupported`. They need not be claimed.
   */
  async endDue(organizationId: string, tokenUrls: readonly string[]): Promise<readonly EndedRevocation[]> {
    const bindings = { organizationId, tokenUrls: [...tokenUrls], auditId: newId() };
    return (await retryDeadlock(() => db.raw<{ rows: EndedRevocation[] }>(END_DUE, bindings))).rows;
  },

  /** Sets the next attempt. @param problem of a known list */
  async postpone(
    { organizationId, id }: RevocationReference,
    seconds: number,
    problem: string,
  ): Promise<void> {
    await db.raw(POSTPONE, { organizationId, id, seconds, problem });
  },

  /** The revocations that are still owed, oldest token first, read page by page. */
  async *list(organizationId: string): AsyncGenerator<ListedRevocation, void> {
    for (let after = BEFORE_ALL; ; ) {
      const { rows } = await db.raw<{ rows: ListedRevocation[] }>(LIST, { organizationId, after });
      yield* rows;
      const last = rows.at(-1);
      if (last === undefined || rows.length < PAGE) return;
      after = last.id;
    }
  },
});
