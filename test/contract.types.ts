/**
 * What must not compile: `tsc` fails on an expected error that does not come. Nothing here runs.
 */
import type { Handlers, OperationId } from '../server/contract.ts';

type Import = 'import_oauth_token_v2_auth_tokens_import_post';

const reply = { status: 200, body: { token_id: '' } } as const;

export const fits: Handlers<Import> = {
  import_oauth_token_v2_auth_tokens_import_post: async ({ body }) => ({
    status: 200,
    body: { token_id: body.access_token + (body.refresh_token ?? '') },
  }),
};

// @ts-expect-error a handler is missing: the operation is named
export const missing: Handlers<OperationId> = {};

export const extra: Handlers<Import> = {
  ...fits,
  // @ts-expect-error no such operation in the contract
  export_oauth_token: async () => reply,
};

// @ts-expect-error no such operation in the contract
export type Unknown = Handlers<'export_oauth_token'>;

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
