import type { KeyRing } from '../crypto/key-ring.ts';
import type { Actor } from '../db/audit.ts';
import type { AuthorizationRepository, NewAuthorization } from '../db/authorizations.ts';
import type { ConsentRepository, PendingAuthorization } from '../db/consents.ts';
import { authorizationUrl, newCodeVerifier } from '../oauth/authorization-request.ts';
import type { Catalogue } from '../oauth/catalogue/catalogue.ts';
import { isPkceUsed, type ProviderSettings, redirectUri } from '../oauth/provider-settings.ts';
import {
  type AuthorizationReference,
  hashState,
  newAuthorizationId,
  newState,
  sealTicket,
} from './references.ts';

/** The settings that decide where a person is sent. */
export interface AuthorizationSettings {
  /** Where callers and browsers reach the service, without a slash at the end. */
  readonly publicUrl: string;
  /** False: `url` is the provider's own, for operators who have a page of their own. */
  readonly hasConnectPage: boolean;
}

/** The purpose of an authorization: whose account, of which provider, with which scopes. */
export type AuthorizationWish = Pick<
  NewAuthorization,
  | 'organizationId'
  | 'userId'
  | 'providerId'
  | 'workspaceId'
  | 'scopes'
  | 'isDefault'
  | 'replacesTokenId'
  | 'agentId'
>;

export type Started =
  | { readonly outcome: 'started'; readonly id: string; readonly url: string }
  | { readonly outcome: 'no-provider' | 'full' };

interface Parts {
  readonly authorizations: Pick<AuthorizationRepository, 'start'>;
  readonly consents: Pick<ConsentRepository, 'find'>;
  readonly keyRing: Pick<KeyRing, 'seal' | 'open' | 'sign' | 'isSigned'>;
  readonly settings: AuthorizationSettings;
  /** Where the provider asks for consent. */
  readonly providerUrl: (begun: PendingAuthorization) => string;
}

/** The secrets of an authorization. The provider and the browser see the state only. */
export interface AuthorizationSecrets {
  readonly state: string;
  /** RFC 7636. */
  readonly codeVerifier: string;
}

/** Neither text holds a blank, so one separates them. */
const sealedSecrets = (seal: KeyRing['seal'], { state, codeVerifier }: AuthorizationSecrets) =>
  seal(`${state} ${codeVerifier}`);

/** @throws DecryptError */
export function openSecrets(open: KeyRing['open'], ciphertext: string): AuthorizationSecrets {
  const [state = '', codeVerifier = ''] = open(ciphertext).split(' ');
  return { state, codeVerifier };
}

/**
 * Starts an authorization. Its URL is the page where the person consents.
 * @throws OverloadedError
 */
export async function startAuthorization(parts: Parts, wish: AuthorizationWish, by: Actor): Promise<Started> {
  const { authorizations, keyRing, settings } = parts;
  const { organizationId, providerId } = wish;
  const reference = { organizationId, id: newAuthorizationId() };
  const state = newState(keyRing, organizationId);
  const codeVerifier = newCodeVerifier();
  const outcome = await authorizations.start(
    {
      ...wish,
      ...reference,
      stateHash: hashState(state),
      secrets: sealedSecrets(keyRing.seal, { state, codeVerifier }),
      redirectUri: redirectUri(settings.publicUrl, providerId),
    },
    by,
  );
  if (outcome !== 'started') return { outcome };
  const url = settings.hasConnectPage
    ? `${settings.publicUrl}/connect/${sealTicket(keyRing, reference)}`
    : await directUrl(parts, reference);
  return url === undefined ? { outcome: 'no-provider' } : { outcome, id: reference.id, url };
}

/** Undefined: the provider was changed or deleted just now. */
async function directUrl(
  { consents, providerUrl }: Parts,
  { organizationId, id }: AuthorizationReference,
): Promise<string | undefined> {
  const begun = await consents.find(organizationId, id);
  return begun && providerUrl(begun);
}

/** The URL where the provider of a pending authorization asks for consent. @throws DecryptError */
export function providerUrl(
  { open, catalogue }: { readonly open: KeyRing['open']; readonly catalogue: Pick<Catalogue, 'find'> },
  begun: PendingAuthorization,
): string {
  const settings = protocolSettings(begun, catalogue);
  const { state, codeVerifier } = openSecrets(open, begun.secrets);
  const { redirectUri, scopes } = begun;
  const verifier = isPkceUsed(settings) ? codeVerifier : null;
  return authorizationUrl(settings, { redirectUri, state, scopes, codeVerifier: verifier });
}

/** The settings of the provider, with its entry of the catalogue. */
export const protocolSettings = (
  { provider }: PendingAuthorization,
  catalogue: Pick<Catalogue, 'find'>,
): ProviderSettings => ({
  ...provider,
  entry: catalogue.find(provider.tokenUrl),
  issuer: provider.issuer ?? undefined,
  // Unknown for a provider whose endpoints were given.
  sendsIssuer: provider.issuer === null ? undefined : provider.sendsIssuer,
  resource: provider.resource ?? undefined,
});
