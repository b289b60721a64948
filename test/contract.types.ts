/**
 * What must not compile: `tsc` fails on an expected error that does not come. Nothing here runs.
 */
import type { AllHandlers, Handlers, Reading } from '../server/contract.ts';

const READS = {
  import_oauth_token_v2_auth_tokens_import_post: {
    body: {
      provider_id: true,
      access_token: true,
      refresh_token: true,
      expires_in_seconds: true,
      scopes: true,
      metadata: true,
      is_default: false,
    },
  },
} as const satisfies Reading;

type Import = typeof READS;

const reply = { status: 200, body: { token_id: '' } } as const;

export const fits: Handlers<Import> = {
  import_oauth_token_v2_auth_tokens_import_post: async ({ body, caller }) => ({
    status: 200,
    body: { token_id: body.access_token + (body.refresh_token ?? '') + caller.userId },
  }),
};

// @ts-expect-error a handler is missing: the operation is named
export const missing: AllHandlers = fits;

export const extra: Handlers<Import> = {
  ...fits,
  // @ts-expect-error no such operation in the contract
  export_oauth_token: async () => reply,
};

// @ts-expect-error no such operation in the contract
export const unknown = { export_oauth_token: {} } as const satisfies Reading;

export const wrongRequest: Handlers<Import> = {
  // @ts-expect-error the contract's body has no such field
  import_oauth_token_v2_auth_tokens_import_post: async ({ body: { token } }) => ({
    ...reply,
    body: { token_id: token },
  }),
};

export const unhandledNull: Handlers<Import> = {
  // @ts-expect-error a nullable field may be null
  import_oauth_token_v2_auth_tokens_import_post: async ({ body }) => ({
    status: 200,
    body: { token_id: body.refresh_token },
  }),
};

export const wrongStatus: Handlers<Import> = {
  // @ts-expect-error the contract has no 201 here
  import_oauth_token_v2_auth_tokens_import_post: async () => ({ status: 201, body: { token_id: '' } }),
};

export const returnedRefusal: Handlers<Import> = {
  // @ts-expect-error refusals are thrown
  import_oauth_token_v2_auth_tokens_import_post: async () => ({ status: 404, body: { detail: '' } }),
};

export const wrongBody: Handlers<Import> = {
  // @ts-expect-error the answer has no id
  import_oauth_token_v2_auth_tokens_import_post: async () => ({ status: 200, body: {} }),
};

export const undocumentedHeader: Handlers<Import> = {
  // @ts-expect-error the contract has no such header field
  import_oauth_token_v2_auth_tokens_import_post: async () => ({ ...reply, headers: { Location: '/' } }),
};
