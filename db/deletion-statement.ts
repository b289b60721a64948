/**
 * What all deletions of tokens share. Each is `WITH step AS (…), ${LATE_PAIRS}, deleted AS (…), ${ENDING}`: `step` has the ids of
 * the tokens, and `deleted` is a DELETE that returns all columns of oauth_tokens. It binds `organizationId`, and what `recordedAs`
 * gives. The provider must still have its row.
 */
import { recording } from './audit.ts';

/**
 * Pairs of the tokens that came late, and that no provider has refused. They are read before the deletion, because Citus runs
 * CTEs one after the other, and the deletion takes them along.
 */
export const LATE_PAIRS = `late AS MATERIALIZED (
  SELECT version.* FROM token_versions AS version JOIN step ON step.id = version.token_id
  WHERE version.organization_id = :organizationId AND version.is_candidate AND version.refused_at IS NULL
)`;

const PAIRS = `
    SELECT id, NULL::uuid AS token_id, provider_id, metadata, access_token, access_token_key,
      refresh_token, refresh_token_key
    FROM deleted
    UNION ALL
    SELECT late.id, late.token_id, deleted.provider_id, deleted.metadata, late.access_token,
      late.access_token_key, late.refresh_token, late.refresh_token_key
    FROM late JOIN deleted ON deleted.id = late.token_id`;

/** The tokens and their late pairs go into the outbox of revocations, and each token gets an audit record. */
export const ENDING = `owed AS (
  INSERT INTO revocations (organization_id, id, token_id, provider_id, access_token, access_token_key, refresh_token,
    refresh_token_key, metadata, client_id, client_secret, client_secret_key, auth_url, token_url,
    token_endpoint_auth_method, revocation_endpoint, user_id, credential, request_id)
  SELECT provider.organization_id, pair.id, pair.token_id, pair.provider_id, pair.access_token, pair.access_token_key,
    pair.refresh_token, pair.refresh_token_key, pair.metadata, provider.client_id, provider.client_secret,
    provider.client_secret_key, provider.auth_url, provider.token_url, provider.token_endpoint_auth_method,
    provider.revocation_endpoint, :auditUserId, :auditCredential, :auditRequestId
  FROM (${PAIRS}
  ) AS pair
  JOIN oauth_providers AS provider ON provider.organization_id = :organizationId
    AND provider.provider_id = pair.provider_id
), audited AS (
  ${recording('token.delete', 'deleted', 'id', { outcome: 'pending' })}
)`;
