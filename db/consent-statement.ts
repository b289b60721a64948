import { ownedRows, recording } from './audit.ts';

/** It reads at most `tokensMax` entries of an index, however many tokens the user has. */
const reaches = (tokensMax: number): string => `EXISTS (
    SELECT 1 FROM oauth_tokens AS present
    WHERE present.organization_id = :organizationId AND present.provider_id = begun.provider_id
      AND present.user_id = begun.user_id
    OFFSET ${tokensMax - 1})`;

/**
 * Stores the granted tokens and completes the authorization. The tokens go into the row of the token that they replace,
 * unless that belongs to another account of the provider, or else into a new row. A new row needs room below the limit.
 * @param tokensMax how many tokens a user may have of a provider; 0: any number
 */
export const completeStatement = (tokensMax: number): string => `
WITH begun AS (
  SELECT authorizations.* FROM authorizations
  JOIN oauth_providers AS provider ON provider.organization_id = authorizations.organization_id
    AND provider.provider_id = authorizations.provider_id AND provider.deleting_at IS NULL
  WHERE authorizations.organization_id = :organizationId AND authorizations.id = :id
    AND authorizations.status = 'claimed' AND authorizations.expires_at > now()
), earlier AS (
  SELECT 1 FROM authorizations
  WHERE organization_id = :organizationId AND id = :id AND status = 'completed' AND expires_at > now()
), replaced AS (
  UPDATE oauth_tokens AS token
  SET access_token = :accessToken, access_token_key = :accessTokenKey,
    refresh_token = :refreshToken, refresh_token_key = :refreshTokenKey,
    scopes = CASE WHEN :scopes::text[] IS NULL THEN begun.scopes ELSE :scopes::text[] END,
    requested_scopes = begun.scopes,
    metadata = CASE WHEN :metadata::jsonb IS NULL THEN token.metadata
      WHEN token.metadata IS NULL THEN :metadata::jsonb ELSE token.metadata || :metadata::jsonb END,
    account_id = CASE WHEN :accountId::text IS NULL THEN token.account_id ELSE :accountId::text END,
    expires_at = now() + make_interval(secs => :expiresInSeconds::double precision),
    refresh_expires_at = now() + make_interval(secs => :refreshExpiresInSeconds::double precision),
    generation = token.generation + 1, grant_number = token.grant_number + 1, received_at = now(), received_by = NULL,
    refresh_attempt = NULL, lease_until = NULL, refresh_failures = 0, refresh_after = NULL, refresh_problem = NULL,
    refresh_due_at = now() + make_interval(secs => :dueInSeconds::double precision),
    dead_at = NULL, dead_reason = NULL, updated_at = now()
  FROM begun
  WHERE token.organization_id = :organizationId AND token.id = begun.replaces_token_id
    AND token.user_id = begun.user_id AND token.provider_id = begun.provider_id
    AND (token.account_id IS NULL OR :accountId::text IS NULL OR token.account_id = :accountId::text)
  RETURNING token.organization_id, token.id, token.user_id, token.provider_id
), full_user AS (
  SELECT 1 FROM begun WHERE ${tokensMax === 0 ? 'false' : reaches(tokensMax)} AND NOT EXISTS (SELECT 1 FROM replaced)
), forgotten AS (
  DELETE FROM token_versions USING replaced
  WHERE token_versions.organization_id = :organizationId AND token_versions.token_id = replaced.id
), added AS (
  INSERT INTO oauth_tokens AS new (organization_id, id, user_id, provider_id, workspace_id, access_token,
    access_token_key, refresh_token, refresh_token_key, scopes, requested_scopes, metadata, account_id, expires_at,
    refresh_expires_at, refresh_due_at)
  SELECT owner.organization_id, :tokenId, begun.user_id, begun.provider_id, begun.workspace_id, :accessToken,
    :accessTokenKey, :refreshToken, :refreshTokenKey,
    CASE WHEN :scopes::text[] IS NULL THEN begun.scopes ELSE :scopes::text[] END, begun.scopes, :metadata::jsonb,
    :accountId, now() + make_interval(secs => :expiresInSeconds::double precision),
    now() + make_interval(secs => :refreshExpiresInSeconds::double precision),
    now() + make_interval(secs => :dueInSeconds::double precision)
  FROM ${ownedRows('begun')}
  WHERE NOT EXISTS (SELECT 1 FROM replaced) AND NOT EXISTS (SELECT 1 FROM full_user)
  RETURNING new.organization_id, new.id, new.user_id, new.provider_id
), stored AS (
  SELECT * FROM replaced UNION ALL SELECT * FROM added
), made_default AS (
  INSERT INTO default_tokens (organization_id, user_id, provider_id, token_id)
  SELECT owner.organization_id, stored.user_id, stored.provider_id, stored.id
  FROM ${ownedRows('stored')} JOIN begun ON begun.organization_id = stored.organization_id AND begun.is_default
  ON CONFLICT (organization_id, user_id, provider_id) DO UPDATE SET token_id = excluded.token_id
), completed AS (
  UPDATE authorizations SET status = 'completed', token_id = stored.id
  FROM stored WHERE authorizations.organization_id = :organizationId AND authorizations.id = :id
), audited AS (
  ${recording('token.authorize', 'stored', 'id')}
)
SELECT 'completed' AS outcome FROM stored
UNION ALL
SELECT 'full' FROM full_user
UNION ALL
SELECT 'completed' FROM earlier`;
