/** Longer than the attempts of one page can take. */
const LEASE_SECONDS = 120;

/**
 * If two processes claim the same row, the second sees the lease of the first once it has the row's lock. The age is counted
 * back from the end of the lease, because Citus refuses `now()` in RETURNING.
 * @param due a query for ids
 */
const claim = (due: string, outer = ''): string => `
UPDATE revocations AS owed
SET attempts = owed.attempts + 1, next_attempt_at = now() + interval '${LEASE_SECONDS} s'
FROM (${due}) AS due
WHERE owed.organization_id = due.organization_id AND owed.id = due.id AND owed.next_attempt_at <= now()${outer}
RETURNING owed.organization_id AS "organizationId", owed.id, coalesce(owed.token_id, owed.id) AS "tokenId",
  owed.provider_id AS "providerId",
  owed.access_token AS "accessToken", owed.refresh_token AS "refreshToken", owed.metadata,
  owed.client_id AS "clientId", owed.client_secret AS "clientSecret", owed.auth_url AS "authUrl",
  owed.token_url AS "tokenUrl", owed.token_endpoint_auth_method AS "tokenEndpointAuthMethod",
  owed.revocation_endpoint AS "revocationEndpoint", owed.attempts,
  (extract(epoch FROM owed.next_attempt_at - owed.created_at) - ${LEASE_SECONDS})::double precision AS "ageSeconds"`;

/** What one organization may have of a sweep's page, so that its silent providers do not delay others. */
export const SWEPT_PER_ORGANIZATION = 8;

/** A sweep leaves recent revocations to the deletion that made them. */
const IS_LEFT = `next_attempt_at <= now() - interval '5 s'`;

/** Organizations take turns. An organization that was deleted may still owe, so those that owe are looked up. */
const OF_ALL = `
  SELECT oldest.organization_id, oldest.id
  FROM (SELECT DISTINCT organization_id FROM revocations WHERE ${IS_LEFT}) AS owing
  CROSS JOIN LATERAL (
    SELECT one.organization_id, one.id, one.next_attempt_at, row_number() OVER (ORDER BY one.next_attempt_at) AS turn
    FROM revocations AS one
    WHERE one.organization_id = owing.organization_id AND one.${IS_LEFT}
    ORDER BY one.next_attempt_at LIMIT ${SWEPT_PER_ORGANIZATION}
  ) AS oldest
  ORDER BY oldest.turn, oldest.next_attempt_at LIMIT :size`;

const ofOrganization = (condition = ''): string => `
  SELECT organization_id, id FROM revocations
  WHERE organization_id = :organizationId AND next_attempt_at <= now()${condition}
  ORDER BY next_attempt_at LIMIT :size`;

const OF_ROW = ' AND owed.organization_id = :organizationId';

/** Takes due revocations: of all organizations, of one, or of some of its tokens. Binds `size`, and what it names. */
export const CLAIM = {
  ofAll: claim(OF_ALL),
  ofOrganization: claim(ofOrganization(), OF_ROW),
  ofTokens: claim(ofOrganization(' AND id = ANY (:ids::uuid[])'), OF_ROW),
};
