import type { Sealed } from '../crypto/key-ring.ts';
import type { Actor } from './audit.ts';
import type { ImportOutcome, Repeatable } from './idempotency-keys.ts';
import type { BatcherParts } from './postgres/batcher.ts';

/** A token as it is stored: sealed. */
export interface TokenImport {
  readonly organizationId: string;
  readonly userId: string;
  readonly providerId: string;
  readonly workspaceId: string;
  readonly accessToken: Sealed;
  readonly refreshToken: Sealed | null;
  readonly scopes: readonly string[];
  readonly metadata: Readonly<Record<string, unknown>> | null;
  /** Counted from the database's clock; null: never, as far as we know. */
  readonly expiresInSeconds: number | null;
  readonly isDefault: boolean;
}

/** A token with its id, and who imports it. */
export interface NewImport {
  readonly id: string;
  readonly token: TokenImport;
  readonly by: Actor;
  /** Undefined: the request has no idempotency key. */
  readonly repeating: Repeatable | undefined;
}

/** How imports are written as SQL. JSON is quicker on one PostgreSQL; over distributed tables VALUES are. */
export interface ImportForm<Item> extends BatcherParts<Item, ImportOutcome> {
  readonly itemOf: (given: NewImport) => Item;
}
