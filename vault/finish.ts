import type { KeyRing } from '../crypto/key-ring.ts';
import { newId } from '../crypto/uuid.ts';
import type { Actor } from '../db/audit.ts';
import type { ClaimedAuthorization, ConsentRepository, PendingAuthorization } from '../db/consents.ts';
import { OverloadedError } from '../db/postgres/errors.ts';
import type { RevocationRepository } from '../db/revocations.ts';
import { type AuthorizationResponse, readAuthorizationResponse } from '../oauth/authorization-response.ts';
import type { Catalogue } from '../oauth/catalogue/catalogue.ts';
import { isPkceUsed, type ProviderClient } from '../oauth/provider-settings.ts';
import type { CodeExchange, TokenResult } from '../oauth/token-endpoint.ts';
import { openSecrets, protocolSettings } from './authorize.ts';
import { persist } from './refresh/persist.ts';
import { dueInSeconds } from './refresh/policy.ts';
import { oweRevocation, type Unstored } from './unstored.ts';

/** How an authorization ended, for metrics. */
export type AuthorizationOutcome = 'completed' | 'refused' | 'failed';

/**
 * How a callback ended. `invalid`: it is no answer to this authorization, which stays as it is. `gone`: another request has
 * claimed the authorization, or it has expired. `full`: the user has too many tokens of the provider. `refused`: `error` is a
 * known code of the authorization response, or `other`.
 */
export type Finish =
  | {
      readonly outcome:
        | 'completed'
        | 'invalid'
        | 'gone'
        | 'full'
        | 'misconfigured'
        | 'unavailable'
        | 'failed';
    }
  | { readonly outcome: 'refused'; readonly error: string };

interface Parts {
  readonly consents: Pick<ConsentRepository, 'claim' | 'end' | 'complete'>;
  readonly revocations: Pick<RevocationRepository, 'owe' | 'holdsToken'>;
  readonly keyRing: Pick<KeyRing, 'seal' | 'open'>;
  readonly catalogue: Pick<Catalogue, 'find'>;
  /** Redeems the code, within the organization's share of the requests in flight. */
  readonly exchange: (
    organizationId: string,
    client: ProviderClient,
    given: CodeExchange,
  ) => Promise<TokenResult>;
  /** Whether the provider's list of the user's installations holds this one. */
  readonly isInstalled: (
    organizationId: string,
    installation: { readonly id: number; readonly listUrl: string },
    accessToken: string,
  ) => Promise<boolean>;
  readonly observe: (begun: PendingAuthorization, outcome: AuthorizationOutcome) => void;
}

/**
 * Finishes an authorization: claims it, redeems the code once, and stores the granted tokens.
 * @param parameters of the callback
 * @param requestId of the callback, for the audit record
 */
export async function finishAuthorization(
  parts: Parts,
  begun: PendingAuthorization,
  parameters: URLSearchParams,
  requestId: string,
): Promise<Finish> {
  const response = readResponse(parts, begun, parameters);
  if (response.outcome === 'invalid') return { outcome: 'invalid' };
  const claimed = await parts.consents.claim(begun.organizationId, begun.id);
  if (claimed === undefined) return { outcome: 'gone' };
  if (response.outcome === 'refused') {
    await end(parts, claimed, 'refused');
    return response;
  }
  const finish = await redeem(parts, claimed, response, requestId).catch(async (error: unknown) => {
    await end(parts, claimed, 'failed');
    throw error;
  });
  if (finish.outcome === 'completed') parts.observe(claimed, 'completed');
  else await end(parts, claimed, 'failed');
  return finish;
}

/**
 * Reads the callback. If the provider's issuer is unknown, an `iss` must at least have the origin of one of its endpoints
 * (RFC 9207).
 */
export function readResponse(
  { catalogue }: Pick<Parts, 'catalogue'>,
  begun: PendingAuthorization,
  parameters: URLSearchParams,
): AuthorizationResponse {
  const settings = protocolSettings(begun, catalogue);
  const iss = parameters.get('iss');
  if (iss !== null && (settings.issuer ?? settings.entry?.issuer) === undefined) {
    const origins = [settings.authUrl, settings.tokenUrl].map((url) => new URL(url).origin);
    if (!URL.canParse(iss) || !origins.includes(new URL(iss).origin)) return { outcome: 'invalid' };
  }
  return readAuthorizationResponse(settings, parameters);
}

async function end(parts: Parts, claimed: ClaimedAuthorization, status: 'refused' | 'failed'): Promise<void> {
  await parts.consents.end(claimed.organizationId, claimed.id, status);
  parts.observe(claimed, status);
}

async function redeem(
  parts: Parts,
  claimed: ClaimedAuthorization,
  { code, metadata, installation, tokenOrigin }: Extract<AuthorizationResponse, { outcome: 'code' }>,
  requestId: string,
): Promise<Finish> {
  const { consents, keyRing, catalogue, exchange, isInstalled } = parts;
  const { organizationId, providerId, redirectUri, clientSecret, revocationEndpoint } = claimed;
  const settings = protocolSettings(claimed, catalogue);
  const { codeVerifier } = openSecrets(keyRing.open, claimed.secrets);
  const client = { ...settings, clientSecret: clientSecret === null ? null : keyRing.open(clientSecret) };
  const verifier = isPkceUsed(settings) ? codeVerifier : null;
  const result = await exchange(organizationId, client, {
    code,
    redirectUri,
    codeVerifier: verifier,
    tokenOrigin,
  });
  if (result.outcome !== 'tokens') return { outcome: failure(result) };
  // Before the tokens are stored: metadata that came later would be missing in the answer to `wait`. A kill within these
  // three seconds costs the grant, as a kill during the exchange does, and its person consents again.
  const isConfirmed =
    installation !== undefined &&
    (await isInstalled(claimed.organizationId, installation, result.accessToken));
  const known = {
    ...metadata,
    ...result.metadata,
    ...(isConfirmed && { installation_id: installation.id }),
  };
  const { refreshToken } = result;
  const by: Actor = { userId: claimed.userId, credential: claimed.credential, requestId };
  const tokens = {
    accessToken: keyRing.seal(result.accessToken),
    refreshToken: refreshToken === undefined ? null : keyRing.seal(refreshToken),
    scopes: result.scopes ?? null,
    expiresInSeconds: result.expiresInSeconds ?? null,
    refreshExpiresInSeconds: result.refreshTokenExpiresInSeconds ?? null,
    dueInSeconds: dueInSeconds(result.expiresInSeconds ?? null),
    metadata: Object.keys(known).length === 0 ? null : known,
    accountId: accountOf(known),
  };
  const tokenId = newId();
  // The code is spent, so that only this process knows the tokens.
  let mayBeStored = false;
  const outcome = await persist(() =>
    consents.complete(claimed, tokenId, tokens, by).catch((error: unknown) => {
      mayBeStored ||= !(error instanceof OverloadedError);
      throw error;
    }),
  );
  // After a broken connection, `gone` may also mean that an earlier try was stored and the authorization has expired since.
  if (outcome === 'full' || (outcome === 'gone' && !mayBeStored)) {
    const grant = { accessToken: result.accessToken, refreshToken: refreshToken ?? null, metadata: known };
    const place = { organizationId, id: tokenId, tokenId, providerId, revocationEndpoint };
    await revoke(parts, { ...place, client, grant }, by);
  }
  return { outcome };
}

/**
 * Owes the revocation of a grant that could not be stored. At some providers a revocation ends every grant of the account,
 * also one that is stored.
 */
async function revoke(
  { revocations, keyRing: { seal } }: Parts,
  unstored: Unstored,
  by: Actor,
): Promise<void> {
  const { organizationId, providerId, client } = unstored;
  const mayEndOthers = client.entry?.revocation?.ends === 'account';
  if (mayEndOthers && (await persist(() => revocations.holdsToken(organizationId, providerId)))) return;
  await oweRevocation({ revocations, seal }, unstored, by);
}

function failure(
  result: Exclude<TokenResult, { outcome: 'tokens' }>,
): 'misconfigured' | 'unavailable' | 'failed' {
  if (result.outcome !== 'refused') return 'unavailable';
  if (result.kind === 'client-wrong') return 'misconfigured';
  return result.kind === 'transient' ? 'unavailable' : 'failed';
}

/** Metadata that identify the account at the provider. A provider answers at most one of them. */
const ACCOUNT_METADATA = ['realmId', 'workspace_id', 'instance_url', 'api_domain'];

/** The account at the provider. Null: its answer does not tell. */
function accountOf(metadata: Readonly<Record<string, unknown>>): string | null {
  const { team } = metadata;
  if (typeof team === 'object' && team !== null && 'id' in team && typeof team.id === 'string')
    return team.id;
  const told = ACCOUNT_METADATA.map((name) => metadata[name]).find((value) => typeof value === 'string');
  return typeof told === 'string' ? told : null;
}
