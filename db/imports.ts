import { newId } from '../crypto/uuid.ts';
import type { Actor } from './audit.ts';
import { KeyReusedError, type Repeatable, RepeatedTooSoonError } from './idempotency-keys.ts';
import type { ImportForm, TokenImport } from './import-form.ts';
import { importsAsJson } from './import-json.ts';
import { importsAsValues } from './import-values.ts';
import type { HotStatements } from './postgres/hot.ts';
import { createLanes } from './postgres/lanes.ts';
import type { Sharding } from './postgres/sharding.ts';

/** The user has as many tokens of the provider as the setting allows; nothing was stored. */
export class TooManyTokensError extends Error {
  constructor() {
    super('The user has too many OAuth tokens of this provider');
  }
}

export type ImportRepository = ReturnType<typeof importRepository>;

/**
 * Imports of tokens, batched under load.
 * @param tokensMax how many a user may have of a provider; 0: any number
 * @param sharding undefined: the tables are not distributed
 */
export const importRepository = (
  hot: HotStatements,
  tokensMax: number,
  sharding?: Pick<Sharding, 'nodeOf'>,
) =>
  sharding === undefined
    ? importsIn(importsAsJson(hot, tokensMax))
    : importsIn(importsAsValues(hot, tokensMax), sharding);

function importsIn<Item>(form: ImportForm<Item>, sharding?: Pick<Sharding, 'nodeOf'>) {
  const batcher = createLanes(form, sharding);
  /** The keys of requests under way in this process. */
  const underWay = new Set<string>();

  async function store(token: TokenImport, by: Actor, repeating?: Repeatable): Promise<string | undefined> {
    const id = newId();
    const { outcome, tokenId = id } = await batcher.add(form.itemOf({ id, token, by, repeating }));
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
