import { rememberTenants } from './tenants.ts';

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

interface Tenant<Entry> {
  readonly name: string;
  readonly waiting: Entry[];
  /** Of its entries that are not done. */
  heldBytes: number;
}

/** A queue in which tenants take turns: one with many entries delays the others by one entry. Bounded in bytes. */
export function createFairQueue<Entry extends Queued<unknown>>(limits: QueueLimits): FairQueue<Entry> {
  const find = rememberTenants<Tenant<Entry>>(
    (name) => ({ name, waiting: [], heldBytes: 0 }),
    ({ heldBytes }) => heldBytes > 0,
  );
  /** The tenants with waiting entries, in the order of their turns. */
  let turns: Tenant<Entry>[] = [];
  let totalBytes = 0;
  let size = 0;

  function hasRoom(tenantBytes: number, bytes: number): boolean {
    if (tenantBytes > 0 && tenantBytes + bytes > limits.tenantBytes) return false;
    return totalBytes === 0 || totalBytes + bytes <= limits.totalBytes;
  }

  return {
    add(entry) {
      const tenant = find(entry.tenant);
      if (!hasRoom(tenant.heldBytes, entry.size)) return false;
      tenant.heldBytes += entry.size;
      totalBytes += entry.size;
      size += 1;
      if (tenant.waiting.push(entry) === 1) turns.push(tenant);
      return true;
    },

    take(isIncluded) {
      const batch: Entry[] = [];
      const passedOver: Tenant<Entry>[] = [];
      let bytes = 0;
      for (let tenant = turns[0]; tenant !== undefined; tenant = turns[0]) {
        const [first] = tenant.waiting;
        const isTaken = first !== undefined && isIncluded(tenant.name);
        if (isTaken && batch.length > 0 && bytes + first.size > limits.batchBytes) break;
        turns.shift();
        if (!isTaken) {
          passedOver.push(tenant);
          continue;
        }
        bytes += first.size;
        batch.push(first);
        tenant.waiting.shift();
        if (tenant.waiting.length > 0) turns.push(tenant);
      }
      if (passedOver.length > 0) turns = [...passedOver, ...turns];
      return batch;
    },

    takeOf(name) {
      const tenant = find(name);
      let [count, bytes] = [1, tenant.waiting[0]?.size ?? 0];
      for (const entry of tenant.waiting.slice(1)) {
        bytes += entry.size;
        if (bytes > limits.batchBytes) break;
        count += 1;
      }
      const batch = tenant.waiting.splice(0, count);
      if (tenant.waiting.length === 0) turns = turns.filter((other) => other !== tenant);
      return batch;
    },

    isWaiting: (name) => find(name).waiting.length > 0,

    done({ tenant, size: bytes }) {
      find(tenant).heldBytes -= bytes;
      totalBytes -= bytes;
      size -= 1;
    },

    get size() {
      return size;
    },
  };
}
