import { setTimeout as delay } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import type { RefreshState, RefreshStates, TokenReference } from '../../db/refresh-states.ts';
import type { Catalogue } from '../../oauth/catalogue/catalogue.ts';
import type { Outages } from './outages.ts';
import { whenDue } from './policy.ts';
import type { Refresher } from './refresher.ts';

interface Parts {
  readonly states: RefreshStates;
  readonly catalogue: Pick<Catalogue, 'find'>;
  readonly refresher: Pick<Refresher, 'due'>;
  readonly outages: Outages;
}

const PASS_MS = 1_000;
/** Every pass looks for orphans. Every second pass also looks for tokens that are due. */
const DUE_EVERY = 2;
/** Passes take at most this fraction of the time (1 : 20). With very many organizations they become rarer. */
const SHARE = 20;
const SIZE = 500;
const PER_ORGANIZATION = 100;
/** A start waits this long for the orphans that it finds. */
const RECOVERY_MS = 2_000;
const NO_ROOM_SECONDS = 5;
const USES_MS = 5_000;
const USES_AT_ONCE = 1_000;
/** A use is written once an hour. In between this process remembers it. */
const USED_MS = 1_800_000;
const MOST_USED = 100_000;

export type RefreshWork = ReturnType<typeof startRefreshWork>;

/**
 * The background pass. It refreshes tokens that expire soon and were used lately, tokens that would die of idleness, and
 * orphans. Any number of processes share the work, because each refresh is claimed.
 */
export function startRefreshWork({ states, catalogue, refresher, outages }: Parts) {
  const used = new Map<string, TokenReference>();
  const written = new LRUCache<string, true>({ max: MOST_USED, ttl: USED_MS });
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;
  let passes = 0;

  async function consider(state: RefreshState): Promise<void> {
    const plan = whenDue(state, catalogue.find(state.tokenUrl)?.reuse);
    if (plan.kind === 'later') await states.park(state, plan.seconds);
    else if (plan.kind === 'refresh' && !(await refresher.due(state))) {
      // A provider that is slow, or has very many due tokens, must not keep others out of the next passes.
      await states.park(state, NO_ROOM_SECONDS * (0.5 + Math.random()));
    }
  }

  /** Reads nothing if the database is away. The next pass reads again. */
  const read = (states: Promise<readonly RefreshState[]>): Promise<readonly RefreshState[]> =>
    states.catch((error: unknown) => {
      outages.notice(error);
      return [];
    });

  /** Resolves once each of these tokens has been refreshed or put off. */
  async function considerAll(due: readonly RefreshState[]): Promise<void> {
    await Promise.allSettled(shuffled(due).map((state) => consider(outages.judged(state))));
  }

  /** Resolves once the orphans are read. @returns their refreshes, under way */
  async function recover(): Promise<{ readonly ended: Promise<void> }> {
    return { ended: considerAll(await read(states.orphans(SIZE))) };
  }

  /** Orphans go first: a reuse window may be about to close. A pass awaits nothing that a slow provider can delay. */
  async function pass(recovery: ReturnType<typeof recover>): Promise<void> {
    const startedAt = performance.now();
    await recovery;
    if (passes++ % DUE_EVERY === 0) void considerAll(await read(states.due(SIZE, PER_ORGANIZATION)));
    if (!isClosed) timer = setTimeout(run, Math.max(PASS_MS, SHARE * (performance.now() - startedAt)));
  }

  function run(): void {
    last = pass(recover());
  }

  async function flush(): Promise<void> {
    const tokens = [...used.values()].slice(0, USES_AT_ONCE);
    for (const { id } of tokens) used.delete(id);
    // If the database is away, these uses are lost. The next use is written again.
    if (tokens.length > 0) await states.use(tokens).catch(() => undefined);
  }

  const first = recover();
  let last = pass(first);
  const flushing = setInterval(() => void flush(), USES_MS);

  return {
    /** Resolves once the orphans of the first pass have been tried, or after two seconds. */
    async recovered(): Promise<void> {
      const { ended } = await first;
      await Promise.race([ended, delay(RECOVERY_MS, undefined, { ref: false })]);
    },

    /** Notes that a token was given out. */
    use({ organizationId, id }: TokenReference): void {
      if (written.has(id) || used.size >= MOST_USED) return;
      written.set(id, true);
      used.set(id, { organizationId, id });
    },

    async close(): Promise<void> {
      isClosed = true;
      clearTimeout(timer);
      clearInterval(flushing);
      await last;
      clearTimeout(timer);
      await flush();
    },
  };
}

/** In random order, so that several processes seldom claim the same token. */
function shuffled<Item>(items: readonly Item[]): Item[] {
  return items
    .map((item) => ({ item, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}
