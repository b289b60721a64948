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
         * Import Oauth Token
         * @description Persist a directly-obtained OAuth token (no authorization-code exchange).
         *
         *     The Slack managed-install flow receives a bot token inline from
         *     ``apps.managedInstall`` instead of through the browser OAuth redirect. This
         *     stores it (Fernet-encrypted at rest, via ``create_oauth_token``) for the
         *     caller's org/user against an existing provider. Requiring the provider to
         *     already exist in the caller's org scopes the write and blocks cross-org
         *     token creation. The token value is never logged or returned.
         */
        readonly post: operations["import_oauth_token_v2_auth_tokens_import_post"];
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
            /** Expires In Seconds */
            readonly expires_in_seconds?: number | null;
            /**
             * Scopes
             * @default []
             */
            readonly scopes?: readonly string[];
            /** Metadata */
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
         * ErrorAnswer
         * @description Why the request was refused, in fixed words that never repeat any of it.
         */
        readonly ErrorAnswer: {
            /** Detail */
            readonly detail: string;
        };
    };
    responses: {
        /** @description The body is not UTF-8, or the request is not well-formed HTTP. */
        readonly BadRequest: {
            headers: {
                readonly [name: string]: unknown;
            };
            content: {
                readonly "application/json": components["schemas"]["ErrorAnswer"];
            };
        };
        /** @description No credentials, or credentials that do not hold. */
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
        /** @description The caller lacks the right, or `X-Tenant-Id` names no workspace of the caller's organization. */
        readonly Forbidden: {
            headers: {
                readonly [name: string]: unknown;
            };
            content: {
                readonly "application/json": components["schemas"]["ErrorAnswer"];
            };
        };
        /** @description The caller's organization has nothing of that name. */
        readonly NotFound: {
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
        /** @description The body is larger than the service takes. */
        readonly ContentTooLarge: {
            headers: {
                readonly [name: string]: unknown;
            };
            content: {
                readonly "application/json": components["schemas"]["ErrorAnswer"];
            };
        };
        /** @description The body has a content coding other than `identity`. */
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
        /** @description Too many failed authentications from this address. */
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
        /** @description Something unforeseen went wrong; the log has it under the answer's `X-Request-Id`. */
        readonly InternalServerError: {
            headers: {
                readonly [name: string]: unknown;
            };
            content: {
                readonly "application/json": components["schemas"]["ErrorAnswer"];
            };
        };
        /** @description The database or the issuer cannot be reached, or the service is overloaded. Where a connection broke in the middle, the change may have been made. */
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
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    readonly import_oauth_token_v2_auth_tokens_import_post: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
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
}
