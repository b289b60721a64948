/** A contract of the tests' own, with every kind of operation: its document, and its types as the generator writes them. */
import { readFileSync } from 'node:fs';
import type { Document } from 'openapi-backend';
import { parse } from 'yaml';
import type { Contract } from '../../server/contract.ts';

interface NoParameters {
  readonly query?: never;
  readonly path?: never;
}

interface Answer<Content, Headers = Readonly<Record<string, unknown>>> {
  readonly headers: Headers;
  readonly content: Content;
}

type Json<Body> = Answer<{ readonly 'application/json': Body }>;
type Refused = Json<{ readonly detail: string }>;

interface Nothing<Headers = Readonly<Record<string, unknown>>> {
  readonly headers: Headers;
  readonly content?: never;
}

interface ById {
  readonly query?: never;
  readonly path: { readonly id: string };
}

interface Note {
  readonly text: string;
  readonly tag?: string;
}

interface Operations {
  readonly page: {
    readonly parameters: ById;
    readonly requestBody?: never;
    readonly responses: { readonly 200: Answer<{ readonly 'text/html': string }>; readonly 400: Refused };
  };
  readonly go: {
    readonly parameters: NoParameters;
    readonly requestBody?: never;
    readonly responses: {
      readonly 303: Nothing<{ readonly Location: string; readonly [name: string]: unknown }>;
    };
  };
  readonly who: {
    readonly parameters: NoParameters;
    readonly requestBody?: never;
    readonly responses: { readonly 200: Json<{ readonly user: string | null }>; readonly 401: Refused };
  };
  readonly key_only: Operations['who'];
  readonly both: Operations['who'];
  readonly create: {
    readonly parameters: NoParameters;
    readonly requestBody: {
      readonly content: {
        readonly 'application/json': Note;
        readonly 'application/x-www-form-urlencoded': Note;
      };
    };
    readonly responses: {
      readonly 201: Answer<
        { readonly 'application/json': Note & { readonly from: string } },
        { readonly 'X-Note'?: string; readonly [name: string]: unknown }
      >;
      readonly 422: Refused;
    };
  };
  readonly remove: {
    readonly parameters: ById;
    readonly requestBody?: never;
    readonly responses: { readonly 204: Nothing; readonly 404: Refused };
  };
  readonly find: {
    readonly parameters: ById;
    readonly requestBody?: never;
    readonly responses: { readonly 200: Json<{ readonly id: string }> };
  };
  readonly search: {
    readonly parameters: NoParameters;
    readonly requestBody?: never;
    readonly responses: { readonly 200: Json<{ readonly found: boolean }> };
  };
  readonly wait: {
    readonly parameters: NoParameters;
    readonly requestBody?: never;
    readonly responses: { readonly 200: Json<{ readonly ended: string }> };
  };
  readonly rows: {
    readonly parameters: {
      readonly query: { readonly count: number; readonly fail?: boolean };
      readonly path?: never;
    };
    readonly requestBody?: never;
    readonly responses: { readonly 200: Json<readonly { readonly n: number }[]> };
  };
}

const secured = { isPublic: false, isOptional: false } as const;
const open = { isPublic: true, isOptional: false } as const;

export const described = {
  page: open,
  go: open,
  who: { isPublic: false, isOptional: true },
  key_only: secured,
  both: secured,
  create: secured,
  remove: secured,
  find: secured,
  search: secured,
  wait: open,
  rows: open,
} as const;

export interface Small extends Contract {
  readonly operation: Operations;
  readonly described: typeof described;
}

export const document: Document = parse(
  readFileSync(new URL('small-contract.yaml', import.meta.url), 'utf8'),
);
