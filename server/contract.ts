/** Types that follow from generated/: a handler that does not fit the contract does not compile. */
import type { IncomingMessage } from 'node:http';
import type { Actor } from '../db/audit.ts';
import type { operations } from '../generated/api.d.ts';
import type { operations as described } from '../generated/operations.ts';
import type { Caller, Role } from '../security/caller.ts';
import type { Html } from './pages/html.ts';

/** One operation's types, as openapi-typescript writes them. */
interface OperationTypes {
  readonly parameters: { readonly path?: unknown; readonly query?: unknown; readonly header?: unknown };
  readonly responses: object;
}

/** A contract's operations by id: their types, and the generator's description of each. */
export interface Contract {
  readonly operation: object;
  readonly described: object;
}

/** The contract of generated/. */
export interface Ours {
  readonly operation: operations;
  readonly described: typeof described;
}

export type OperationId = keyof operations;

/** The members that a type writes out, without its index signature. */
type Named<T> = { [Key in keyof T as string extends Key ? never : Key]: T[Key] };

/** Only these are returned. A refusal is thrown. */
type Success<Responses> = {
  [Status in keyof Responses & number as `${Status}` extends `2${string}` | `3${string}`
    ? Status
    : never]: Responses[Status];
};

type Json<Body> =
  | { readonly body: Body }
  | (Body extends readonly (infer Row)[]
      ? {
          /** The items of the array, sent as they come. If they fail midway, the connection is cut. */
          readonly rows: AsyncIterable<Row>;
        }
      : never);

/** The documented header fields of an answer, required where the document requires them. */
type Documented<Headers> = { readonly [Name in keyof Named<Headers>]: string };

type HeadersOf<Headers> = [keyof Named<Headers>] extends [never]
  ? { readonly headers?: undefined }
  : object extends Named<Headers>
    ? { readonly headers?: Documented<Headers> }
    : { readonly headers: Documented<Headers> };

/** A page brings header fields of its own, which the document need not list. */
interface Page {
  readonly html: Html;
  readonly headers?: Readonly<Record<string, string>>;
}

type Sent<MediaType, Body, Headers> = MediaType extends 'application/json'
  ? Json<Body> & HeadersOf<Headers>
  : MediaType extends 'text/html'
    ? [keyof Named<Headers>] extends [never]
      ? Page
      : Page & HeadersOf<Headers>
    : never;

type ContentOf<Response> = Response extends {
  readonly content: infer Content;
  readonly headers: infer Headers;
}
  ? { [MediaType in keyof Content]: Sent<MediaType, Content[MediaType], Headers> }[keyof Content]
  : Response extends { readonly headers: infer Headers }
    ? { readonly body?: undefined } & HeadersOf<Headers>
    : never;

type ReplyTo<Responses> = {
  [Status in keyof Responses]: { readonly status: Status } & ContentOf<Responses[Status]>;
}[keyof Responses];

type TypesOf<Api extends Contract, Id> = Id extends keyof Api['operation']
  ? Api['operation'][Id] & OperationTypes
  : never;

/** A documented answer of the operation. */
export type Reply<Id, Api extends Contract = Ours> = ReplyTo<Success<TypesOf<Api, Id>['responses']>>;

type Parameters<Id, Api extends Contract, In extends 'path' | 'query'> = Exclude<
  TypesOf<Api, Id>['parameters'][In],
  undefined
>;

/** The operation declares `Idempotency-Key`. */
type Repetition<Types> = Types extends {
  readonly parameters: { readonly header?: infer Header };
}
  ? 'Idempotency-Key' extends keyof Exclude<Header, undefined>
    ? {
        /** The key in `Idempotency-Key`. Undefined: there is none. Reading a malformed key throws ApiError 422. */
        readonly idempotencyKey: string | undefined;
      }
    : unknown
  : unknown;

interface NoBody {
  readonly mediaType: undefined;
  readonly body: undefined;
}

/** One member for each media type that the operation takes, told apart by `mediaType`. */
type Body<Types> = Types extends { readonly requestBody: { readonly content: infer Contents } }
  ? BodyIn<Contents>
  : Types extends { readonly requestBody?: { readonly content: infer Contents } }
    ? BodyIn<Contents> | NoBody
    : NoBody;

type BodyIn<Contents> = {
  [MediaType in keyof Contents]: { readonly mediaType: MediaType; readonly body: Contents[MediaType] };
}[keyof Contents];

/** The fields of an object, or of each object of a union. */
type Fields<T> = T extends readonly unknown[] ? never : T extends object ? keyof Named<T> & string : never;

/** Whether the handler reads each field. A field that is not listed does not compile. */
type Listed<Place extends string, T> = [Fields<T>] extends [never]
  ? { readonly [In in Place]?: never }
  : { readonly [In in Place]: { readonly [Field in Fields<T>]: boolean } };

/** Every input of the operation. True: the handler reads it. False: the handler leaves it out. */
type Reads<Id, Api extends Contract> = Listed<'path', Parameters<Id, Api, 'path'>> &
  Listed<'query', Parameters<Id, Api, 'query'>> &
  Listed<'body', Body<TypesOf<Api, Id>>['body']>;

/** The inputs that handlers read, by operation. The header parameters are read by the authentication. */
export type Reading<Api extends Contract = Ours> = {
  readonly [Id in keyof Api['operation']]?: Reads<Id, Api>;
};

type ListedIn<List, Place extends string> = List extends { readonly [In in Place]: infer Flags }
  ? Flags
  : undefined;

/** What remains of an object: the fields that are read. */
type Read<T, Flags> = Flags extends object
  ? {
      [Field in keyof T as Field extends keyof Flags
        ? Flags[Field] extends true
          ? Field
          : never
        : never]: T[Field];
    }
  : T;

type ReadBody<T, Flags> = T extends { readonly mediaType: infer MediaType; readonly body: infer Given }
  ? { readonly mediaType: MediaType; readonly body: Given extends object ? Read<Given, Flags> : Given }
  : never;

/** The message as it came, for operations that examine the browser. */
interface Sender {
  readonly request: Pick<IncomingMessage, 'headersDistinct' | 'url'>;
}

/** If the contract keeps the operation to a role, the type of the caller has that role. */
type CallerOf<Description> = Description extends { readonly role: infer Required extends Role }
  ? Caller & { readonly role: Required }
  : Caller;

type Who<Description> = Description extends { readonly isPublic: true }
  ? Sender
  : Description extends { readonly isOptional: true }
    ? Sender & { readonly caller: Caller | undefined }
    : { readonly caller: CallerOf<Description> };

/** The fields of every call, also of one that belongs to no operation. */
export interface AnyCall {
  readonly requestId: string;
  /**
   * Aborted when the client goes away (`ClientGoneError`) or the service stops (`StoppingError`); its reason is that
   * error. It is made when it is first read.
   */
  readonly signal: AbortSignal;
}

/** A validated request of the operation, with the inputs that `List` marks as read. */
export type Call<Id, List = undefined, Api extends Contract = Ours> = AnyCall & {
  readonly path: Read<Parameters<Id, Api, 'path'>, ListedIn<List, 'path'>>;
  readonly query: Read<Parameters<Id, Api, 'query'>, ListedIn<List, 'query'>>;
} & ReadBody<Body<TypesOf<Api, Id>>, ListedIn<List, 'body'>> &
  Repetition<TypesOf<Api, Id>> &
  Who<Id extends keyof Api['described'] ? Api['described'][Id] : never>;

/** One function for each listed operation: it takes a typed request, returns a documented answer and throws all else. */
export type Handlers<List extends Reading<Api>, Api extends Contract = Ours> = {
  readonly [Id in keyof List]: (call: Call<Id, List[Id], Api>) => Promise<Reply<Id, Api>>;
};

/** A handler for every operation of the contract, with any list of inputs. */
export type AllHandlers = { readonly [Id in OperationId]: (call: never) => Promise<Reply<Id>> };

/** The author of a change, for the audit record. */
export const actor = ({
  caller,
  requestId,
}: {
  readonly caller: Caller;
  readonly requestId: string;
}): Actor => ({
  userId: caller.userId,
  credential: caller.credential,
  requestId,
});
