import type { Knex } from 'knex';
import type { Sealed } from '../crypto/key-ring.ts';
import { type Actor, recordedAs } from './audit.ts';
import { completeStatement } from './consent-statement.ts';
import type { Statements } from './postgres/statements.ts';
import type { TokenEndpointAuthMethod } from './providers.ts';

/** The settings of a provider that an authorization needs, as they were when it began. */
export interface ProviderSettings {
  readonly name: string;
  readonly providerType: string | null;
  readonly clientId: string;
  readonly authUrl: string;
  readonly tokenUrl: string;
  readonly usesPkce: boolean;
  readonly tokenEndpointAuthMethod: TokenEndpointAuthMethod;
  /** RFC 8414, where the provider was discovered. */
  readonly issuer: string | null;
  /** RFC 9207. */
  readonly sendsIssuer: boolean;
  /** RFC 8707. */
  readonly resource: string | null;
}

/** An authorization that waits for its person. */
export interface PendingAuthorization {
  readonly organizationId: string;
  readonly organizationName: string;
  readonly id: string;
  /** The user for whom the account is connected. */
  readonly userId: string;
  readonly providerId: string;
  readonly provider: ProviderSettings;
  readonly redirectUri: string;
  readonly scopes: readonly string[];
  /** A ciphertext: the state and the PKCE verifier. */
  readonly secrets: string;
  /** How long it has been under way. */
  readonly ageSeconds: number;
}

/** An authorization whose code is about to be redeemed, with all that the exchange needs. */
export interface ClaimedAuthorization extends PendingAuthorization {
  /** A ciphertext; null: the client has no secret. */
  readonly clientSecret: string | null;
  readonly replacesTokenId: string | null;
  readonly agentId: string | null;
  /** RFC 7009; null: none was discovered. */
  readonly revocationEndpoint: string | null;
  readonly credential: string;
  readonly requestId: string | null;
}

/** Tokens that a provider granted, sealed. */
export interface GrantedTokens {
  readonly accessToken: Sealed;
  readonly refreshToken: Sealed | null;
  /** As the provider told; null: as requested (RFC 6749, section 5.1). */
  readonly scopes: readonly string[] | null;
  readonly expiresInSeconds: number | null;
  readonly refreshExpiresInSeconds: number | null;
  /** Until the background pass looks at the token. */
  readonly dueInSeconds: number;
  readonly metadata: Readonly<Record<string, unknown>> | null;
  /** The account at the provider; null: its answer does not tell. Two known accounts never share a token's row. */
  readonly accountId: string | null;
}

const SELECT_PENDING = `SELECT begun.organization_id AS "organizationId", organization.name AS "organizationName", begun.id,
  begun.user_id AS "userId", begun.provider_id AS "providerId", begun.redirect_uri AS "redirectUri",
  begun.scopes, begun.secrets, begun.replaces_token_id AS "replacesTokenId", begun.agent_id AS "agentId",
  begun.credential, begun.request_id AS "requestId",
  extract(epoch FROM now() - begun.created_at)::double precision AS "ageSeconds",
  provider.name, provider.provider_type AS "providerType", provider.client_id AS "clientId",
  provider.client_secret AS "clientSecret", provider.auth_url AS "authUrl", provider.token_url AS "tokenUrl",
  provider.uses_pkce AS "usesPkce", provider.token_endpoint_auth_method AS "tokenEndpointAuthMethod",
  provider.issuer, provider.sends_issuer AS "sendsIssuer", provider.resource,
  provider.revocation_endpoint AS "revocationEndpoint"`;

const JOIN_SETTINGS = `
JOIN oauth_providers AS provider ON provider.organization_id = :organizationId
  AND provider.provider_id = begun.provider_id AND provider.settings_version = begun.provider_version
  AND provider.deleting_at IS NULL
JOIN organizations AS organization ON organization.organization_id = :organizationId`;

const FIND = `${SELECT_PENDING}
FROM authorizations AS begun ${JOIN_SETTINGS}
WHERE begun.organization_id = :organizationId AND begun.status = 'pending' AND begun.expires_at > now()`;

const FIND_BY_ID = `${FIND} AND begun.id = :id`;
const FIND_BY_STATE = `${FIND} AND begun.state_hash = :stateHash`;

/** The outer query checks the settings of the provider, so an authorization of earlier settings is used up as well. */
const CLAIM = `
WITH begun AS (
  UPDATE authorizations SET status = 'claimed'
  WHERE organization_id = :organizationId AND id = :id AND status = 'pending' AND expires_at > now()
  RETURNING *
)
${SELECT_PENDING}
FROM begun ${JOIN_SETTINGS}`;

const END = `
UPDATE authorizations SET status = :status
WHERE organization_id = :organizationId AND id = :id AND status IN ('pending', 'claimed') AND expires_at > now()
RETURNING id`;

/** The channel of notifications that an authorization has ended. The payload is its id. */
export const AUTHORIZATION_ENDED = 'tokenhold_authorization_ended';

/** A statement of its own: Citus would run it on the node of the rows, where nobody listens. */
const NOTIFY = `SELECT pg_notify('${AUTHORIZATION_ENDED}', :id)`;

type PendingRow = Omit<ClaimedAuthorization, 'provider'> & ProviderSettings;

/** Moves the settings of the provider into an object of their own. */
function claimed(row: PendingRow): ClaimedAuthorization {
  const { name, providerType, clientId, authUrl, tokenUrl, usesPkce, tokenEndpointAuthMethod, ...rest } = row;
  const { issuer, sendsIssuer, resource, ...begun } = rest;
  const endpoints = { clientId, authUrl, tokenUrl, usesPkce, tokenEndpointAuthMethod };
  const provider = { name, providerType, ...endpoints, issuer, sendsIssuer, resource };
  return { ...begun, provider };
}

export type ConsentRepository = ReturnType<typeof consentRepository>;

/** `full`: the user has as many tokens of the provider as the setting allows. `gone`: the authorization is gone or has expired. */
export type Completion = 'completed' | 'full' | 'gone';

/**
 * The steps of a person through an authorization. An expired one counts as gone.
 * @param tokensMax how many tokens a user may have of a provider; 0: any number
 */
export function consentRepository(db: Statements, tokensMax: number) {
  const complete = completeStatement(tokensMax);

  /** Waiters also poll, so a lost notification only delays them. */
  const notify = (id: string): Promise<unknown> => db.raw(NOTIFY, { id }).catch(() => undefined);

  async function pending(sql: string, bindings: Readonly<Record<string, Knex.Value>>) {
    const { rows } = await db.raw<{ rows: PendingRow[] }>(sql, bindings);
    return rows[0] && claimed(rows[0]);
  }

  return {
    /** The pending authorization of this id (a UUID), of settings that its provider still has. */
    find(organizationId: string, id: string): Promise<PendingAuthorization | undefined> {
      return pending(FIND_BY_ID, { organizationId, id });
    },

    /** The pending authorization whose `state` has this SHA-256. */
    findByState(organizationId: string, stateHash: Buffer): Promise<PendingAuthorization | undefined> {
      return pending(FIND_BY_STATE, { organizationId, stateHash });
    },

    /** Takes a pending authorization, once. Undefined: another request took it, or it has expired. */
    claim(organizationId: string, id: string): Promise<ClaimedAuthorization | undefined> {
      return pending(CLAIM, { organizationId, id });
    },

    /** Ends an open authorization without a token. */
    async end(organizationId: string, id: string, status: 'refused' | 'failed'): Promise<void> {
      const { rows } = await db.raw<{ rows: unknown[] }>(END, { organizationId, id, status });
      if (rows.length > 0) await notify(id);
    },

    /**
     * Stores what the provider granted, and ends the claimed authorization. It may be repeated: the connection may break after
     * the commit.
     * @param tokenId the id of the new row, where there is no row to replace
     * @returns how that ended: unless `completed`, nothing was stored
     */
    async complete(
      { organizationId, id }: Pick<ClaimedAuthorization, 'organizationId' | 'id'>,
      tokenId: string,
      tokens: GrantedTokens,
      by: Actor,
    ): Promise<Completion> {
      const { rows } = await db.raw<{ rows: { outcome: 'completed' | 'full' }[] }>(complete, {
        organizationId,
        id,
        tokenId,
        accessToken: tokens.accessToken.ciphertext,
        accessTokenKey: tokens.accessToken.key,
        refreshToken: tokens.refreshToken?.ciphertext ?? null,
        refreshTokenKey: tokens.refreshToken?.key ?? null,
        scopes: tokens.scopes,
        metadata: tokens.metadata && JSON.stringify(tokens.metadata),
        accountId: tokens.accountId,
        expiresInSeconds: tokens.expiresInSeconds,
        refreshExpiresInSeconds: tokens.refreshExpiresInSeconds,
        dueInSeconds: tokens.dueInSeconds,
        ...recordedAs(by),
      });
      const outcome = rows[0]?.outcome ?? 'gone';
      if (outcome === 'completed') await notify(id);
      return outcome;
    },
  };
}
