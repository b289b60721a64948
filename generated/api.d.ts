// Made by `npm run generate` from openapi/. Never edited.
export interface paths {
    readonly "/v2/auth/tokens/import": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Import a token that was obtained elsewhere
         * @description Stores the token for the calling user, encrypted, and answers its id. The provider must exist in the caller's organization. An `Idempotency-Key` makes the request safe to repeat for 24 hours.
         */
        readonly post: operations["import_oauth_token_v2_auth_tokens_import_post"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v2/auth/authenticate": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Get a token, or a link for the person who must consent
         * @description Answers the user's default token of the provider, or, without a default, the newest token with these scopes. If no token can be used, it starts an authorization, which lives for ten minutes. The audit trail has a record of each token that is given out, before the answer.
         */
        readonly post: operations["authenticate_v2_auth_authenticate_post"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v2/auth/wait/{auth_id}": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * Wait until a person has consented
         * @description Holds the request until the authorization ends or `timeout` has passed. A completed authorization answers its token until it expires, ten minutes after its start.
         */
        readonly get: operations["wait_for_auth_completion_v2_auth_wait__auth_id__get"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v2/auth/callback/{provider_id}": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * Finish an authorization in the browser
         * @description The redirect URI that is registered at the provider. It finishes the authorization only in the browser that pressed the button of the connect page. The answer redirects to a page with the result. With the setting `CALLBACK_BRIDGE_URL`, it redirects to that URL instead, and finishes nothing. A client that prefers `text/html` gets errors as pages.
         */
        readonly get: operations["oauth_callback_get_v2_auth_callback__provider_id__get"];
        readonly put?: never;
        /**
         * Finish an authorization with its user's credentials
         * @description For an application that receives the provider's callback itself. The caller must be able to act for the user of the authorization. A form comes from the person's browser (`response_mode=form_post`) and is redirected to the GET.
         */
        readonly post: operations["oauth_callback_v2_auth_callback__provider_id__post"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v2/auth/setup/{provider_id}": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * Receive the browser after an installation at the provider
         * @description The setup URL of a GitHub App. An installation with a `state` is finished like a callback. An `installation_id` that GitHub confirms is kept in the token's metadata.
         */
        readonly get: operations["oauth_setup_callback_v2_auth_setup__provider_id__get"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v2/auth/agents/{agent_id}/connections": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * List an agent's connections
         * @description Admins see all connections of the agent. Other callers see connections to their own tokens.
         */
        readonly get: operations["list_connections_v2_auth_agents__agent_id__connections_get"];
        readonly put?: never;
        /**
         * Connect an agent to a token
         * @description `authenticate` with this `agent_id` gives out the token, to callers who may act for its owner. Only the owner, or a caller that acts for the organization, can connect a token. A new connection replaces the agent's earlier one to the same provider, unless that belongs to another user.
         */
        readonly post: operations["create_connection_v2_auth_agents__agent_id__connections_post"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v2/auth/agents/{agent_id}/connections/{connection_id}": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        readonly post?: never;
        /**
         * Remove an agent's connection
         * @description The token's owner, the creator of the connection and admins can remove it. Other callers get the 404 of an unknown connection. The token stays.
         */
        readonly delete: operations["remove_connection_v2_auth_agents__agent_id__connections__connection_id__delete"];
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v2/auth/providers": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * List OAuth providers
         * @description The providers of the caller's organization. The newest provider comes last.
         */
        readonly get: operations["list_oauth_providers_v2_auth_providers_get"];
        readonly put?: never;
        /**
         * Create an OAuth provider
         * @description Needs the role `admin`.
         */
        readonly post: operations["create_oauth_provider_v2_auth_providers_post"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v2/auth/providers/mcp-discover": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Create an OAuth provider for an MCP server
         * @description Needs the role `admin`. Finds the authorization server of the MCP server, as the MCP authorization specification says, and becomes its client: by a client id metadata document, or else by registration. It makes twelve requests at most, and takes 15 seconds at most.
         */
        readonly post: operations["create_mcp_oauth_provider_v2_auth_providers_mcp_discover_post"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v2/auth/providers/{provider_id}": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /** Get an OAuth provider */
        readonly get: operations["get_oauth_provider_v2_auth_providers__provider_id__get"];
        readonly put?: never;
        readonly post?: never;
        /**
         * Delete an OAuth provider and all its tokens
         * @description Needs the role `admin`. Returns the deleted provider. Its tokens are out of use at once, and the provider is asked to revoke them.
         */
        readonly delete: operations["delete_oauth_provider_v2_auth_providers__provider_id__delete"];
        readonly options?: never;
        readonly head?: never;
        /**
         * Change an OAuth provider
         * @description Needs the role `admin`. A field that is absent or null stays as it is.
         */
        readonly patch: operations["update_oauth_provider_v2_auth_providers__provider_id__patch"];
        readonly trace?: never;
    };
    readonly "/v2/auth/tokens": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * List the calling user's tokens
         * @description The tokens of one provider, or of all providers if `provider_id` is absent. The newest token comes last.
         */
        readonly get: operations["list_oauth_tokens_for_user_v2_auth_tokens_get"];
        readonly put?: never;
        readonly post?: never;
        /**
         * Delete the user's tokens of a provider
         * @description The tokens are out of use at once. Then their provider is asked to revoke them. If it does not answer within three seconds, the answer is sent, and the service goes on asking for a day.
         */
        readonly delete: operations["delete_oauth_tokens_for_user_v2_auth_tokens_delete"];
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v2/auth/tokens/{token_id}": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        readonly post?: never;
        /**
         * Delete a token
         * @description Only the token's owner can delete it. Other users get the 404 of an unknown token. The token is out of use at once, and its provider is asked to revoke it.
         */
        readonly delete: operations["delete_single_oauth_token_v2_auth_tokens__token_id__delete"];
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v2/auth/tokens/workspace/slack": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        readonly post?: never;
        /**
         * Delete all Slack tokens of the workspace
         * @description Deletes the tokens of all users for providers of the type `slack`, and asks Slack to revoke them. Needs the role `admin`.
         */
        readonly delete: operations["revoke_all_slack_tokens_for_workspace_v2_auth_tokens_workspace_slack_delete"];
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v2/auth/tokens/exists": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /** Tell whether the calling user has a token of a provider */
        readonly get: operations["check_oauth_token_exists_v2_auth_tokens_exists_get"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v2/auth/tokens/{token_id}/metadata": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        /**
         * Relabel a token, or choose the default
         * @description Only the token's owner can change it. Other users get the 404 of an unknown token.
         */
        readonly patch: operations["update_token_label_v2_auth_tokens__token_id__metadata_patch"];
        readonly trace?: never;
    };
    readonly "/v2/auth/tokens/workspace/slack/exists": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * Tell whether the workspace has a Slack token
         * @description Counts the tokens of all users for providers of the type `slack`. Needs the role `admin`.
         */
        readonly get: operations["check_workspace_slack_tokens_exist_v2_auth_tokens_workspace_slack_exists_get"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /**
         * OAuthTokenImportRequest
         * @description Import a directly-obtained OAuth token (no authorization-code exchange).
         *
         *     Used by the Slack managed-install flow, which receives a bot token inline
         *     from ``apps.managedInstall`` rather than via the browser OAuth redirect. The
         *     token is persisted for the caller's org/user against ``provider_id`` (which
         *     must already exist in the caller's org).
         */
        readonly OAuthTokenImportRequest: {
            /** Provider Id */
            readonly provider_id: string;
            /** Access Token */
            readonly access_token: string;
            /** Refresh Token */
            readonly refresh_token?: string | null;
            /**
             * Expires In Seconds
             * @description Seconds until the access token expires, counted from the import. Without it, the expiry is unknown. The names `expires_in` and `expires_at` of OAuth are ignored, like every unknown field. The service counts and logs such imports as a likely mistake.
             */
            readonly expires_in_seconds?: number | null;
            /**
             * Scopes
             * @description At most 1,000, or as many as the setting `SCOPES_MAX` allows.
             * @default []
             */
            readonly scopes?: readonly string[];
            /**
             * Metadata
             * @description At most 10,000 values at any depth, or as many as the setting `METADATA_MAX_VALUES` allows.
             */
            readonly metadata?: {
                readonly [key: string]: unknown;
            } | null;
            /**
             * Is Default
             * @default true
             */
            readonly is_default?: boolean;
        };
        /**
         * OAuthTokenImportResponse
         * @description Response for a token import — the created token id only, no secrets.
         */
        readonly OAuthTokenImportResponse: {
            /** Token Id */
            readonly token_id: string;
        };
        /** HTTPValidationError */
        readonly HTTPValidationError: {
            /** Detail */
            readonly detail?: readonly components["schemas"]["ValidationError"][];
        };
        /** ValidationError */
        readonly ValidationError: {
            /** Location */
            readonly loc: readonly (string | number)[];
            /** Message */
            readonly msg: string;
            /** Error Type */
            readonly type: string;
            /** Input */
            readonly input?: unknown;
            /** Context */
            readonly ctx?: Record<string, never>;
        };
        /**
         * AuthStatus
         * @description `completed`: the answer holds a token. `pending`: a person must consent at `url`. `connection_required`: the agent has no connected account. `token_expired`: the agent's account must be connected again.
         * @enum {string}
         */
        readonly AuthStatus: "completed" | "pending" | "connection_required" | "token_expired";
        /**
         * AuthWaitStatus
         * @description `completed`: the answer holds the token. `timeout`: nothing happened in time. `pending`: nothing has happened yet (only for `timeout=0`). `not_found`: the authorization is unknown, was refused, failed, or has expired.
         * @enum {string}
         */
        readonly AuthWaitStatus: "completed" | "pending" | "timeout" | "not_found";
        /**
         * AuthAuthenticateRequest
         * @description The wanted token, by user, provider and scopes.
         */
        readonly AuthAuthenticateRequest: {
            /**
             * User Id
             * @description The user to act for. Absent or null: the caller's own user. Another user needs a caller that acts for its organization.
             */
            readonly user_id?: string | null;
            /**
             * Ls User Id
             * @description Used as `user_id` if that is absent or null.
             */
            readonly ls_user_id?: string | null;
            /**
             * Agent Id
             * @description The agent that will use the token, for the audit trail.
             */
            readonly agent_id?: string | null;
            /**
             * Provider
             * @description The `provider_id` of a provider of the caller's organization.
             */
            readonly provider: string;
            /**
             * Scopes
             * @description The scopes that the token must have. Any token suits an empty list.
             */
            readonly scopes: readonly string[];
            /**
             * Use Agent Builder Public Oauth
             * @description It is accepted and changes nothing.
             * @default false
             */
            readonly use_agent_builder_public_oauth?: boolean;
            /**
             * Force New
             * @description True starts a new authorization, even if a token can be used.
             * @default false
             */
            readonly force_new?: boolean;
            /**
             * Token Id
             * @description The token that is wanted. A new consent replaces the secrets of this token.
             */
            readonly token_id?: string | null;
            /**
             * Is Default
             * @description Whether the token of a new consent becomes the user's default for the provider.
             * @default true
             */
            readonly is_default?: boolean;
            /**
             * Check Only
             * @description True: the answer is `completed` or `pending`, without a token or a link, and no authorization starts.
             * @default false
             */
            readonly check_only?: boolean;
            /**
             * Redirect Uri
             * @description Only null is accepted. `wait`, and a page of the service, tell how an authorization ended.
             */
            readonly redirect_uri?: null;
        };
        /** AuthAuthenticateResponse */
        readonly AuthAuthenticateResponse: {
            readonly status: components["schemas"]["AuthStatus"];
            /**
             * Url
             * @description The page that the person must open.
             */
            readonly url?: string | null;
            /**
             * Auth Id
             * @description Names the authorization for `wait`. It needs no quoting in a URL.
             */
            readonly auth_id?: string | null;
            /**
             * Token
             * @description The access token.
             */
            readonly token?: string | null;
            /**
             * User Id
             * @description The owner of the token.
             */
            readonly user_id?: string | null;
            /**
             * Metadata
             * @description The metadata of the token.
             */
            readonly metadata?: {
                readonly [key: string]: unknown;
            } | null;
        };
        /** AuthWaitResponse */
        readonly AuthWaitResponse: {
            readonly status: components["schemas"]["AuthWaitStatus"];
            /**
             * Token
             * @description The access token.
             */
            readonly token?: string | null;
        };
        /**
         * OAuthFinalizeRequest
         * @description The parameters of the provider's callback.
         */
        readonly OAuthFinalizeRequest: {
            /** Code */
            readonly code: string;
            /** State */
            readonly state: string;
            /**
             * Iss
             * @description The issuer (RFC 9207). Required if the provider sends it.
             */
            readonly iss?: string;
        };
        /** CreateAgentConnectionRequest */
        readonly CreateAgentConnectionRequest: {
            /**
             * Oauth Token Id
             * @description The id of the token that the agent shall use.
             */
            readonly oauth_token_id: string;
        };
        /** AgentConnectionListResponse */
        readonly AgentConnectionListResponse: {
            /** Data */
            readonly data: readonly components["schemas"]["AgentConnectionResponse"][];
        };
        /**
         * AgentConnectionResponse
         * @description A connection, and facts of its token without the secrets.
         */
        readonly AgentConnectionResponse: {
            /** Id */
            readonly id: string;
            /** Agent Id */
            readonly agent_id: string;
            /** Oauth Token Id */
            readonly oauth_token_id: string;
            /** Provider Id */
            readonly provider_id: string;
            /** Provider Account Label */
            readonly provider_account_label: string | null;
            /** Scopes */
            readonly scopes: readonly string[];
            /** Expires At */
            readonly expires_at: string | null;
            /** Created By */
            readonly created_by: string;
            /**
             * Created At
             * Format: date-time
             */
            readonly created_at: string;
        };
        /** MCPOAuthProviderCreateRequest */
        readonly MCPOAuthProviderCreateRequest: {
            /**
             * Provider Id
             * Format: provider-id
             * @description As for a provider whose settings are given.
             */
            readonly provider_id: string;
            /**
             * Name
             * @description A name for people.
             */
            readonly name: string;
            /**
             * Mcp Server Url
             * Format: provider-url
             * @description The URL of the MCP server: an absolute https URL without user info or fragment; http only for a loopback host.
             */
            readonly mcp_server_url: string;
        };
        /**
         * OAuthProviderCreateRequest
         * @description The settings of an OAuth application.
         */
        readonly OAuthProviderCreateRequest: {
            /**
             * Provider Id
             * Format: provider-id
             * @description Names the provider in its organization and in paths: 1 to 255 of `A-Z a-z 0-9 . _ ~ -`, and neither `.` nor `..`.
             */
            readonly provider_id: string;
            /**
             * Name
             * @description A name for people.
             */
            readonly name: string;
            /** Client Id */
            readonly client_id: string;
            /**
             * Client Secret
             * @description Stored encrypted, and never returned.
             */
            readonly client_secret?: string | null;
            /**
             * Auth Url
             * Format: provider-url
             * @description The authorization endpoint: an absolute https URL without user info or fragment; http only for a loopback host.
             */
            readonly auth_url: string;
            /**
             * Token Url
             * Format: provider-url
             * @description The token endpoint. The same rules as for `auth_url` apply.
             */
            readonly token_url: string;
            /**
             * Uses Pkce
             * @default false
             */
            readonly uses_pkce?: boolean;
            /**
             * Code Challenge Method
             * @default S256
             */
            readonly code_challenge_method?: string;
            /**
             * Provider Type
             * @description Set it for a provider of one of these kinds. They need special care.
             */
            readonly provider_type?: ("microsoft" | "salesforce" | "slack") | null;
            /**
             * Token Endpoint Auth Method
             * @default client_secret_post
             * @enum {string}
             */
            readonly token_endpoint_auth_method?: "none" | "client_secret_basic" | "client_secret_post";
        };
        /**
         * OAuthProviderUpdateRequest
         * @description The fields to change. A field that is absent or null stays as it is.
         */
        readonly OAuthProviderUpdateRequest: {
            /** Name */
            readonly name?: string | null;
            /** Client Id */
            readonly client_id?: string | null;
            /** Client Secret */
            readonly client_secret?: string | null;
            /** Auth Url */
            readonly auth_url?: string | null;
            /** Token Url */
            readonly token_url?: string | null;
            /** Uses Pkce */
            readonly uses_pkce?: boolean | null;
            /** Code Challenge Method */
            readonly code_challenge_method?: string | null;
        };
        /**
         * OAuthProviderResponse
         * @description A provider, without its client secret.
         */
        readonly OAuthProviderResponse: {
            /** Id */
            readonly id: string;
            /** Organization Id */
            readonly organization_id: string;
            /** Provider Id */
            readonly provider_id: string;
            /** Name */
            readonly name: string;
            /** Client Id */
            readonly client_id: string;
            /** Auth Url */
            readonly auth_url: string;
            /** Token Url */
            readonly token_url: string;
            /** Uses Pkce */
            readonly uses_pkce: boolean;
            /** Code Challenge Method */
            readonly code_challenge_method: string | null;
            /** Provider Type */
            readonly provider_type?: string | null;
            /** Mcp Server Url */
            readonly mcp_server_url?: string | null;
            /**
             * Token Endpoint Auth Method
             * @default client_secret_post
             */
            readonly token_endpoint_auth_method?: string;
            /**
             * Is Dynamic Client
             * @default false
             */
            readonly is_dynamic_client?: boolean;
            /**
             * Created At
             * Format: date-time
             */
            readonly created_at: string;
            /**
             * Updated At
             * Format: date-time
             */
            readonly updated_at: string;
        };
        /**
         * OAuthTokenSummary
         * @description A stored token without its secrets.
         */
        readonly OAuthTokenSummary: {
            /** Id */
            readonly id: string;
            /** Provider Id */
            readonly provider_id: string;
            /** Provider Account Label */
            readonly provider_account_label?: string | null;
            /**
             * Scopes
             * @default []
             */
            readonly scopes?: readonly string[];
            /** Expires At */
            readonly expires_at?: string | null;
            /**
             * Is Default
             * @default false
             */
            readonly is_default?: boolean;
            /**
             * Created At
             * Format: date-time
             */
            readonly created_at: string;
            /**
             * Updated At
             * Format: date-time
             */
            readonly updated_at: string;
        };
        /**
         * OAuthTokenUpdateRequest
         * @description The fields to change. A field that is absent or null stays as it is.
         */
        readonly OAuthTokenUpdateRequest: {
            /**
             * Provider Account Label
             * @description A name for people. An empty text removes the label.
             */
            readonly provider_account_label?: string | null;
            /**
             * Is Default
             * @description True makes this token the user's default for the provider, in place of another one. False removes the default if
             *       this token was it.
             */
            readonly is_default?: boolean | null;
        };
        /** OAuthTokenStatusResponse */
        readonly OAuthTokenStatusResponse: {
            /** Has Token */
            readonly has_token: boolean;
        };
        /** OAuthProviderDeleted */
        readonly OAuthProviderDeleted: components["schemas"]["OAuthProviderResponse"] & {
            /** Message */
            readonly message: string;
        };
        /** OAuthTokensDeleted */
        readonly OAuthTokensDeleted: {
            /** Message */
            readonly message: string;
            /** Provider Id */
            readonly provider_id: string;
            /**
             * Deleted
             * @description The number of deleted tokens.
             */
            readonly deleted: number;
        };
        /** SlackTokensDeleted */
        readonly SlackTokensDeleted: {
            /** Message */
            readonly message: string;
            /**
             * Deleted
             * @description The number of deleted tokens.
             */
            readonly deleted: number;
        };
        /**
         * OAuthFormPost
         * @description A provider's answer that the browser posts (`response_mode=form_post`).
         */
        readonly OAuthFormPost: {
            /** Code */
            readonly code?: string;
            /** State */
            readonly state?: string;
            /** Iss */
            readonly iss?: string;
            /** Error */
            readonly error?: string;
        };
        /** AuthorizationCompleted */
        readonly AuthorizationCompleted: {
            /**
             * Status
             * @enum {string}
             */
            readonly status: "completed";
            /** Auth Id */
            readonly auth_id: string;
            /** Provider Id */
            readonly provider_id: string;
        };
        /**
         * ErrorAnswer
         * @description The reason of the refusal, in fixed words. It repeats nothing of the request.
         */
        readonly ErrorAnswer: {
            /** Detail */
            readonly detail: string;
        };
    };
    responses: {
        /** @description Sends the browser to the next page. */
        readonly Redirect: {
            headers: {
                /** @description The next page. */
                readonly Location: string;
                /** @description Deletes the cookie of the connect page. */
                readonly "Set-Cookie"?: string;
                readonly [name: string]: unknown;
            };
            content?: never;
        };
        /** @description The body is not UTF-8, or the request is not well-formed HTTP. */
        readonly BadRequest: {
            headers: {
                readonly [name: string]: unknown;
            };
            content: {
                readonly "application/json": components["schemas"]["ErrorAnswer"];
            };
        };
        /** @description The request carries no credentials, or credentials that are not valid. */
        readonly Unauthorized: {
            headers: {
                /** @description The challenge of RFC 9110, section 11.6.1. */
                readonly "WWW-Authenticate"?: string;
                readonly [name: string]: unknown;
            };
            content: {
                readonly "application/json": components["schemas"]["ErrorAnswer"];
            };
        };
        /** @description The caller lacks the role, `X-Tenant-Id` is not a workspace of the caller's organization, or the caller cannot act for the user in `X-User-Id`. */
        readonly Forbidden: {
            headers: {
                readonly [name: string]: unknown;
            };
            content: {
                readonly "application/json": components["schemas"]["ErrorAnswer"];
            };
        };
        /** @description The caller's organization has no such provider, token or connection, or it is out of the caller's reach. */
        readonly NotFound: {
            headers: {
                readonly [name: string]: unknown;
            };
            content: {
                readonly "application/json": components["schemas"]["ErrorAnswer"];
            };
        };
        /** @description The name is already in use in the caller's organization, or the agent is connected to the provider. */
        readonly Conflict: {
            headers: {
                readonly [name: string]: unknown;
            };
            content: {
                readonly "application/json": components["schemas"]["ErrorAnswer"];
            };
        };
        /** @description The path does not take this method. */
        readonly MethodNotAllowed: {
            headers: {
                /** @description The methods that the path takes. */
                readonly Allow?: string;
                readonly [name: string]: unknown;
            };
            content: {
                readonly "application/json": components["schemas"]["ErrorAnswer"];
            };
        };
        /** @description The request did not arrive in time. */
        readonly RequestTimeout: {
            headers: {
                readonly [name: string]: unknown;
            };
            content: {
                readonly "application/json": components["schemas"]["ErrorAnswer"];
            };
        };
        /** @description The body is larger than the limit. */
        readonly ContentTooLarge: {
            headers: {
                readonly [name: string]: unknown;
            };
            content: {
                readonly "application/json": components["schemas"]["ErrorAnswer"];
            };
        };
        /** @description The body has a `Content-Encoding` other than `identity`. */
        readonly UnsupportedMediaType: {
            headers: {
                /** @description The content codings that the service takes (RFC 9110, section 15.5.16). */
                readonly "Accept-Encoding"?: string;
                readonly [name: string]: unknown;
            };
            content: {
                readonly "application/json": components["schemas"]["ErrorAnswer"];
            };
        };
        /** @description The request has an `Expect` other than `100-continue`. */
        readonly ExpectationFailed: {
            headers: {
                readonly [name: string]: unknown;
            };
            content: {
                readonly "application/json": components["schemas"]["ErrorAnswer"];
            };
        };
        /** @description Too many failed authentications from this network; too many requests of the organization, or of a network without credentials, that wait for their turn; too many that wait for a consent; or too many pending consents. */
        readonly TooManyRequests: {
            headers: {
                /** @description Seconds to wait. */
                readonly "Retry-After"?: number;
                readonly [name: string]: unknown;
            };
            content: {
                readonly "application/json": components["schemas"]["ErrorAnswer"];
            };
        };
        /** @description The header fields are too many or too large. */
        readonly HeaderFieldsTooLarge: {
            headers: {
                readonly [name: string]: unknown;
            };
            content: {
                readonly "application/json": components["schemas"]["ErrorAnswer"];
            };
        };
        /** @description An unexpected error. The log has it under the answer's `X-Request-Id`. */
        readonly InternalServerError: {
            headers: {
                readonly [name: string]: unknown;
            };
            content: {
                readonly "application/json": components["schemas"]["ErrorAnswer"];
            };
        };
        /** @description The database or the issuer cannot be reached, or the service is overloaded. The change may have been made, if the connection broke in the middle. */
        readonly ServiceUnavailable: {
            headers: {
                /** @description Seconds to wait. */
                readonly "Retry-After"?: number;
                readonly [name: string]: unknown;
            };
            content: {
                readonly "application/json": components["schemas"]["ErrorAnswer"];
            };
        };
    };
    parameters: {
        /** @description Makes the import safe to repeat. The same key and request answer the same token id for 24 hours and store nothing more. The same key with another request is refused with 422, and while the first request is under way with 409. Each user has keys of their own. 1 to 255 printable ASCII characters, best a random UUID; the double quotes of a structured field string (RFC 8941) may be left out. */
        readonly IdempotencyKey: string;
        /** @description Selects a workspace of the caller's organization. Without it, the credential's own workspace is used. */
        readonly TenantId: string;
        /** @description The user to act for; only for API keys that act for their organization. */
        readonly UserId: string;
    };
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    readonly import_oauth_token_v2_auth_tokens_import_post: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: {
                /** @description Makes the import safe to repeat. The same key and request answer the same token id for 24 hours and store nothing more. The same key with another request is refused with 422, and while the first request is under way with 409. Each user has keys of their own. 1 to 255 printable ASCII characters, best a random UUID; the double quotes of a structured field string (RFC 8941) may be left out. */
                readonly "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description Selects a workspace of the caller's organization. Without it, the credential's own workspace is used. */
                readonly "X-Tenant-Id"?: components["parameters"]["TenantId"];
                /** @description The user to act for; only for API keys that act for their organization. */
                readonly "X-User-Id"?: components["parameters"]["UserId"];
            };
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "provider_id": "slack-dev",
                 *       "access_token": "xoxb-example",
                 *       "scopes": [
                 *         "chat:write"
                 *       ],
                 *       "metadata": {
                 *         "team": "T0123"
                 *       }
                 *     }
                 */
                readonly "application/json": components["schemas"]["OAuthTokenImportRequest"];
            };
        };
        readonly responses: {
            /** @description Successful Response */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["OAuthTokenImportResponse"];
                };
            };
            readonly 400: components["responses"]["BadRequest"];
            readonly 401: components["responses"]["Unauthorized"];
            readonly 403: components["responses"]["Forbidden"];
            readonly 404: components["responses"]["NotFound"];
            readonly 405: components["responses"]["MethodNotAllowed"];
            readonly 408: components["responses"]["RequestTimeout"];
            /** @description The user has 1,000 tokens of the provider, or as many as the setting `TOKENS_PER_USER_AND_PROVIDER_MAX` allows. With `Retry-After`, a request with the same `Idempotency-Key` is under way. */
            readonly 409: {
                headers: {
                    /** @description Seconds to wait. */
                    readonly "Retry-After"?: number;
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["ErrorAnswer"];
                };
            };
            readonly 413: components["responses"]["ContentTooLarge"];
            readonly 415: components["responses"]["UnsupportedMediaType"];
            readonly 417: components["responses"]["ExpectationFailed"];
            /** @description Validation Error */
            readonly 422: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
            readonly 429: components["responses"]["TooManyRequests"];
            readonly 431: components["responses"]["HeaderFieldsTooLarge"];
            readonly 500: components["responses"]["InternalServerError"];
            readonly 503: components["responses"]["ServiceUnavailable"];
        };
    };
    readonly authenticate_v2_auth_authenticate_post: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: {
                /** @description Selects a workspace of the caller's organization. Without it, the credential's own workspace is used. */
                readonly "X-Tenant-Id"?: components["parameters"]["TenantId"];
                /** @description The user to act for; only for API keys that act for their organization. */
                readonly "X-User-Id"?: components["parameters"]["UserId"];
            };
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "provider": "slack-dev",
                 *       "scopes": [
                 *         "chat:write"
                 *       ]
                 *     }
                 */
                readonly "application/json": components["schemas"]["AuthAuthenticateRequest"];
            };
        };
        readonly responses: {
            /** @description A token, or the reason why there is none yet. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["AuthAuthenticateResponse"];
                };
            };
            readonly 400: components["responses"]["BadRequest"];
            readonly 401: components["responses"]["Unauthorized"];
            readonly 403: components["responses"]["Forbidden"];
            readonly 404: components["responses"]["NotFound"];
            readonly 405: components["responses"]["MethodNotAllowed"];
            readonly 408: components["responses"]["RequestTimeout"];
            readonly 413: components["responses"]["ContentTooLarge"];
            readonly 415: components["responses"]["UnsupportedMediaType"];
            readonly 417: components["responses"]["ExpectationFailed"];
            /** @description Validation Error */
            readonly 422: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
            readonly 429: components["responses"]["TooManyRequests"];
            readonly 431: components["responses"]["HeaderFieldsTooLarge"];
            readonly 500: components["responses"]["InternalServerError"];
            readonly 503: components["responses"]["ServiceUnavailable"];
        };
    };
    readonly wait_for_auth_completion_v2_auth_wait__auth_id__get: {
        readonly parameters: {
            readonly query?: {
                /** @description Seconds to wait. More than 300 count as 300, and less than 0 as 0. */
                readonly timeout?: number;
            };
            readonly header?: {
                /** @description Selects a workspace of the caller's organization. Without it, the credential's own workspace is used. */
                readonly "X-Tenant-Id"?: components["parameters"]["TenantId"];
                /** @description The user to act for; only for API keys that act for their organization. */
                readonly "X-User-Id"?: components["parameters"]["UserId"];
            };
            readonly path: {
                /** @example 01939c4e-8f2a-7b3c-9d1e-5a6b7c8d9e0f */
                readonly auth_id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description The state of the authorization. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["AuthWaitResponse"];
                };
            };
            readonly 400: components["responses"]["BadRequest"];
            readonly 401: components["responses"]["Unauthorized"];
            readonly 403: components["responses"]["Forbidden"];
            readonly 405: components["responses"]["MethodNotAllowed"];
            readonly 408: components["responses"]["RequestTimeout"];
            readonly 413: components["responses"]["ContentTooLarge"];
            readonly 415: components["responses"]["UnsupportedMediaType"];
            readonly 417: components["responses"]["ExpectationFailed"];
            /** @description Validation Error */
            readonly 422: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
            readonly 429: components["responses"]["TooManyRequests"];
            readonly 431: components["responses"]["HeaderFieldsTooLarge"];
            readonly 500: components["responses"]["InternalServerError"];
            readonly 503: components["responses"]["ServiceUnavailable"];
        };
    };
    readonly oauth_callback_get_v2_auth_callback__provider_id__get: {
        readonly parameters: {
            readonly query?: {
                readonly code?: string;
                readonly state?: string;
                readonly error?: string;
                readonly error_description?: string;
            };
            readonly header?: {
                /** @description Selects a workspace of the caller's organization. Without it, the credential's own workspace is used. */
                readonly "X-Tenant-Id"?: components["parameters"]["TenantId"];
                /** @description The user to act for; only for API keys that act for their organization. */
                readonly "X-User-Id"?: components["parameters"]["UserId"];
            };
            readonly path: {
                /** @example slack-dev */
                readonly provider_id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description This service redirects instead. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": unknown;
                };
            };
            readonly 303: components["responses"]["Redirect"];
            /** @description A page. No such authorization is under way in this browser, or the request is malformed. */
            readonly 400: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "text/html": string;
                    readonly "application/json": components["schemas"]["ErrorAnswer"];
                };
            };
            readonly 401: components["responses"]["Unauthorized"];
            readonly 403: components["responses"]["Forbidden"];
            readonly 405: components["responses"]["MethodNotAllowed"];
            readonly 408: components["responses"]["RequestTimeout"];
            readonly 413: components["responses"]["ContentTooLarge"];
            readonly 415: components["responses"]["UnsupportedMediaType"];
            readonly 417: components["responses"]["ExpectationFailed"];
            /** @description Validation Error */
            readonly 422: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["HTTPValidationError"];
                    readonly "text/html": string;
                };
            };
            readonly 429: components["responses"]["TooManyRequests"];
            readonly 431: components["responses"]["HeaderFieldsTooLarge"];
            readonly 500: components["responses"]["InternalServerError"];
            readonly 503: components["responses"]["ServiceUnavailable"];
        };
    };
    readonly oauth_callback_v2_auth_callback__provider_id__post: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: {
                /** @description Selects a workspace of the caller's organization. Without it, the credential's own workspace is used. */
                readonly "X-Tenant-Id"?: components["parameters"]["TenantId"];
                /** @description The user to act for; only for API keys that act for their organization. */
                readonly "X-User-Id"?: components["parameters"]["UserId"];
            };
            readonly path: {
                /** @example slack-dev */
                readonly provider_id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "code": "the-code-of-the-redirect",
                 *       "state": "the-state-of-the-redirect"
                 *     }
                 */
                readonly "application/json": components["schemas"]["OAuthFinalizeRequest"];
                readonly "application/x-www-form-urlencoded": components["schemas"]["OAuthFormPost"];
            };
        };
        readonly responses: {
            /** @description The account is connected. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["AuthorizationCompleted"];
                };
            };
            readonly 303: components["responses"]["Redirect"];
            readonly 400: components["responses"]["BadRequest"];
            readonly 401: components["responses"]["Unauthorized"];
            readonly 403: components["responses"]["Forbidden"];
            readonly 404: components["responses"]["NotFound"];
            readonly 405: components["responses"]["MethodNotAllowed"];
            readonly 408: components["responses"]["RequestTimeout"];
            /** @description The user has 1,000 tokens of the provider, or as many as the setting `TOKENS_PER_USER_AND_PROVIDER_MAX` allows. The authorization is used up. */
            readonly 409: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["ErrorAnswer"];
                };
            };
            readonly 413: components["responses"]["ContentTooLarge"];
            readonly 415: components["responses"]["UnsupportedMediaType"];
            readonly 417: components["responses"]["ExpectationFailed"];
            /** @description Validation Error */
            readonly 422: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
            readonly 429: components["responses"]["TooManyRequests"];
            readonly 431: components["responses"]["HeaderFieldsTooLarge"];
            readonly 500: components["responses"]["InternalServerError"];
            readonly 503: components["responses"]["ServiceUnavailable"];
        };
    };
    readonly oauth_setup_callback_v2_auth_setup__provider_id__get: {
        readonly parameters: {
            readonly query?: {
                readonly code?: string;
                readonly state?: string;
                readonly setup_action?: string;
                /** @description Kept in the token's metadata if the provider confirms it with the user's new token. Otherwise ignored, because anybody can write one into the URL. */
                readonly installation_id?: number;
                readonly error?: string;
                readonly error_description?: string;
            };
            readonly header?: never;
            readonly path: {
                /** @example slack-dev */
                readonly provider_id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description A page that tells the person what happens next. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": unknown;
                    readonly "text/html": string;
                };
            };
            readonly 303: components["responses"]["Redirect"];
            /** @description A page. No such authorization is under way in this browser, or the request is malformed. */
            readonly 400: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "text/html": string;
                    readonly "application/json": components["schemas"]["ErrorAnswer"];
                };
            };
            readonly 401: components["responses"]["Unauthorized"];
            readonly 403: components["responses"]["Forbidden"];
            readonly 405: components["responses"]["MethodNotAllowed"];
            readonly 408: components["responses"]["RequestTimeout"];
            readonly 413: components["responses"]["ContentTooLarge"];
            readonly 415: components["responses"]["UnsupportedMediaType"];
            readonly 417: components["responses"]["ExpectationFailed"];
            /** @description Validation Error */
            readonly 422: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["HTTPValidationError"];
                    readonly "text/html": string;
                };
            };
            readonly 429: components["responses"]["TooManyRequests"];
            readonly 431: components["responses"]["HeaderFieldsTooLarge"];
            readonly 500: components["responses"]["InternalServerError"];
            readonly 503: components["responses"]["ServiceUnavailable"];
        };
    };
    readonly list_connections_v2_auth_agents__agent_id__connections_get: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: {
                /** @description Selects a workspace of the caller's organization. Without it, the credential's own workspace is used. */
                readonly "X-Tenant-Id"?: components["parameters"]["TenantId"];
                /** @description The user to act for; only for API keys that act for their organization. */
                readonly "X-User-Id"?: components["parameters"]["UserId"];
            };
            readonly path: {
                /** @example support-bot */
                readonly agent_id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description The connections, at most one for each provider. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["AgentConnectionListResponse"];
                };
            };
            readonly 400: components["responses"]["BadRequest"];
            readonly 401: components["responses"]["Unauthorized"];
            readonly 403: components["responses"]["Forbidden"];
            readonly 405: components["responses"]["MethodNotAllowed"];
            readonly 408: components["responses"]["RequestTimeout"];
            readonly 413: components["responses"]["ContentTooLarge"];
            readonly 415: components["responses"]["UnsupportedMediaType"];
            readonly 417: components["responses"]["ExpectationFailed"];
            /** @description Validation Error */
            readonly 422: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
            readonly 429: components["responses"]["TooManyRequests"];
            readonly 431: components["responses"]["HeaderFieldsTooLarge"];
            readonly 500: components["responses"]["InternalServerError"];
            readonly 503: components["responses"]["ServiceUnavailable"];
        };
    };
    readonly create_connection_v2_auth_agents__agent_id__connections_post: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: {
                /** @description Selects a workspace of the caller's organization. Without it, the credential's own workspace is used. */
                readonly "X-Tenant-Id"?: components["parameters"]["TenantId"];
                /** @description The user to act for; only for API keys that act for their organization. */
                readonly "X-User-Id"?: components["parameters"]["UserId"];
            };
            readonly path: {
                /** @example support-bot */
                readonly agent_id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "oauth_token_id": "01939c4e-8f2a-7b3c-9d1e-5a6b7c8d9e0f"
                 *     }
                 */
                readonly "application/json": components["schemas"]["CreateAgentConnectionRequest"];
            };
        };
        readonly responses: {
            /** @description The connection. */
            readonly 201: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["AgentConnectionResponse"];
                };
            };
            readonly 400: components["responses"]["BadRequest"];
            readonly 401: components["responses"]["Unauthorized"];
            readonly 403: components["responses"]["Forbidden"];
            readonly 404: components["responses"]["NotFound"];
            readonly 405: components["responses"]["MethodNotAllowed"];
            readonly 408: components["responses"]["RequestTimeout"];
            readonly 409: components["responses"]["Conflict"];
            readonly 413: components["responses"]["ContentTooLarge"];
            readonly 415: components["responses"]["UnsupportedMediaType"];
            readonly 417: components["responses"]["ExpectationFailed"];
            /** @description Validation Error */
            readonly 422: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
            readonly 429: components["responses"]["TooManyRequests"];
            readonly 431: components["responses"]["HeaderFieldsTooLarge"];
            readonly 500: components["responses"]["InternalServerError"];
            readonly 503: components["responses"]["ServiceUnavailable"];
        };
    };
    readonly remove_connection_v2_auth_agents__agent_id__connections__connection_id__delete: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: {
                /** @description Selects a workspace of the caller's organization. Without it, the credential's own workspace is used. */
                readonly "X-Tenant-Id"?: components["parameters"]["TenantId"];
                /** @description The user to act for; only for API keys that act for their organization. */
                readonly "X-User-Id"?: components["parameters"]["UserId"];
            };
            readonly path: {
                /** @example support-bot */
                readonly agent_id: string;
                /** @example 01939c4e-8f2a-7b3c-9d1e-5a6b7c8d9e0f */
                readonly connection_id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description The connection is removed. */
            readonly 204: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content?: never;
            };
            readonly 400: components["responses"]["BadRequest"];
            readonly 401: components["responses"]["Unauthorized"];
            readonly 403: components["responses"]["Forbidden"];
            readonly 404: components["responses"]["NotFound"];
            readonly 405: components["responses"]["MethodNotAllowed"];
            readonly 408: components["responses"]["RequestTimeout"];
            readonly 413: components["responses"]["ContentTooLarge"];
            readonly 415: components["responses"]["UnsupportedMediaType"];
            readonly 417: components["responses"]["ExpectationFailed"];
            /** @description Validation Error */
            readonly 422: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
            readonly 429: components["responses"]["TooManyRequests"];
            readonly 431: components["responses"]["HeaderFieldsTooLarge"];
            readonly 500: components["responses"]["InternalServerError"];
            readonly 503: components["responses"]["ServiceUnavailable"];
        };
    };
    readonly list_oauth_providers_v2_auth_providers_get: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: {
                /** @description Selects a workspace of the caller's organization. Without it, the credential's own workspace is used. */
                readonly "X-Tenant-Id"?: components["parameters"]["TenantId"];
                /** @description The user to act for; only for API keys that act for their organization. */
                readonly "X-User-Id"?: components["parameters"]["UserId"];
            };
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description The providers. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": readonly components["schemas"]["OAuthProviderResponse"][];
                };
            };
            readonly 400: components["responses"]["BadRequest"];
            readonly 401: components["responses"]["Unauthorized"];
            readonly 403: components["responses"]["Forbidden"];
            readonly 405: components["responses"]["MethodNotAllowed"];
            readonly 408: components["responses"]["RequestTimeout"];
            readonly 413: components["responses"]["ContentTooLarge"];
            readonly 415: components["responses"]["UnsupportedMediaType"];
            readonly 417: components["responses"]["ExpectationFailed"];
            readonly 429: components["responses"]["TooManyRequests"];
            readonly 431: components["responses"]["HeaderFieldsTooLarge"];
            readonly 500: components["responses"]["InternalServerError"];
            readonly 503: components["responses"]["ServiceUnavailable"];
        };
    };
    readonly create_oauth_provider_v2_auth_providers_post: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: {
                /** @description Selects a workspace of the caller's organization. Without it, the credential's own workspace is used. */
                readonly "X-Tenant-Id"?: components["parameters"]["TenantId"];
                /** @description The user to act for; only for API keys that act for their organization. */
                readonly "X-User-Id"?: components["parameters"]["UserId"];
            };
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "provider_id": "github-dev",
                 *       "name": "GitHub (development)",
                 *       "client_id": "example-client",
                 *       "client_secret": "example-secret",
                 *       "auth_url": "https://github.com/login/oauth/authorize",
                 *       "token_url": "https://github.com/login/oauth/access_token"
                 *     }
                 */
                readonly "application/json": components["schemas"]["OAuthProviderCreateRequest"];
            };
        };
        readonly responses: {
            /** @description The provider. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["OAuthProviderResponse"];
                };
            };
            readonly 400: components["responses"]["BadRequest"];
            readonly 401: components["responses"]["Unauthorized"];
            readonly 403: components["responses"]["Forbidden"];
            readonly 405: components["responses"]["MethodNotAllowed"];
            readonly 408: components["responses"]["RequestTimeout"];
            readonly 409: components["responses"]["Conflict"];
            readonly 413: components["responses"]["ContentTooLarge"];
            readonly 415: components["responses"]["UnsupportedMediaType"];
            readonly 417: components["responses"]["ExpectationFailed"];
            /** @description Validation Error */
            readonly 422: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
            readonly 429: components["responses"]["TooManyRequests"];
            readonly 431: components["responses"]["HeaderFieldsTooLarge"];
            readonly 500: components["responses"]["InternalServerError"];
            readonly 503: components["responses"]["ServiceUnavailable"];
        };
    };
    readonly create_mcp_oauth_provider_v2_auth_providers_mcp_discover_post: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: {
                /** @description Selects a workspace of the caller's organization. Without it, the credential's own workspace is used. */
                readonly "X-Tenant-Id"?: components["parameters"]["TenantId"];
                /** @description The user to act for; only for API keys that act for their organization. */
                readonly "X-User-Id"?: components["parameters"]["UserId"];
            };
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "provider_id": "mcp-dev",
                 *       "name": "An MCP server (development)",
                 *       "mcp_server_url": "https://mcp.example.com/mcp"
                 *     }
                 */
                readonly "application/json": components["schemas"]["MCPOAuthProviderCreateRequest"];
            };
        };
        readonly responses: {
            /** @description The provider. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["OAuthProviderResponse"];
                };
            };
            readonly 400: components["responses"]["BadRequest"];
            readonly 401: components["responses"]["Unauthorized"];
            readonly 403: components["responses"]["Forbidden"];
            readonly 405: components["responses"]["MethodNotAllowed"];
            readonly 408: components["responses"]["RequestTimeout"];
            readonly 409: components["responses"]["Conflict"];
            readonly 413: components["responses"]["ContentTooLarge"];
            readonly 415: components["responses"]["UnsupportedMediaType"];
            readonly 417: components["responses"]["ExpectationFailed"];
            /** @description Validation Error */
            readonly 422: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
            readonly 429: components["responses"]["TooManyRequests"];
            readonly 431: components["responses"]["HeaderFieldsTooLarge"];
            readonly 500: components["responses"]["InternalServerError"];
            readonly 503: components["responses"]["ServiceUnavailable"];
        };
    };
    readonly get_oauth_provider_v2_auth_providers__provider_id__get: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: {
                /** @description Selects a workspace of the caller's organization. Without it, the credential's own workspace is used. */
                readonly "X-Tenant-Id"?: components["parameters"]["TenantId"];
                /** @description The user to act for; only for API keys that act for their organization. */
                readonly "X-User-Id"?: components["parameters"]["UserId"];
            };
            readonly path: {
                /** @example slack-dev */
                readonly provider_id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description The provider. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["OAuthProviderResponse"];
                };
            };
            readonly 400: components["responses"]["BadRequest"];
            readonly 401: components["responses"]["Unauthorized"];
            readonly 403: components["responses"]["Forbidden"];
            readonly 404: components["responses"]["NotFound"];
            readonly 405: components["responses"]["MethodNotAllowed"];
            readonly 408: components["responses"]["RequestTimeout"];
            readonly 413: components["responses"]["ContentTooLarge"];
            readonly 415: components["responses"]["UnsupportedMediaType"];
            readonly 417: components["responses"]["ExpectationFailed"];
            /** @description Validation Error */
            readonly 422: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
            readonly 429: components["responses"]["TooManyRequests"];
            readonly 431: components["responses"]["HeaderFieldsTooLarge"];
            readonly 500: components["responses"]["InternalServerError"];
            readonly 503: components["responses"]["ServiceUnavailable"];
        };
    };
    readonly delete_oauth_provider_v2_auth_providers__provider_id__delete: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: {
                /** @description Selects a workspace of the caller's organization. Without it, the credential's own workspace is used. */
                readonly "X-Tenant-Id"?: components["parameters"]["TenantId"];
                /** @description The user to act for; only for API keys that act for their organization. */
                readonly "X-User-Id"?: components["parameters"]["UserId"];
            };
            readonly path: {
                /** @example slack-dev */
                readonly provider_id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description The provider as it was. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["OAuthProviderDeleted"];
                };
            };
            readonly 400: components["responses"]["BadRequest"];
            readonly 401: components["responses"]["Unauthorized"];
            readonly 403: components["responses"]["Forbidden"];
            readonly 404: components["responses"]["NotFound"];
            readonly 405: components["responses"]["MethodNotAllowed"];
            readonly 408: components["responses"]["RequestTimeout"];
            readonly 413: components["responses"]["ContentTooLarge"];
            readonly 415: components["responses"]["UnsupportedMediaType"];
            readonly 417: components["responses"]["ExpectationFailed"];
            /** @description Validation Error */
            readonly 422: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
            readonly 429: components["responses"]["TooManyRequests"];
            readonly 431: components["responses"]["HeaderFieldsTooLarge"];
            readonly 500: components["responses"]["InternalServerError"];
            readonly 503: components["responses"]["ServiceUnavailable"];
        };
    };
    readonly update_oauth_provider_v2_auth_providers__provider_id__patch: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: {
                /** @description Selects a workspace of the caller's organization. Without it, the credential's own workspace is used. */
                readonly "X-Tenant-Id"?: components["parameters"]["TenantId"];
                /** @description The user to act for; only for API keys that act for their organization. */
                readonly "X-User-Id"?: components["parameters"]["UserId"];
            };
            readonly path: {
                /** @example slack-dev */
                readonly provider_id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "name": "Slack (development)"
                 *     }
                 */
                readonly "application/json": components["schemas"]["OAuthProviderUpdateRequest"];
            };
        };
        readonly responses: {
            /** @description The provider. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["OAuthProviderResponse"];
                };
            };
            readonly 400: components["responses"]["BadRequest"];
            readonly 401: components["responses"]["Unauthorized"];
            readonly 403: components["responses"]["Forbidden"];
            readonly 404: components["responses"]["NotFound"];
            readonly 405: components["responses"]["MethodNotAllowed"];
            readonly 408: components["responses"]["RequestTimeout"];
            readonly 413: components["responses"]["ContentTooLarge"];
            readonly 415: components["responses"]["UnsupportedMediaType"];
            readonly 417: components["responses"]["ExpectationFailed"];
            /** @description Validation Error */
            readonly 422: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
            readonly 429: components["responses"]["TooManyRequests"];
            readonly 431: components["responses"]["HeaderFieldsTooLarge"];
            readonly 500: components["responses"]["InternalServerError"];
            readonly 503: components["responses"]["ServiceUnavailable"];
        };
    };
    readonly list_oauth_tokens_for_user_v2_auth_tokens_get: {
        readonly parameters: {
            readonly query?: {
                /** @example slack-dev */
                readonly provider_id?: string | null;
            };
            readonly header?: {
                /** @description Selects a workspace of the caller's organization. Without it, the credential's own workspace is used. */
                readonly "X-Tenant-Id"?: components["parameters"]["TenantId"];
                /** @description The user to act for; only for API keys that act for their organization. */
                readonly "X-User-Id"?: components["parameters"]["UserId"];
            };
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description The tokens, without their secrets. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": readonly components["schemas"]["OAuthTokenSummary"][];
                };
            };
            readonly 400: components["responses"]["BadRequest"];
            readonly 401: components["responses"]["Unauthorized"];
            readonly 403: components["responses"]["Forbidden"];
            readonly 405: components["responses"]["MethodNotAllowed"];
            readonly 408: components["responses"]["RequestTimeout"];
            readonly 413: components["responses"]["ContentTooLarge"];
            readonly 415: components["responses"]["UnsupportedMediaType"];
            readonly 417: components["responses"]["ExpectationFailed"];
            /** @description Validation Error */
            readonly 422: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
            readonly 429: components["responses"]["TooManyRequests"];
            readonly 431: components["responses"]["HeaderFieldsTooLarge"];
            readonly 500: components["responses"]["InternalServerError"];
            readonly 503: components["responses"]["ServiceUnavailable"];
        };
    };
    readonly delete_oauth_tokens_for_user_v2_auth_tokens_delete: {
        readonly parameters: {
            readonly query: {
                /** @example slack-dev */
                readonly provider_id: string;
            };
            readonly header?: {
                /** @description Selects a workspace of the caller's organization. Without it, the credential's own workspace is used. */
                readonly "X-Tenant-Id"?: components["parameters"]["TenantId"];
                /** @description The user to act for; only for API keys that act for their organization. */
                readonly "X-User-Id"?: components["parameters"]["UserId"];
            };
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description The tokens are deleted. There may have been none. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["OAuthTokensDeleted"];
                };
            };
            readonly 400: components["responses"]["BadRequest"];
            readonly 401: components["responses"]["Unauthorized"];
            readonly 403: components["responses"]["Forbidden"];
            readonly 404: components["responses"]["NotFound"];
            readonly 405: components["responses"]["MethodNotAllowed"];
            readonly 408: components["responses"]["RequestTimeout"];
            readonly 413: components["responses"]["ContentTooLarge"];
            readonly 415: components["responses"]["UnsupportedMediaType"];
            readonly 417: components["responses"]["ExpectationFailed"];
            /** @description Validation Error */
            readonly 422: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
            readonly 429: components["responses"]["TooManyRequests"];
            readonly 431: components["responses"]["HeaderFieldsTooLarge"];
            readonly 500: components["responses"]["InternalServerError"];
            readonly 503: components["responses"]["ServiceUnavailable"];
        };
    };
    readonly delete_single_oauth_token_v2_auth_tokens__token_id__delete: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: {
                /** @description Selects a workspace of the caller's organization. Without it, the credential's own workspace is used. */
                readonly "X-Tenant-Id"?: components["parameters"]["TenantId"];
                /** @description The user to act for; only for API keys that act for their organization. */
                readonly "X-User-Id"?: components["parameters"]["UserId"];
            };
            readonly path: {
                /** @example 01939c4e-8f2a-7b3c-9d1e-5a6b7c8d9e0f */
                readonly token_id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description The token is deleted. */
            readonly 204: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content?: never;
            };
            readonly 400: components["responses"]["BadRequest"];
            readonly 401: components["responses"]["Unauthorized"];
            readonly 403: components["responses"]["Forbidden"];
            readonly 404: components["responses"]["NotFound"];
            readonly 405: components["responses"]["MethodNotAllowed"];
            readonly 408: components["responses"]["RequestTimeout"];
            readonly 413: components["responses"]["ContentTooLarge"];
            readonly 415: components["responses"]["UnsupportedMediaType"];
            readonly 417: components["responses"]["ExpectationFailed"];
            /** @description Validation Error */
            readonly 422: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
            readonly 429: components["responses"]["TooManyRequests"];
            readonly 431: components["responses"]["HeaderFieldsTooLarge"];
            readonly 500: components["responses"]["InternalServerError"];
            readonly 503: components["responses"]["ServiceUnavailable"];
        };
    };
    readonly revoke_all_slack_tokens_for_workspace_v2_auth_tokens_workspace_slack_delete: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: {
                /** @description Selects a workspace of the caller's organization. Without it, the credential's own workspace is used. */
                readonly "X-Tenant-Id"?: components["parameters"]["TenantId"];
                /** @description The user to act for; only for API keys that act for their organization. */
                readonly "X-User-Id"?: components["parameters"]["UserId"];
            };
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description The tokens are deleted. There may have been none. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["SlackTokensDeleted"];
                };
            };
            readonly 400: components["responses"]["BadRequest"];
            readonly 401: components["responses"]["Unauthorized"];
            readonly 403: components["responses"]["Forbidden"];
            readonly 405: components["responses"]["MethodNotAllowed"];
            readonly 408: components["responses"]["RequestTimeout"];
            readonly 413: components["responses"]["ContentTooLarge"];
            readonly 415: components["responses"]["UnsupportedMediaType"];
            readonly 417: components["responses"]["ExpectationFailed"];
            readonly 429: components["responses"]["TooManyRequests"];
            readonly 431: components["responses"]["HeaderFieldsTooLarge"];
            readonly 500: components["responses"]["InternalServerError"];
            readonly 503: components["responses"]["ServiceUnavailable"];
        };
    };
    readonly check_oauth_token_exists_v2_auth_tokens_exists_get: {
        readonly parameters: {
            readonly query: {
                /** @example slack-dev */
                readonly provider_id: string;
            };
            readonly header?: {
                /** @description Selects a workspace of the caller's organization. Without it, the credential's own workspace is used. */
                readonly "X-Tenant-Id"?: components["parameters"]["TenantId"];
                /** @description The user to act for; only for API keys that act for their organization. */
                readonly "X-User-Id"?: components["parameters"]["UserId"];
            };
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description Whether a token is stored. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["OAuthTokenStatusResponse"];
                };
            };
            readonly 400: components["responses"]["BadRequest"];
            readonly 401: components["responses"]["Unauthorized"];
            readonly 403: components["responses"]["Forbidden"];
            readonly 405: components["responses"]["MethodNotAllowed"];
            readonly 408: components["responses"]["RequestTimeout"];
            readonly 413: components["responses"]["ContentTooLarge"];
            readonly 415: components["responses"]["UnsupportedMediaType"];
            readonly 417: components["responses"]["ExpectationFailed"];
            /** @description Validation Error */
            readonly 422: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
            readonly 429: components["responses"]["TooManyRequests"];
            readonly 431: components["responses"]["HeaderFieldsTooLarge"];
            readonly 500: components["responses"]["InternalServerError"];
            readonly 503: components["responses"]["ServiceUnavailable"];
        };
    };
    readonly update_token_label_v2_auth_tokens__token_id__metadata_patch: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: {
                /** @description Selects a workspace of the caller's organization. Without it, the credential's own workspace is used. */
                readonly "X-Tenant-Id"?: components["parameters"]["TenantId"];
                /** @description The user to act for; only for API keys that act for their organization. */
                readonly "X-User-Id"?: components["parameters"]["UserId"];
            };
            readonly path: {
                /** @example 01939c4e-8f2a-7b3c-9d1e-5a6b7c8d9e0f */
                readonly token_id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "provider_account_label": "Support bot",
                 *       "is_default": true
                 *     }
                 */
                readonly "application/json": components["schemas"]["OAuthTokenUpdateRequest"];
            };
        };
        readonly responses: {
            /** @description The token. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["OAuthTokenSummary"];
                };
            };
            readonly 400: components["responses"]["BadRequest"];
            readonly 401: components["responses"]["Unauthorized"];
            readonly 403: components["responses"]["Forbidden"];
            readonly 404: components["responses"]["NotFound"];
            readonly 405: components["responses"]["MethodNotAllowed"];
            readonly 408: components["responses"]["RequestTimeout"];
            readonly 413: components["responses"]["ContentTooLarge"];
            readonly 415: components["responses"]["UnsupportedMediaType"];
            readonly 417: components["responses"]["ExpectationFailed"];
            /** @description Validation Error */
            readonly 422: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
            readonly 429: components["responses"]["TooManyRequests"];
            readonly 431: components["responses"]["HeaderFieldsTooLarge"];
            readonly 500: components["responses"]["InternalServerError"];
            readonly 503: components["responses"]["ServiceUnavailable"];
        };
    };
    readonly check_workspace_slack_tokens_exist_v2_auth_tokens_workspace_slack_exists_get: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: {
                /** @description Selects a workspace of the caller's organization. Without it, the credential's own workspace is used. */
                readonly "X-Tenant-Id"?: components["parameters"]["TenantId"];
                /** @description The user to act for; only for API keys that act for their organization. */
                readonly "X-User-Id"?: components["parameters"]["UserId"];
            };
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description Whether a token is stored. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["OAuthTokenStatusResponse"];
                };
            };
            readonly 400: components["responses"]["BadRequest"];
            readonly 401: components["responses"]["Unauthorized"];
            readonly 403: components["responses"]["Forbidden"];
            readonly 405: components["responses"]["MethodNotAllowed"];
            readonly 408: components["responses"]["RequestTimeout"];
            readonly 413: components["responses"]["ContentTooLarge"];
            readonly 415: components["responses"]["UnsupportedMediaType"];
            readonly 417: components["responses"]["ExpectationFailed"];
            readonly 429: components["responses"]["TooManyRequests"];
            readonly 431: components["responses"]["HeaderFieldsTooLarge"];
            readonly 500: components["responses"]["InternalServerError"];
            readonly 503: components["responses"]["ServiceUnavailable"];
        };
    };
}
