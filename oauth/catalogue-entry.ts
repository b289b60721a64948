/** How the client authenticates at the token endpoint (RFC 6749, section 2.3). */
export type ClientAuthentication =
  | 'client_secret_post'
  | 'client_secret_basic'
  | 'none'
  /** HTTP Basic with the secret as the user name and an empty password, and no `client_id` (Stripe). */
  | 'secret_as_username';

/**
 * What a provider does with a refresh token that was redeemed before.
 * `none`: refused, and often the whole grant is revoked. `window`: answered again for `seconds`.
 * `until-used`: valid until its successor has been used. `not-rotating`: the refresh token stays the same, or the old
 * one stays valid beside the new one.
 */
export type Reuse =
  | { readonly class: 'none' | 'until-used' | 'not-rotating' }
  | { readonly class: 'window'; readonly seconds: number };

/** How a refresh departs from RFC 6749, section 6. */
export interface RefreshWay {
  /** Another URL than the token URL. */
  readonly url?: string;
  /** `GET` sends the parameters in the query. Default `POST`. */
  readonly method?: 'POST' | 'GET';
  /** Default `body`. */
  readonly parametersIn?: 'body' | 'query';
  /** The token that is redeemed. Default `refresh_token`. */
  readonly redeems?: 'refresh_token' | 'access_token';
  /** The parameter that carries it. Default `refresh_token`. */
  readonly tokenParameter?: string;
  /** Default `refresh_token`. */
  readonly grantType?: string;
}

/** How a token is revoked, if not by RFC 7009 at a discovered endpoint. */
export interface RevocationWay {
  /**
   * May hold `{client_id}`, `{token}` and `{metadata.NAME}`, which are percent-encoded. At the start, `{origin}` is the
   * origin of the token URL, and `{metadata.NAME}` another one, which must match the entry's `match`.
   */
  readonly url: string;
  /** Default `POST`. */
  readonly method?: 'POST' | 'DELETE' | 'GET';
  /** The place of the parameters. `none`: there are none, because the token is in the URL or the header. Default `form`. */
  readonly format?: 'form' | 'json' | 'query' | 'none';
  /** The token whose revocation ends most. If it is missing, the other one is used. */
  readonly token: 'access_token' | 'refresh_token';
  /** The parameter that carries the token. Default `token`. */
  readonly tokenParameter?: string;
  /** `client`: as at the token endpoint. `bearer`: the token in the `Authorization` header. Default `client`. */
  readonly authentication?: 'client' | 'client_secret_post' | 'client_secret_basic' | 'bearer' | 'none';
  /** A header that carries the token alone (Shopify: `X-Shopify-Access-Token`). */
  readonly tokenHeader?: string;
  /** Fixed headers, without secrets (Notion: `Notion-Version`). */
  readonly headers?: Readonly<Record<string, string>>;
  /** Our parameter's name → the provider's (Miro: `client_id` → `clientId`). */
  readonly fieldRenames?: Readonly<Record<string, string>>;
  /**
   * `account`: the revocation also ends other grants that the same account gave this client. So a grant that could not be
   * stored is not revoked while the organization holds another token of the provider. Default `grant`.
   */
  readonly ends?: 'grant' | 'account';
}

/**
 * One provider's departures from the RFCs. An absent field means that the provider follows the RFC.
 * The data is plain JSON, so that operators can write entries of their own.
 */
export interface CatalogueEntry {
  /** For `provider create --from NAME`: lower-case letters, digits and `-`. */
  readonly name: string;
  readonly displayName: string;
  /** The contract's `provider_type`, if it has one for this provider. */
  readonly providerType?: 'slack' | 'microsoft' | 'salesforce';
  /** Absent: every customer has a host of its own, and the admin names the URLs. */
  readonly authorizationUrl?: string;
  readonly tokenUrl?: string;
  /**
   * Which token URLs the entry is for: host names, each perhaps with a port. `*.example.com` stands for every name below
   * `example.com`, and not for `example.com`.
   */
  readonly match: readonly string[];

  /** Default for new providers: `client_secret_post`. */
  readonly clientAuthentication?: ClientAuthentication;
  /** `no`: PKCE breaks this provider. Default `yes`. */
  readonly pkce?: 'yes' | 'no';

  /** Asked for beside the scopes of every authorization (`offline_access`, without which there is no refresh token). */
  readonly extraScopes?: readonly string[];
  /** Between scopes in the request. Default: a blank. Answers are always split by blank and comma. */
  readonly scopeSeparator?: ' ' | ',';
  /** The authorization parameter that carries the scopes. Default `scope`. */
  readonly scopeParameter?: string;
  /** Added to the authorization request. They do not override `client_id`, `redirect_uri`, `state` or PKCE. */
  readonly extraAuthorizationParameters?: Readonly<Record<string, string>>;
  /** Left out of the authorization request (monday: `response_type`). */
  readonly removedAuthorizationParameters?: readonly string[];
  /** Sent as `response_mode`, if the provider's default is another one. */
  readonly responseMode?: 'query';

  /** The body of token requests. Default `form`. */
  readonly requestFormat?: 'form' | 'json';
  /** Our parameter's name → the provider's, in authorization and token requests (TikTok: `client_id` → `client_key`). */
  readonly fieldRenames?: Readonly<Record<string, string>>;
  /** The provider's name of a callback parameter → ours (Amazon: `spapi_oauth_code` → `code`). */
  readonly callbackRenames?: Readonly<Record<string, string>>;
  /** Added to every token request (Shopify: `expiring=1`). */
  readonly extraTokenParameters?: Readonly<Record<string, string>>;
  /** Sent as `expires_in` in every token request, in seconds (Zendesk). */
  readonly requestedExpirySeconds?: number;
  /** The life of an access token, in seconds, if the answer names none. Only if the provider documents it. */
  readonly assumedExpirySeconds?: number;
  /**
   * The callback parameter that names the origin of the token endpoint (Zoho). The origin must match `match`. The token's
   * metadata keep it under the same name for refreshes.
   */
  readonly tokenOriginParameter?: string;

  /** Members of the answer that may hold the tokens, tried in this order before the answer itself. */
  readonly envelopes?: readonly string[];
  /** Non-secret members of the answer that are kept as metadata; dots go into objects (`team.id`). */
  readonly metadataFromAnswer?: readonly string[];
  /** Non-secret callback parameters that are kept as metadata (QuickBooks: `realmId`). */
  readonly metadataFromCallback?: readonly string[];
  /**
   * The list of the user's installations of the client: `{ "installations": [{ "id": … }] }`. A callback's `installation_id`
   * is kept as metadata only if the list holds it, because the browser can forge it (GitHub).
   */
  readonly installationsUrl?: string;

  readonly refresh?: RefreshWay;
  /** Default: nothing is known, which is treated as `none`. */
  readonly reuse?: Reuse;
  readonly revocation?: RevocationWay;
  /** Error codes beside those of RFC 6749. */
  readonly errorCodes?: {
    /** The grant is dead: a person must consent again (Slack: `invalid_refresh_token`). */
    readonly grantDead?: readonly string[];
    /** The client's settings are wrong, and no token is at fault (Atlassian: `access_denied`). */
    readonly clientWrong?: readonly string[];
  };

  /** The issuer identifier that the provider's callbacks name as `iss` (RFC 9207). */
  readonly issuer?: string;
  /** Whether every callback carries `iss`. A callback without it is refused then. */
  readonly sendsIssuer?: boolean;

  /** URLs of the documentation or of the public issue for the facts above. */
  readonly sources: readonly string[];
}
