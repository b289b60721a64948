import { LRUCache } from 'lru-cache';

const MAX_ENTRIES = 16_384;
/** A revoked key is accepted for this long at most. */
const MAX_AGE_MS = 1_000;
/** Values are confirmed this often: early enough that the answer comes before they are too old. */
const CONFIRM_MS = 500;
/** A value is confirmed for this long after its look-up. Then it is looked up again. */
const CONFIRMED_FOR_MS = 30_000;
/** How many look-ups of unknown keys may be under way. Look-ups of keys that were found before do not count. */
const MAX_UNKNOWN_UNDER_WAY = 1_000;

/** Too many look-ups are under way; nothing was looked up. */
export class TooManyLookupsError extends Error {}

/** All times are by `Date.now()`. */
interface Found<Value> {
  readonly key: string;
  readonly value: Value;
  readonly lookedUpAt: number;
  /** When the value itself expires. */
  readonly endsAt: number;
  until: number;
}

export interface RememberOptions<Value> {
  /** When the value expires; null: never. */
  readonly expiryOf?: (value: Value) => Date | null;
  /** Resolves to the values that are still valid. Absent: each value is looked up again after a second. */
  readonly confirm?: (values: readonly Value[]) => Promise<ReadonlySet<Value>>;
  /** Ends the confirmation of values. */
  readonly stopping?: AbortSignal;
}

/**
 * Remembers the result of a look-up for a second, also if nothing was found: neither a busy caller nor an invented key
 * costs a query for each request. Requests for the same key share one look-up. Keys that were not found have a cache of their
 * own, so invented keys evict only one another. A look-up under way is in no cache.
 * With `confirm`, values are remembered for longer: twice a second, one query confirms them all.
 * @param find resolves to undefined if nothing is found
 * @throws TooManyLookupsError (the returned function), and what `find` throws
 */
export function remember<Value extends object | string>(
  find: (key: string) => Promise<Value | undefined>,
  { expiryOf = () => null, confirm, stopping }: RememberOptions<Value> = {},
): (key: string) => Promise<Value | undefined> {
  /** An entry that is too old still tells that the key is known. */
  const found = new LRUCache<string, Found<Value>>({ max: MAX_ENTRIES });
  const notFound = new LRUCache<string, true>({ max: MAX_ENTRIES, ttl: MAX_AGE_MS });
  const underWay = new Map<string, Promise<Value | undefined>>();
  let unknownUnderWay = 0;
  /** Undefined: no confirmation is due. */
  let confirming: NodeJS.Timeout | undefined;
  stopping?.addEventListener('abort', () => clearTimeout(confirming));

  /** The timer must not keep the process alive. */
  function confirmSoon(): void {
    if (stopping?.aborted !== true) confirming = setTimeout(confirmAll, CONFIRM_MS).unref();
  }

  /** Stops when there is nothing to confirm, or when the query fails. The next look-up starts it again. */
  async function confirmAll(): Promise<void> {
    const startedAt = Date.now();
    const isRecent = ({ lookedUpAt }: Found<Value>) => startedAt < lookedUpAt + CONFIRMED_FOR_MS;
    const entries = [...found.values()].filter(isRecent);
    const values = entries.map(({ value }) => value);
    const held = values.length === 0 ? undefined : await confirm?.(values).catch(() => undefined);
    confirming = undefined;
    if (held === undefined) return;
    for (const entry of entries) {
      if (held.has(entry.value)) entry.until = Math.min(startedAt + MAX_AGE_MS, entry.endsAt);
      else if (found.peek(entry.key) === entry) found.delete(entry.key);
    }
    confirmSoon();
  }

  async function lookUp(key: string): Promise<Value | undefined> {
    const startedAt = Date.now();
    const value = await find(key);
    if (value === undefined) {
      found.delete(key);
      notFound.set(key, true);
    } else {
      const endsAt = expiryOf(value)?.getTime() ?? Number.POSITIVE_INFINITY;
      const until = Math.min(startedAt + MAX_AGE_MS, endsAt);
      found.set(key, { key, value, lookedUpAt: startedAt, endsAt, until });
      if (confirm !== undefined && confirming === undefined) confirmSoon();
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
