import type { Sealed } from '../crypto/key-ring.ts';
import { newId } from '../crypto/uuid.ts';
import type { Actor } from './audit.ts';
import { KeyReusedError, type Repeatable, RepeatedTooSoonError } from './idempotency-keys.ts';
import { importStatement } from './import-statement.ts';
import { createBatcher } from './postgres/batcher.ts';
import { isForeignKeyViolation, isLockedOn } from './postgres/errors.ts';
import type { HotStatements } from './postgres/hot.ts';

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

/** A token that waits for its statement. */
interface Row {
  readonly organizationId: string;
  readonly id: string;
  readonly json: string;
  readonly isRepeatable: boolean;
}

/** The token as the statement reads it. Each field is named, because spreading the object takes three times as long. */
const json = (id: string, token: TokenImport, by: Actor, repeating: Repeatable | undefined): string =>
  JSON.stringify({
    organizationId: token.organizationId,
    id,
    userId: token.userId,
    providerId: token.providerId,
    workspaceId: token.workspaceId,
    accessToken: token.accessToken.ciphertext,
    accessTokenKey: token.accessToken.key,
    refreshToken: token.refreshToken?.ciphertext,
    refreshTokenKey: token.refreshToken?.key,
    scopes: token.scopes,
    metadata: token.metadata,
    expiresInSeconds: token.expiresInSeconds,
    isDefault: token.isDefault,
    auditId: newId(),
    credential: by.credential,
    requestId: by.requestId,
    keyHash: repeating?.keyHash,
    requestHash: repeating?.requestHash,
  });

export type ImportRepository = ReturnType<typeof importRepository>;

/** The user has as many tokens of the provider as the setting allows; nothing was stored. */
export class TooManyTokensError extends Error {
  constructor() {
    super('The user has too many OAuth tokens of this provider');
  }
}

interface Outcome {
  readonly outcome: 'stored' | 'no-provider' | 'full' | 'key-reused' | 'too-soon';
  /** The token of the first request with this key, which may be this one. Absent in a batch without keys. */
  readonly tokenId?: string;
}

/** Imports of tokens, batched under load. @param tokensMax how many a user may have of a provider; 0: any number */
export function importRepository(hot: HotStatements, tokensMax: number) {
  const statement = (name: string, isRepeatable: boolean, isPatient: boolean) => ({
    name,
    text: importStatement({ isRepeatable, isPatient, tokensMax }),
  });
  const plain = {
    together: statement('import', false, false),
    apart: statement('import-apart', false, true),
  };
  const repeatable = {
    together: statement('import-repeatable', true, false),
    apart: statement('import-repeatable-apart', true, true),
  };

  async function send(rows: readonly Row[], isApart: boolean): Promise<Outcome[]> {
    const values = [`[${rows.map((row) => row.json).join()}]`];
    const { together, apart } = rows.some(({ isRepeatable }) => isRepeatable) ? repeatable : plain;
    try {
      const found = await hot.query<Outcome & { readonly id: string }>({
        ...(isApart ? apart : together),
        values,
      });
      const outcomes = new Map(found.map((row) => [row.id, row]));
      return rows.map(({ id }) => outcomes.get(id) ?? { outcome: 'no-provider' });
    } catch (error) {
      // The provider was deleted after the statement had found it.
      if (rows.length === 1 && isForeignKeyViolation(error)) return [{ outcome: 'no-provider' }];
      if (rows.length === 1 && isLockedOn(error, 'idempotency_keys')) return [{ outcome: 'too-soon' }];
      throw error;
    }
  }

  const batcher = createBatcher<Row, Outcome>({
    send,
    tenantOf: ({ organizationId }) => organizationId,
    sizeOf: ({ json }) => json.length,
  });
  /** The keys of requests under way in this process. */
  const underWay = new Set<string>();

  async function store(token: TokenImport, by: Actor, repeating?: Repeatable): Promise<string | undefined> {
    const id = newId();
    const { outcome, tokenId = id } = await batcher.add({
      organizationId: token.organizationId,
      id,
      json: json(id, token, by, repeating),
      isRepeatable: repeating !== undefined,
    });
    if (outcome === 'full') throw new TooManyTokensError();
    if (outcome === 'key-reused') throw new KeyReusedError();
    if (outcome === 'too-soon') throw new RepeatedTooSoonError();
    return outcome === 'stored' ? tokenId : undefined;
  }

  async function storeOnce(
    token: TokenImport,
    by: Actor,
    repeating: Repeatable,
  ): Promise<string | undefined> {
    const key = `${token.organizationId} ${repeating.keyHash}`;
    if (underWay.has(key)) throw new RepeatedTooSoonError();
    underWay.add(key);
    try {
      return await store(token, by, repeating);
    } finally {
      underWay.delete(key);
    }
  }

  return {
    /**
     * Stores a token and its audit record; a repeatable request does so once in 24 hours.
     * @returns the token's id; undefined: the organization has no such provider, and nothing was stored
     * @throws TooManyTokensError, KeyReusedError, RepeatedTooSoonError, OverloadedError
     */
    store: (token: TokenImport, by: Actor, repeating?: Repeatable): Promise<string | undefined> =>
      repeating === undefined ? store(token, by) : storeOnce(token, by, repeating),

    /** Takes no more imports, and resolves once those under way are stored. */
    close: () => batcher.close(),
  };
}
