import { type Context, context } from '@opentelemetry/api';
import { LRUCache } from 'lru-cache';
import pLimit from 'p-limit';
import { isItemFault, OverloadedError, retryDeadlock } from './errors.ts';
import { createFairQueue, type Queued, type QueueLimits } from './fair-queue.ts';

export interface BatcherParts<Item, Result> {
  /**
   * Runs all items in one statement, or none. Resolves to a result for each, in their order.
   * @param isApart all items belong to one tenant: the statement may wait for locks, since it delays no other tenant
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
   * @throws OverloadedError if too much waits, the item waits too long, or after `close`; and the errors of `send`
   */
  add(item: Item): Promise<Result>;
  /** Takes no more items, and resolves once every item has its result. */
  close(): Promise<void>;
}

interface Entry<Item, Result> extends Queued<Item> {
  readonly since: number;
  /** The trace context of the request. The span of a statement for several requests belongs to the first one. */
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
/** A statement apart counts as delayed by a lock if it takes this much longer than five of the usual ones. */
const SLOW_MS = 50;
/** How many tenants are remembered as troubled. */
const MAX_TROUBLED = 10_000;

/**
 * Natural batching: items that arrive while a statement runs go together in the next one. There is no timer, no delay at low
 * load, and one commit for many items at high load. If a statement fails because of an item, or because of a lock
 * that an item needs, each tenant gets a statement of its own. If that fails too, each item does. These statements are
 * retried when PostgreSQL chooses them as deadlock victims. A tenant whose item failed or waited stays apart for a while, so
 * that it does not delay others.
 */
export function createBatcher<Item, Result>(
  { send, tenantOf, sizeOf }: BatcherParts<Item, Result>,
  limits: BatcherLimits = LIMITS,
): Batcher<Item, Result> {
  type Batch = readonly Entry<Item, Result>[];
  const sendApart: typeof send = (items, isApart) => retryDeadlock(() => send(items, isApart));
  const queue = createFairQueue<Entry<Item, Result>>(limits);
  const troubled = new LRUCache<string, true>({ max: MAX_TROUBLED, ttl: limits.apartMs });
  /** Tenants that have, or wait for, a lane apart. */
  const inLane = new Set<string>();
  const lanes = pLimit(LANES_APART);
  /** A moving average over the successful statements. */
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

  /** Gives every entry its result. If the statement was rolled back because of an item, returns the error instead. */
  async function attempt(batch: Batch, apart: boolean): Promise<unknown> {
    const items = batch.map(({ item }) => item);
    try {
      const results = await context.with(
        batch[0]?.context ?? context.active(),
        apart ? sendApart : send,
        undefined,
        items,
        apart,
      );
      results.forEach((result, index) => {
        const entry = batch[index];
        if (entry === undefined) return;
        finish(entry);
        entry.resolve(result);
      });
    } catch (error) {
      if (isItemFault(error)) return error;
      // For example the connection broke. The statement may have run, so it is not sent again.
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

  /** Sends one batch of the tenant. Then another tenant has its turn. */
  function serveApart(tenant: string, first?: Batch): void {
    inLane.add(tenant);
    void lanes(async () => {
      const start = performance.now();
      const hasFailed = await serveBatch(first ?? queue.takeOf(tenant));
      const isSlow = performance.now() - start > SLOW_MS + 5 * usualMs;
      if (hasFailed || isSlow) troubled.set(tenant, true);
      if (queue.isWaiting(tenant)) serveApart(tenant);
      else inLane.delete(tenant);
    });
  }

  /** @returns whether an item failed. An item that has waited too long for its turn does not count */
  async function serveBatch(batch: Batch): Promise<boolean> {
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
