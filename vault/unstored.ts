import type { KeyRing } from '../crypto/key-ring.ts';
import type { Actor } from '../db/audit.ts';
import type { RevocationRepository } from '../db/revocations.ts';
import type { ProviderClient } from '../oauth/provider-settings.ts';
import type { RevokedGrant } from '../oauth/revocation.ts';
import { persist } from './refresh/persist.ts';

interface Parts {
  readonly revocations: Pick<RevocationRepository, 'owe'>;
  readonly seal: KeyRing['seal'];
}

/** A grant that a provider gave, and that could not be stored. Only this process knows its tokens. */
export interface Unstored {
  readonly organizationId: string;
  /** The id of the grant's row in the outbox. */
  readonly id: string;
  /** The id of the token that the grant was for. */
  readonly tokenId: string;
  readonly providerId: string;
  readonly client: ProviderClient;
  readonly revocationEndpoint: string | null;
  readonly grant: RevokedGrant;
}

/** Puts the grant into the outbox of revocations. While the database is away, it goes on trying. */
export function oweRevocation({ revocations, seal }: Parts, unstored: Unstored, by: Actor): Promise<void> {
  const { client, grant, ...place } = unstored;
  const { clientId, clientSecret, authUrl, tokenUrl, tokenEndpointAuthMethod } = client;
  const owed = {
    ...place,
    ...{ clientId, authUrl, tokenUrl, tokenEndpointAuthMethod, metadata: grant.metadata },
    accessToken: seal(grant.accessToken),
    refreshToken: grant.refreshToken === null ? null : seal(grant.refreshToken),
    clientSecret: clientSecret === null ? null : seal(clientSecret),
  };
  return persist(() => revocations.owe(owed, by));
}
