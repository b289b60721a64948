/** An item that waits for its turn. */
export interface Queued<Item> {
  readonly item: Item;
  readonly tenant: string;
  /** About how many bytes the item takes. */
  readonly size: number;
}

export interface QueueLimits {
  /** The most that one turn takes, unless a single item is larger. */
  readonly batchBytes: number;
  /** The most that is admitted for one tenant, so that none can fill the queue for all. */
  readonly tenantBytes: number;
  readonly totalBytes: number;
}

export interface FairQueue<Entry extends Queued<unknown>> {
  /** Counts the entry and queues it; false: there is no room. A tenant, and the queue, may always hold one entry of any size. */
  add(entry: Entry): boolean;
  /** Takes an entry of each of the tenants in turn, in their own order, until a batch is full. */
  take(isIncluded: (tenant: string) => boolean): Entry[];
  /** Takes entries of one tenant until a batch is full. */
  takeOf(tenant: string): Entry[];
  isWaiting(tenant: string): boolean;
  /** An entry that was taken is done, and its room is free. */
  done(entry: Entry): void;
  /** How many entries were added and are not done. */
  readonly size: number;
}

/** A queue with a place for each tenant: one with many entries delays the others by one entry a batch. Bounded in bytes. */
export function createFairQueue<Entry extends Queued<unknown>>(limits: QueueLimits): FairQueue<Entry> {
  /** Visited in the order of insertion; a tenant that is deleted and set again is visited again. */
  const waiting = new Map<string, Entry[]>();
  const heldBytes = new Map<string, number>();
  let totalBytes = 0;
  let size = 0;

  function hasRoom(tenantBytes: number, bytes: number): boolean {
    if (tenantBytes > 0 && tenantBytes + bytes > limits.tenantBytes) return false;
    return totalBytes === 0 || totalBytes + bytes <= limits.totalBytes;
  }

  return {
    add(entry) {
      const { tenant, size: bytes } = entry;
      const tenantBytes = heldBytes.get(tenant) ?? 0;
      if (!hasRoom(tenantBytes, bytes)) return false;
      heldBytes.set(tenant, tenantBytes + bytes);
      totalBytes += bytes;
      size += 1;
      const entries = waiting.get(tenant);
      if (entries === undefined) waiting.set(tenant, [entry]);
      else entries.push(entry);
      return true;
    },

    take(isIncluded) {
      const batch: Entry[] = [];
      let bytes = 0;
      for (const [tenant, entries] of waiting) {
        const [first] = entries;
        if (first === undefined || !isIncluded(tenant)) continue;
        bytes += first.size;
        if (batch.length > 0 && bytes > limits.batchBytes) break;
        batch.push(first);
        entries.shift();
        waiting.delete(tenant);
        if (entries.length > 0) waiting.set(tenant, entries);
      }
      return batch;
    },

    takeOf(tenant) {
      const entries = waiting.get(tenant) ?? [];
      let [count, bytes] = [1, entries[0]?.size ?? 0];
      for (const entry of entries.slice(1)) {
        bytes += entry.size;
        if (bytes > limits.batchBytes) break;
        count += 1;
      }
      const batch = entries.splice(0, count);
      if (entries.length === 0) waiting.delete(tenant);
      return batch;
    },

    isWaiting: (tenant) => waiting.has(tenant),

    done({ tenant, size: bytes }) {
      const tenantBytes = (heldBytes.get(tenant) ?? 0) - bytes;
      if (tenantBytes > 0) heldBytes.set(tenant, tenantBytes);
      else heldBytes.delete(tenant);
      totalBytes -= bytes;
      size -= 1;
    },

    get size() {
      return size;
    },
  };
}
