import type { Seal } from '../crypto/key-ring.ts';
import type { DiscoveredProviders } from '../db/discovered-providers.ts';
import type { Outbound } from '../outbound/outbound.ts';
import { register, stored } from './discover.ts';

interface Parts {
  readonly discovered: Pick<DiscoveredProviders, 'claimRegistration' | 'replaceClient'>;
  readonly requestFor: Outbound['requestFor'];
  readonly seal: Seal;
  readonly publicUrl: string;
}

/**
 * Registers a client again that its server has forgotten (`invalid_client`). One process does so, at most once an hour; it
 * does nothing for clients that we have not registered. Grants of the old client need a new consent.
 */
export async function registerAgain(
  { discovered, requestFor, seal, publicUrl }: Parts,
  organizationId: string,
  clientId: string,
): Promise<void> {
  const claim = await discovered.claimRegistration(organizationId, clientId);
  if (claim === undefined) return;
  const { registrationEndpoint, providerId, defaultScopes: scopes, tokenEndpointAuthMethod: method } = claim;
  const wish = { publicUrl, providerId, scopes, method };
  const client = await register(requestFor(organizationId), registrationEndpoint, wish);
  if (client !== undefined) await discovered.replaceClient(claim, stored(client, seal));
}
