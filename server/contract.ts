/** Types that follow from generated/: whatever does not fit the contract does not compile. */
import type { Actor } from '../db/audit.ts';
import type { operations } from '../generated/api.d.ts';
import type { Caller } from '../security/caller.ts';

export type OperationId = keyof operations;

/** These are thrown, never returned. */
type Thrown = 400 | 401 | 403 | 404 | 405 | 408 | 409 | 413 | 415 | 417 | 422 | 429 | 431 | 500 | 503;

type Json<T> = T extends { readonly content: { readonly 'application/json': infer Body } } ? Body : undefined;
type Answers<Id extends OperationId> = Omit<operations[Id]['responses'], Thrown>;

/** A documented answer of the operation. */
export type Reply<Id extends OperationId> = {
  [Status in keyof Answers<Id>]: { readonly status: Status; readonly body: Json<Answers<Id>[Status]> };
}[keyof Answers<Id>];

type Parameters<Id extends OperationId, In extends 'path' | 'query'> = operations[Id]['parameters'] extends {
  readonly [Place in In]?: infer Values;
}
  ? Exclude<Values, undefined>
  : never;

type Body<Id extends OperationId> = operations[Id] extends { readonly requestBody: infer Content }
  ? Json<Content>
  : undefined;

/** What a request of the operation holds once it has been validated. */
export interface Input<Id extends OperationId> {
  readonly path: Parameters<Id, 'path'>;
  readonly query: Parameters<Id, 'query'>;
  readonly body: Body<Id>;
}

export interface Call<Id extends OperationId> extends Input<Id> {
  readonly caller: Caller;
  readonly requestId: string;
}

/** Whose change it is, for the audit record. */
export const actor = ({ caller, requestId }: Pick<Call<OperationId>, 'caller' | 'requestId'>): Actor => ({
  userId: caller.userId,
  credential: caller.credential,
  requestId,
});

/** One function per operationId: a typed request in, a documented answer out, everything else thrown. */
export type Handlers<Ids extends OperationId> = {
  readonly [Id in Ids]: (call: Call<Id>) => Promise<Reply<Id>>;
};
