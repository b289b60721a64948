import { randomBytes } from 'node:crypto';
import type { KeyRing } from '../crypto/key-ring.ts';
import type { Actor } from '../db/audit.ts';
import type { AuthorizationRepository, NewAuthorization } from '../db/authorizations.ts';
import type { ConsentRepository, PendingAuthorization } from '../db/consents.ts';
import {
  type AuthorizationReference,
  hashState,
  newAuthorizationId,
  newState,
  sealTicket,
} from './references.ts';

/** Where a person is sent. */
export interface AuthorizationSettings {
  /** Where callers and browsers reach the service, without a slash at the end. */
  readonly publicUrl: string;
  /** False: `url` is the provider's own, for operators who have a page of their own. */
  readonly hasConnectPage: boolean;
}

/** What an authorization is for. */
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

/** Builds the URL where the provider asks for consent. */
export type AuthorizationUrl = (authorization: PendingAuthorization, secrets: AuthorizationSecrets) => URL;

interface Parts {
  readonly authorizations: Pick<AuthorizationRepository, 'start'>;
  readonly consents: Pick<ConsentRepository, 'find'>;
  readonly keyRing: Pick<KeyRing, 'seal' | 'open' | 'sign' | 'isSigned'>;
  readonly settings: AuthorizationSettings;
  readonly authorizationUrl: AuthorizationUrl;
}

const VERIFIER_BYTES = 32;

/** The redirect URI of a provider, which its administrators register. @param publicUrl without a slash at the end */
export const redirectUri = (publicUrl: string, providerId: string): string =>
  `${publicUrl}/v2/auth/callback/${providerId}`;

/** What only the vault knows of an authorization, beside the provider for the state. */
export interface AuthorizationSecrets {
  readonly state: string;
  /** RFC 7636. */
  readonly codeVerifier: string;
}

/** Neither holds a blank. */
const sealedSecrets = (seal: KeyRing['seal'], { state, codeVerifier }: AuthorizationSecrets) =>
  seal(`${state} ${codeVerifier}`);

/** @throws DecryptError */
export function openSecrets(open: KeyRing['open'], ciphertext: string): AuthorizationSecrets {
  const [state = '', codeVerifier = ''] = open(ciphertext).split(' ');
  return { state, codeVerifier };
}

/**
 * Starts an authorization, and tells where the person must go to consent.
 * @throws OverloadedError
 */
export async function startAuthorization(parts: Parts, wish: AuthorizationWish, by: Actor): Promise<Started> {
  const { authorizations, keyRing, settings } = parts;
  const { organizationId, providerId } = wish;
  const reference = { organizationId, id: newAuthorizationId() };
  const state = newState(keyRing, organizationId);
  const codeVerifier = randomBytes(VERIFIER_BYTES).toString('base64url');
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

/** Undefined: the provider was changed or deleted in this moment. */
async function directUrl(
  { consents, keyRing, authorizationUrl }: Parts,
  { organizationId, id }: AuthorizationReference,
): Promise<string | undefined> {
  const begun = await consents.find(organizationId, id);
  return begun && authorizationUrl(begun, openSecrets(keyRing.open, begun.secrets)).href;
}
