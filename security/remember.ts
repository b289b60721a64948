import { LRUCache } from 'lru-cache';

const MAX_ENTRIES = 10_000;
/** A revoked key is accepted for this long at most. */
const MAX_AGE_MS = 1_000;
/** How many look-ups of unknown keys may be under way. Look-ups of keys that were found before do not count. */
const MAX_UNKNOWN_UNDER_WAY = 1_000;

/** Too many look-ups are under way; nothing was looked up. */
export class TooManyLookupsError extends Error {}

interface Found<Value> {
  readonly value: Value;
  /** By `Date.now()`. */
  readonly until: number;
}

/**
 * Remembers the result of a look-up for a second, also that nothing was found: neither a busy caller nor an invented key
 * costs a query for each request. Requests for the same key share one look-up. Keys that were not found have a cache of their
 * own, so invented keys evict only one another. A look-up under way is in no cache.
 * @param find resolves to undefined if nothing is found
 * @param expiryOf when the value expires; null: never
 * @throws TooManyLookupsError (the returned function), and what `find` throws
 */
export function remember<Value extends object | string>(
  find: (key: string) => Promise<Value | undefined>,
  expiryOf: (value: Value) => Date | null = () => null,
): (key: string) => Promise<Value | undefined> {
  /** An entry that is too old still tells that the key is known. */
  const found = new LRUCache<string, Found<Value>>({ max: MAX_ENTRIES });
  const notFound = new LRUCache<string, true>({ max: MAX_ENTRIES, ttl: MAX_AGE_MS });
  const underWay = new Map<string, Promise<Value | undefined>>();
  let unknownUnderWay = 0;

  async function lookUp(key: string): Promise<Value | undefined> {
    const startedAt = Date.now();
    const value = await find(key);
    if (value === undefined) {
      found.delete(key);
      notFound.set(key, true);
    } else {
      const endsAt = expiryOf(value)?.getTime() ?? Number.POSITIVE_INFINITY;
      found.set(key, { value, until: Math.min(startedAt + MAX_AGE_MS, endsAt) });
    }
    return value;
  }

  async function lookUpUnknown(key: string): Promise<Value | undefined> {
    if (unknownUnderWay >= MAX_UNKNOWN_UNDER_WAY) throw new TooManyLookupsError();
    unknownUnderWay += 1;
    try {
      return await lookUp(key);
    } finally {
      unknownUnderWay -= 1;
    }
  }

  return async (key) => {
    const known = found.get(key);
    if (known !== undefined && Date.now() < known.until) return known.value;
    const shared = underWay.get(key);
    if (shared !== undefined) return shared;
    if (known === undefined && notFound.has(key)) return undefined;
    const started = (known === undefined ? lookUpUnknown(key) : lookUp(key)).finally(() =>
      underWay.delete(key),
    );
    underWay.set(key, started);
    return started;
  };
}
