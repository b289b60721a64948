import { setTimeout } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import { newId } from '../../crypto/uuid.ts';
import type { IdentityRepository } from '../../db/identity.ts';
import type { RefreshState, RefreshStates, TokenReference } from '../../db/refresh-states.ts';
import type { ClaimedToken, RefreshRepository } from '../../db/refreshes.ts';
import type { Catalogue } from '../../oauth/catalogue/catalogue.ts';
import { type AttemptEnd, type AttemptParts, runAttempt } from './attempt.ts';
import { createLeases } from './leases.ts';
import type { Outages } from './outages.ts';
import { isUsable, leaseSeconds, mayBegin, mostAtOnce, soonSeconds } from './policy.ts';
import { createTurns } from './turns.ts';

/** `usable`: the access token may be given out. `dead`: a person must consent. `later`: not ready within the time. */
export type Freshness =
  | { readonly kind: 'usable' | 'dead' }
  | { readonly kind: 'later'; readonly seconds: number };

/** An attempt that ended, for logs and metrics. It holds no secret. */
export interface RefreshObservation extends AttemptEnd, TokenReference {
  readonly providerId: string;
  /** Of the catalogue. */
  readonly provider: string | undefined;
  readonly seconds: number;
}

export interface RefresherParts extends AttemptParts {
  readonly states: Pick<RefreshStates, 'look'>;
  readonly refreshes: RefreshRepository;
  readonly identity: Pick<IdentityRepository, 'isOwn'>;
  readonly catalogue: Pick<Catalogue, 'find'>;
  readonly outages: Outages;
  readonly observe: (observation: RefreshObservation) => void;
}

type Step = Freshness | { readonly kind: 'wait' };

/** How often a token is read while another process refreshes it, in milliseconds. */
const POLL_MS = 200;
const IDENTITY_MS = 5_000;
const COPY_RETRY_SECONDS = 60;
const BUSY_SECONDS = 5;
/** After a failed refresh behind an answer, the pause before the next one. */
const QUIET_MS = 2_000;
const QUIET_TOKENS = 50_000;

const USABLE = { kind: 'usable' } as const;
const NEXT: Readonly<Record<AttemptEnd['outcome'], Step['kind']>> = {
  refreshed: 'usable',
  late: 'wait',
  moved: 'wait',
  gone: 'dead',
  dead: 'dead',
  'client-wrong': 'later',
  transient: 'later',
  unclear: 'later',
  unknown: 'later',
  'not-sent': 'later',
  unreadable: 'later',
};

const isFarFromExpiry = ({ secondsLeft, lifeSeconds }: RefreshState): boolean =>
  secondsLeft === null || secondsLeft > soonSeconds(lifeSeconds);

export type Refresher = ReturnType<typeof createRefresher>;

/** Refreshes tokens, each in one process at a time. All requests of this process share a refresh. */
export function createRefresher(parts: RefresherParts) {
  const { states, refreshes, identity, catalogue, outages, observe } = parts;
  const underWay = new Map<string, Promise<Step>>();
  const quiet = new LRUCache<string, true>({ max: QUIET_TOKENS, ttl: QUIET_MS });
  const leases = createLeases(refreshes, outages);
  const turns = createTurns();
  let isOwn = { until: 0, answer: Promise.resolve(false) };
  let isClosed = false;

  function isOwnDatabase(): Promise<boolean> {
    if (performance.now() > isOwn.until) {
      isOwn = { until: performance.now() + IDENTITY_MS, answer: identity.isOwn() };
      isOwn.answer.catch(() => {
        isOwn.until = 0;
      });
    }
    return isOwn.answer;
  }

  /** The queue of a provider. Orphans have a queue of their own, because their reuse window may be about to close. */
  const queueOf = ({ organizationId, tokenUrl, isClaimed }: RefreshState): string =>
    `${organizationId} ${tokenUrl}${isClaimed ? ' orphans' : ''}`;

  /** Claims, redeems and stores, unless another process is faster. */
  async function attempt(state: RefreshState): Promise<Step> {
    const entry = catalogue.find(state.tokenUrl);
    const startedAt = performance.now();
    const claimed = isClosed ? undefined : await refreshes.claim(state, newId(), leaseSeconds(entry?.reuse));
    if (claimed === undefined) return { kind: 'wait' };
    const end = await leases.during(claimed, startedAt, (isOurs) =>
      runAttempt(parts, claimed, { entry, wasOrphan: state.isClaimed, isOurs }),
    );
    observe({ ...observed(claimed), provider: entry?.name, ...end, seconds: secondsSince(startedAt) });
    const kind = NEXT[end.outcome];
    return kind === 'later' ? { kind, seconds: Math.max(1, Math.ceil(end.retrySeconds ?? 1)) } : { kind };
  }

  async function step(reference: TokenReference, isDone: typeof isUsable): Promise<Step> {
    const seen = await states.look(reference).catch((error: unknown) => {
      outages.notice(error);
      throw error;
    });
    const state = seen && outages.judged(seen);
    if (state === undefined) return { kind: 'dead' };
    if (isDone(state)) return USABLE;
    const reuse = catalogue.find(state.tokenUrl)?.reuse;
    const plan = mayBegin(state, reuse);
    if (plan.kind !== 'refresh') return plan;
    if (!(await isOwnDatabase())) return { kind: 'later', seconds: COPY_RETRY_SECONDS };
    const end = await turns.take(queueOf(state), mostAtOnce(reuse), () => attempt(state));
    return end ?? { kind: 'later', seconds: BUSY_SECONDS };
  }

  /** One step, shared by all requests for the same token. */
  function share({ organizationId, id }: TokenReference, run: () => Promise<Step>): Promise<Step> {
    const name = `${organizationId} ${id}`;
    const running = underWay.get(name);
    if (running !== undefined) return running;
    const started = run().finally(() => underWay.delete(name));
    underWay.set(name, started);
    return started;
  }

  return {
    /**
     * Makes the access token usable, within this time. A refresh that takes longer goes on and is stored.
     * @throws the errors of pg, if the database is away
     */
    async fresh(reference: TokenReference, timeoutMs: number): Promise<Freshness> {
      const deadline = performance.now() + timeoutMs;
      for (;;) {
        const left = deadline - performance.now();
        const shared = share(reference, () => step(reference, isUsable));
        const end = await withinTime(shared, left);
        if (end === undefined) return { kind: 'later', seconds: 1 };
        if (end.kind !== 'wait') return end;
        await setTimeout(Math.min(POLL_MS, Math.max(0, deadline - performance.now())));
      }
    },

    /** Refreshes a token that will expire soon, behind the answer that gives it out. */
    behind(reference: TokenReference): void {
      const name = `${reference.organizationId} ${reference.id}`;
      if (quiet.has(name) || underWay.has(name) || isClosed) return;
      quiet.set(name, true);
      // The database is away. The next request begins again.
      share(reference, () => step(reference, isFarFromExpiry)).catch(() => undefined);
    },

    /** Refreshes a token that the background pass has chosen, unless this database is a copy. False: there is no room. */
    async due(state: RefreshState): Promise<boolean> {
      const queue = queueOf(state);
      const most = mostAtOnce(catalogue.find(state.tokenUrl)?.reuse);
      if (isClosed || !(await isOwnDatabase())) return true;
      if (!state.isClaimed && !turns.hasRoom(queue, most)) return false;
      await share(state, async () => (await turns.take(queue, most, () => attempt(state))) ?? USABLE);
      return true;
    },

    /** Begins no more refreshes. Resolves once the attempts under way have ended and are stored. */
    async close(): Promise<void> {
      isClosed = true;
      await Promise.allSettled(underWay.values());
    },
  };
}

const observed = ({ organizationId, id, providerId }: ClaimedToken) => ({ organizationId, id, providerId });

const secondsSince = (start: number): number => (performance.now() - start) / 1000;

/** Undefined: the time is over. */
async function withinTime<Result>(task: Promise<Result>, milliseconds: number): Promise<Result | undefined> {
  const given = new AbortController();
  const timeout = setTimeout(Math.max(0, milliseconds), undefined, { signal: given.signal });
  timeout.catch(() => undefined);
  try {
    return await Promise.race([task, timeout]);
  } finally {
    given.abort();
  }
}
