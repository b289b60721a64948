/**
 * What must not compile: `tsc` fails on an expected error that does not come. Nothing here runs.
 */
import type { AllHandlers, Contract, Handlers, Reading } from '../server/contract.ts';
import { html } from '../server/pages/html.ts';
import type { Small } from './support/small-contract.ts';

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

const { is_default: _omitted, ...others } = READS.import_oauth_token_v2_auth_tokens_import_post.body;

// @ts-expect-error a field is neither read nor left out: the compiler names `is_default`
export const unlisted = { import_oauth_token_v2_auth_tokens_import_post: { body: others } } satisfies Reading;

export const leftOut: Handlers<Import> = {
  // @ts-expect-error the field is listed as left out
  import_oauth_token_v2_auth_tokens_import_post: async ({ body: { is_default } }) => ({
    ...reply,
    body: { token_id: String(is_default) },
  }),
};

/** The contract with a new optional field, a new query parameter and a new path parameter. */
interface Changed extends Contract {
  readonly operation: {
    readonly rename: {
      readonly parameters: {
        readonly path: { id: string; region: string };
        readonly query?: { dry_run?: boolean };
      };
      readonly requestBody: {
        readonly content: { readonly 'application/json': { name: string; label?: string } };
      };
      readonly responses: object;
    };
  };
}

const known = {
  path: { id: true, region: true },
  query: { dry_run: true },
  body: { name: true, label: true },
} as const;

export const complete = { rename: known } satisfies Reading<Changed>;

// @ts-expect-error the new field `label`
export const newField = { rename: { ...known, body: { name: true } } } satisfies Reading<Changed>;

// @ts-expect-error the new query parameter `dry_run`
export const newQuery = { rename: { path: known.path, body: known.body } } satisfies Reading<Changed>;

// @ts-expect-error the new path parameter `region`
export const newPath = { rename: { ...known, path: { id: true } } } satisfies Reading<Changed>;

interface ByRole extends Contract {
  readonly operation: Small['operation'];
  readonly described: {
    readonly search: { isPublic: false; isOptional: false; role: 'admin' };
    readonly find: { isPublic: false; isOptional: false; role: null };
  };
}

const admin = ({ role }: { readonly role: 'admin' }) =>
  ({ status: 200, body: { found: role === 'admin', id: '' } }) as const;

export const forAdmins: Handlers<{ search: object }, ByRole> = {
  search: async ({ caller }) => admin(caller),
};

export const forMembers: Handlers<{ find: { path: { id: true } } }, ByRole> = {
  // @ts-expect-error a member may ask for this operation
  find: async ({ caller }) => admin(caller),
};

type Kinds = Handlers<
  {
    go: object;
    remove: { path: { id: true } };
    page: { path: { id: true } };
    who: object;
    create: { body: { text: true; tag: true } };
  },
  Small
>;

export const kinds: Pick<Kinds, 'page'> = {
  page: async ({ path }) => ({ status: 200, html: html`${path.id}` }),
};

// @ts-expect-error text is not HTML
export const plainText: Pick<Kinds, 'page'> = { page: async () => ({ status: 200, html: '<b>' }) };

// @ts-expect-error the contract requires `Location`
export const noLocation: Pick<Kinds, 'go'> = { go: async () => ({ status: 303 }) };

// @ts-expect-error 204 has no body
export const bodyOf204: Pick<Kinds, 'remove'> = { remove: async () => ({ status: 204, body: {} }) };

export const publicCaller: Pick<Kinds, 'page'> = {
  // @ts-expect-error a public operation has no caller
  page: async ({ caller }) => ({ status: 200, html: caller }),
};

export const optionalCaller: Pick<Kinds, 'who'> = {
  // @ts-expect-error credentials are optional
  who: async ({ caller }) => ({ status: 200, body: { user: caller.userId } }),
};
