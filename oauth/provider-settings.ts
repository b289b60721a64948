import type { CatalogueEntry } from './catalogue-entry.ts';

/** What the protocol needs to know of a provider. */
export interface ProviderSettings {
  readonly clientId: string;
  readonly authUrl: string;
  readonly tokenUrl: string;
  readonly usesPkce: boolean;
  readonly tokenEndpointAuthMethod: 'none' | 'client_secret_basic' | 'client_secret_post';
  /** Where the catalogue knows the token URL. */
  readonly entry?: CatalogueEntry | undefined;
  /** The issuer identifier, where the provider was discovered (RFC 8414). */
  readonly issuer?: string | undefined;
  /** The resource that the tokens are for, as RFC 8707 sends it. */
  readonly resource?: string | undefined;
}

/** What it takes to ask the provider for tokens. */
export interface ProviderClient extends ProviderSettings {
  readonly clientSecret: string | null;
}

/** The redirect URI that a provider must have registered. */
export const redirectUri = (publicUrl: string, providerId: string): string =>
  `${publicUrl}/v2/auth/callback/${encodeURIComponent(providerId)}`;

/** Always, except where the catalogue says that PKCE breaks the provider and the provider does not ask for it. */
export const isPkceUsed = ({ usesPkce, entry }: ProviderSettings): boolean =>
  usesPkce || entry?.pkce !== 'no';
