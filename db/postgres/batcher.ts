import pLimit from 'p-limit';
import { OverloadedError } from './errors.ts';

export interface BatcherParts<Row, Outcome> {
  /** Stores all rows or none; resolves to an outcome for each, in their order. */
  readonly store: (rows: readonly Row[]) => Promise<readonly Outcome[]>;
  /** Whether nothing was stored because of what one of the rows is, or waits for. */
  readonly isRowFault: (error: unknown) => boolean;
  readonly tenantOf: (row: Row) => string;
  /** About how many bytes the row takes. */
  readonly sizeOf: (row: Row) => number;
}

export interface BatcherLimits {
  readonly batchBytes: number;
  /** Taken in for one tenant, so that none can fill the queue for all. */
  readonly tenantBytes: number;
  readonly totalBytes: number;
  /** How long a row may wait for its turn. */
  readonly patienceMs: number;
}

export interface Batcher<Row, Outcome> {
  /**
   * Resolves to the row's outcome, once it is stored.
   * @throws OverloadedError when too much is waiting, or waits too long, or after `close`; and what `store` throws
   */
  add(row: Row): Promise<Outcome>;
  /** Takes nothing more in, and resolves once all that was taken in has its outcome. */
  close(): Promise<void>;
}

interface Entry<Row, Outcome> {
  readonly row: Row;
  readonly tenant: string;
  readonly size: number;
  readonly since: number;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: unknown) => void;
}

const MEBIBYTE = 1_048_576;
const LIMITS: BatcherLimits = {
  batchBytes: MEBIBYTE / 4,
  tenantBytes: 16 * MEBIBYTE,
  totalBytes: 256 * MEBIBYTE,
  patienceMs: 10_000,
};
/** How many tenants at a time are served apart. */
const LANES_APART = 4;

/**
 * Natural batching: while one batch is on its way, what arrives waits and goes together in the next; when none is, what the
 * event loop reads in one turn goes at once. No timer, no cost at low load, one commit for many rows at high load. A batch
 * takes from each tenant in turn. When it fails for one of its rows, each of its tenants goes apart until nothing of it is waiting, row by row where
 * it must be: a row that fails, or waits for a lock, holds up nobody but its own tenant.
 */
export function createBatcher<Row, Outcome>(
  { store, isRowFault, tenantOf, sizeOf }: BatcherParts<Row, Outcome>,
  limits: BatcherLimits = LIMITS,
): Batcher<Row, Outcome> {
  type Batch = Entry<Row, Outcome>[];
  const waiting = new Map<string, Batch>();
  const held = new Map<string, number>();
  const apart = new Set<string>();
  const laneApart = pLimit(LANES_APART);
  let total = 0;
  let isSending = false;
  let isClosed = false;
  let onIdle = (): void => undefined;

  function hold(tenant: string, size: number): void {
    const ofTenant = (held.get(tenant) ?? 0) + size;
    total += size;
    if (ofTenant === 0) held.delete(tenant);
    else held.set(tenant, ofTenant);
    if (total === 0) onIdle();
  }

  /** A single row is taken in whatever its size. */
  function isFull(tenant: string, size: number): boolean {
    const ofTenant = held.get(tenant) ?? 0;
    return (
      (ofTenant > 0 && ofTenant + size > limits.tenantBytes) ||
      (total > 0 && total + size > limits.totalBytes)
    );
  }

  /** The next batch: an entry of each tenant in turn, since a Map visits again what is set again. */
  function take(isMine: (tenant: string) => boolean): Batch {
    const batch: Batch = [];
    let size = 0;
    for (const [tenant, queue] of waiting) {
      const [entry] = queue;
      if (entry === undefined || !isMine(tenant)) continue;
      size += entry.size;
      if (batch.length > 0 && size > limits.batchBytes) break;
      batch.push(entry);
      queue.shift();
      waiting.delete(tenant);
      if (queue.length > 0) waiting.set(tenant, queue);
    }
    return batch;
  }

  function settle(entry: Entry<Row, Outcome>, tell: () => void): void {
    hold(entry.tenant, -entry.size);
    tell();
  }

  /** Gives every entry its outcome, unless nothing was stored because of one row: then it returns the error. */
  async function attempt(batch: Batch): Promise<unknown> {
    try {
      const outcomes = await store(batch.map(({ row }) => row));
      for (const [index, outcome] of outcomes.entries()) {
        const entry = batch[index];
        if (entry !== undefined) settle(entry, () => entry.resolve(outcome));
      }
    } catch (error) {
      if (isRowFault(error)) return error;
      // The connection broke, say: the rows may have been stored, so nothing is tried again.
      for (const entry of batch) settle(entry, () => entry.reject(error));
    }
    return undefined;
  }

  /** Once the event loop has read what has arrived; nothing at all to wait for when that is one row. */
  function sendSoon(): void {
    if (isSending) return;
    isSending = true;
    setImmediate(send);
  }

  async function send(): Promise<void> {
    const next = () => take((tenant) => !apart.has(tenant));
    for (let batch = next(); batch.length > 0; batch = next()) {
      if ((await attempt(batch)) !== undefined) setApart(batch);
    }
    isSending = false;
  }

  function setApart(batch: Batch): void {
    for (const tenant of new Set(batch.map((entry) => entry.tenant))) {
      apart.add(tenant);
      const first = batch.filter((entry) => entry.tenant === tenant);
      void laneApart(() => sendApart(tenant, first));
    }
  }

  async function sendApart(tenant: string, first: Batch): Promise<void> {
    for (let batch = first; batch.length > 0; batch = take((other) => other === tenant)) {
      if (batch.length > 1 && (await attempt(batch)) === undefined) continue;
      for (const entry of batch) await sendAlone(entry);
    }
    apart.delete(tenant);
  }

  async function sendAlone(entry: Entry<Row, Outcome>): Promise<void> {
    const isLate = performance.now() - entry.since > limits.patienceMs;
    const fault = isLate ? new OverloadedError() : await attempt([entry]);
    if (fault !== undefined) settle(entry, () => entry.reject(fault));
  }

  return {
    add(row) {
      const tenant = tenantOf(row);
      const size = sizeOf(row);
      if (isClosed || isFull(tenant, size)) return Promise.reject(new OverloadedError());
      return new Promise((resolve, reject) => {
        hold(tenant, size);
        const entry = { row, tenant, size, since: performance.now(), resolve, reject };
        const queue = waiting.get(tenant);
        if (queue === undefined) waiting.set(tenant, [entry]);
        else queue.push(entry);
        sendSoon();
      });
    },
    close() {
      isClosed = true;
      return new Promise((resolve) => {
        onIdle = resolve;
        if (total === 0) resolve();
      });
    },
  };
}
