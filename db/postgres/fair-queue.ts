/** An item that waits for its turn. */
export interface Queued<Item> {
  readonly item: Item;
  readonly tenant: string;
  /** About how many bytes the item takes. */
  readonly size: number;
}

export interface QueueLimits {
  /** The bytes that one batch takes at most, unless a single item is larger. */
  readonly batchBytes: number;
  /** The bytes that one tenant may queue, so that none can fill the queue for all. */
  readonly tenantBytes: number;
  readonly totalBytes: number;
}

export interface FairQueue<Entry extends Queued<unknown>> {
  /** Queues the entry. False: there is no room. A tenant, and the queue, may always hold one entry of any size. */
  add(entry: Entry): boolean;
  /** Takes one entry of each included tenant in turn, until a batch is full. */
  take(isIncluded: (tenant: string) => boolean): Entry[];
  /** Takes entries of one tenant until a batch is full. */
  takeOf(tenant: string): Entry[];
  isWaiting(tenant: string): boolean;
  /** Frees the room of an entry that was taken. */
  done(entry: Entry): void;
  /** How many entries were added and not freed. */
  readonly size: number;
}

/** A queue in which tenants take turns: one with many entries delays the others by one entry. Bounded in bytes. */
export function createFairQueue<Entry extends Queued<unknown>>(limits: QueueLimits): FairQueue<Entry> {
  /** A map is visited in the order of insertion. A tenant that is deleted and set again during a visit is visited again. */
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
