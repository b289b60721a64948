import type { CatalogueEntry } from './catalogue-entry.ts';

/** The settings of a provider that the protocol needs. */
export interface ProviderSettings {
  readonly clientId: string;
  readonly authUrl: string;
  readonly tokenUrl: string;
  readonly usesPkce: boolean;
  readonly tokenEndpointAuthMethod: 'none' | 'client_secret_basic' | 'client_secret_post';
  /** Undefined: the catalogue does not know the token URL. */
  readonly entry?: CatalogueEntry | undefined;
  /** The issuer identifier, if the provider was discovered (RFC 8414). */
  readonly issuer?: string | undefined;
  /** Whether every callback names the issuer (RFC 9207). */
  readonly sendsIssuer?: boolean | undefined;
  /** The resource that the tokens are for, as RFC 8707 sends it. */
  readonly resource?: string | undefined;
}

/** The settings that a token request needs. */
export interface ProviderClient extends ProviderSettings {
  readonly clientSecret: string | null;
}

/** The redirect URI. It must be registered at the provider. */
export const redirectUri = (publicUrl: string, providerId: string): string =>
  `${publicUrl}/v2/auth/callback/${encodeURIComponent(providerId)}`;

/** PKCE is used, unless the catalogue says that it breaks the provider and the settings do not ask for it. */
export const isPkceUsed = ({ usesPkce, entry }: ProviderSettings): boolean =>
  usesPkce || entry?.pkce !== 'no';

/** The client id, where a URL of ours is one: of the client's metadata document. */
export const clientDocumentUrl = (publicUrl: string, providerId: string): string =>
  `${publicUrl}/oauth/clients/${encodeURIComponent(providerId)}`;
