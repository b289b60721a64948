import { type Context, context } from '@opentelemetry/api';
import { LRUCache } from 'lru-cache';
import pLimit from 'p-limit';
import { isItemFault, OverloadedError } from './errors.ts';
import { createFairQueue, type Queued, type QueueLimits } from './fair-queue.ts';

export interface BatcherParts<Item, Result> {
  /**
   * Runs all items in one statement, or none; resolves to a result for each, in their order.
   * @param isApart all items are of one tenant, which delays nobody else: the statement may wait for locks
   */
  readonly send: (items: readonly Item[], isApart: boolean) => Promise<readonly Result[]>;
  readonly tenantOf: (item: Item) => string;
  /** About how many bytes the item takes. */
  readonly sizeOf: (item: Item) => number;
}

export interface BatcherLimits extends QueueLimits {
  /** How long an item may wait for its turn. */
  readonly patienceMs: number;
  /** How long a tenant stays apart after its last trouble. */
  readonly apartMs: number;
}

export interface Batcher<Item, Result> {
  /**
   * Resolves to the item's result, once its statement is committed.
   * @throws OverloadedError when too much is waiting, or waits too long, or after `close`; and what `send` throws
   */
  add(item: Item): Promise<Result>;
  /** Takes nothing more in, and resolves once every item has its result. */
  close(): Promise<void>;
}

interface Entry<Item, Result> extends Queued<Item> {
  readonly since: number;
  /** Of the request, for tracing. A statement for several requests is a span of the first. */
  readonly context: Context;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

const MEBIBYTE = 1_048_576;
const LIMITS: BatcherLimits = {
  batchBytes: MEBIBYTE / 4,
  tenantBytes: 16 * MEBIBYTE,
  totalBytes: 64 * MEBIBYTE,
  patienceMs: 10_000,
  apartMs: 30_000,
};
/** How many tenants are served apart at the same time. */
export const LANES_APART = 4;
/** A statement of a tenant apart has waited for a lock when it takes this much longer than five of the usual ones. */
const SLOW_MS = 50;
/** How many tenants are remembered as troubled. */
const MAX_TROUBLED = 10_000;

/**
 * Natural batching: items that arrive while a statement runs go together in the next one. No timer, no delay at low load, one
 * commit for many items at high load. When a statement fails because of an item, or of a lock that an item needs, it is sent
 * again for each tenant apart, and item by item where that fails too. A tenant whose item failed or waited stays apart for a
 * while, so that it delays nobody else.
 */
export function createBatcher<Item, Result>(
  { send, tenantOf, sizeOf }: BatcherParts<Item, Result>,
  limits: BatcherLimits = LIMITS,
): Batcher<Item, Result> {
  type Batch = readonly Entry<Item, Result>[];
  const queue = createFairQueue<Entry<Item, Result>>(limits);
  const troubled = new LRUCache<string, true>({ max: MAX_TROUBLED, ttl: limits.apartMs });
  /** Tenants that have, or wait for, a lane apart. */
  const inLane = new Set<string>();
  const lanes = pLimit(LANES_APART);
  /** A moving average over the statements that succeeded. */
  let usualMs = 0;
  let isSending = false;
  let isClosed = false;
  let onIdle = (): void => undefined;

  const isApart = (tenant: string): boolean => inLane.has(tenant) || troubled.has(tenant);
  const isTogether = (tenant: string): boolean => !isApart(tenant);

  function finish(entry: Entry<Item, Result>): void {
    queue.done(entry);
    if (queue.size === 0) onIdle();
  }

  function fail(entry: Entry<Item, Result>, error: unknown): void {
    finish(entry);
    entry.reject(error);
  }

  /** Gives every entry its result, unless the statement was rolled back because of an item: then it returns the error. */
  async function attempt(batch: Batch, apart: boolean): Promise<unknown> {
    const items = batch.map(({ item }) => item);
    try {
      const results = await context.with(
        batch[0]?.context ?? context.active(),
        send,
        undefined,
        items,
        apart,
      );
      for (const [index, result] of results.entries()) {
        const entry = batch[index];
        if (entry === undefined) continue;
        finish(entry);
        entry.resolve(result);
      }
    } catch (error) {
      if (isItemFault(error)) return error;
      // The connection broke, say: the statement may have run, so it is not sent again.
      for (const entry of batch) fail(entry, error);
    }
    return undefined;
  }

  /** Sends at the end of this turn of the event loop, so that all items read in it share a statement. */
  function sendSoon(): void {
    if (isSending) return;
    isSending = true;
    setImmediate(sendTogether);
  }

  async function sendTogether(): Promise<void> {
    for (let batch = queue.take(isTogether); batch.length > 0; batch = queue.take(isTogether)) {
      const start = performance.now();
      if ((await attempt(batch, false)) !== undefined) separate(batch);
      else usualMs += (performance.now() - start - usualMs) / 16;
    }
    isSending = false;
  }

  function separate(batch: Batch): void {
    for (const tenant of new Set(batch.map((entry) => entry.tenant))) {
      serveApart(
        tenant,
        batch.filter((entry) => entry.tenant === tenant),
      );
    }
  }

  /** One batch of the tenant; then it is another tenant's turn. */
  function serveApart(tenant: string, first?: Batch): void {
    inLane.add(tenant);
    void lanes(async () => {
      const start = performance.now();
      const hasFailed = await sendApart(first ?? queue.takeOf(tenant));
      const isSlow = performance.now() - start > SLOW_MS + 5 * usualMs;
      if (hasFailed || isSlow) troubled.set(tenant, true);
      if (queue.isWaiting(tenant)) serveApart(tenant);
      else inLane.delete(tenant);
    });
  }

  /** @returns whether an item failed; one that has waited too long for its turn does not count */
  async function sendApart(batch: Batch): Promise<boolean> {
    if (batch.length > 1 && (await attempt(batch, true)) === undefined) return false;
    let hasFailed = false;
    for (const entry of batch) {
      if (performance.now() - entry.since > limits.patienceMs) {
        fail(entry, new OverloadedError());
        continue;
      }
      const fault = await attempt([entry], true);
      if (fault === undefined) continue;
      hasFailed = true;
      fail(entry, fault);
    }
    return hasFailed;
  }

  return {
    add(item) {
      return new Promise((resolve, reject) => {
        const tenant = tenantOf(item);
        const since = performance.now();
        const entry = { item, tenant, size: sizeOf(item), since, context: context.active(), resolve, reject };
        if (isClosed || !queue.add(entry)) return reject(new OverloadedError());
        if (!isApart(tenant)) sendSoon();
        else if (!inLane.has(tenant)) serveApart(tenant);
      });
    },
    close() {
      isClosed = true;
      return new Promise((resolve) => {
        onIdle = resolve;
        if (queue.size === 0) resolve();
      });
    },
  };
}
