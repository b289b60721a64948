import type { Knex } from 'knex';
import type { Ciphertext } from '../crypto/fernet.ts';
import { newId } from './id.ts';

export type ProviderType = 'microsoft' | 'salesforce' | 'slack';

export interface NewProvider {
  readonly providerId: string;
  readonly name: string;
  readonly clientId: string;
  readonly clientSecret: Ciphertext | null;
  readonly authUrl: string;
  readonly tokenUrl: string;
  readonly providerType: ProviderType | null;
}

export interface ProviderReference {
  readonly id: string;
  readonly providerId: string;
}

export const providerRepository = (db: Knex) => ({
  /** Undefined: the organization has a provider of this `providerId`. */
  async create(organizationId: string, provider: NewProvider): Promise<ProviderReference | undefined> {
    const rows: { id: string }[] = await db('oauth_providers')
      .insert({
        organization_id: organizationId,
        id: newId(),
        provider_id: provider.providerId,
        name: provider.name,
        client_id: provider.clientId,
        client_secret: provider.clientSecret,
        auth_url: provider.authUrl,
        token_url: provider.tokenUrl,
        provider_type: provider.providerType,
      })
      .onConflict(['organization_id', 'provider_id'])
      .ignore()
      .returning('id');
    return rows[0] && { id: rows[0].id, providerId: provider.providerId };
  },

  /** The organization's providers, oldest first. */
  async list(organizationId: string): Promise<ProviderReference[]> {
    const rows: { id: string; provider_id: string }[] = await db('oauth_providers')
      .where({ organization_id: organizationId })
      .orderBy('id')
      .select('id', 'provider_id');
    return rows.map(({ id, provider_id }) => ({ id, providerId: provider_id }));
  },
});
