import { LRUCache } from 'lru-cache';

const MAX_ENTRIES = 10_000;
/** After how long, at most, a revoked key is noticed. */
const MAX_AGE_MS = 1000;

/**
 * Remembers what a lookup found for a second, so that a busy caller does not cost a query for each request. What is not
 * found is asked for each time; several who ask for the same at once share one query.
 * @param expiryOf when the result ends of itself, where it does
 */
export function remember<Found extends object | string>(
  find: (key: string) => Promise<Found | undefined>,
  expiryOf: (found: Found) => Date | null = () => null,
): (key: string) => Promise<Found | undefined> {
  const remembered = new LRUCache<string, Found>({
    max: MAX_ENTRIES,
    async fetchMethod(key, _stale, { options }) {
      const found = await find(key);
      const endsIn = (found && expiryOf(found)?.getTime()) ?? Number.POSITIVE_INFINITY;
      options.ttl = Math.max(1, Math.min(MAX_AGE_MS, endsIn - Date.now()));
      return found;
    },
  });
  return (key) => remembered.fetch(key);
}
