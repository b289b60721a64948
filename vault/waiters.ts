import type { AuthorizationRepository, AuthorizationState } from '../db/authorizations.ts';
import type { AuthorizationReference } from './references.ts';

/** How many requests may wait at once. */
export interface WaiterLimits {
  /** Of one holder: an API key, or a user with bearer tokens. */
  readonly perHolder: number;
  /** In this process. An organization has at most four times the number of free places. */
  readonly total: number;
}

/** Too many requests wait already: of this holder, of its organization, or in this process. */
export class TooManyWaitersError extends Error {}

interface Waiter extends AuthorizationReference {
  readonly wake: (state: AuthorizationState | undefined) => void;
}

interface Parts {
  readonly authorizations: Pick<AuthorizationRepository, 'states'>;
  readonly limits: WaiterLimits;
}

/** Between two polls. They notice expiry, and make up for lost notifications. */
const POLL_MS = 5_000;
/** Authorizations in one statement. */
const POLL_SIZE = 1_000;

/** An organization may have this many times the free places. Alone it gets four fifths, and others always find some. */
const FREE_SHARE = 4;

export type Waiters = ReturnType<typeof createWaiters>;

/**
 * Requests that wait for authorizations to end. A waiter is an entry in memory and a timer, and holds no connection to the
 * database. Notifications of the database wake it.
 */
export function createWaiters({ authorizations, limits }: Parts) {
  const waiting = new Map<string, Set<Waiter>>();
  const byHolder = createCounts();
  const byOrganization = createCounts();
  let total = 0;
  let poll: NodeJS.Timeout | undefined;

  function enter(holder: string, waiter: Waiter): () => void {
    const { organizationId } = waiter;
    const isShareTaken = byOrganization.get(organizationId) >= FREE_SHARE * (limits.total - total);
    if (byHolder.get(holder) >= limits.perHolder || isShareTaken) throw new TooManyWaitersError();
    byHolder.add(holder, 1);
    byOrganization.add(organizationId, 1);
    total += 1;
    const waiters = waiting.get(waiter.id) ?? new Set();
    waiting.set(waiter.id, waiters.add(waiter));
    poll ??= setInterval(look, POLL_MS).unref();
    return () => {
      total -= 1;
      byHolder.add(holder, -1);
      byOrganization.add(organizationId, -1);
      waiters.delete(waiter);
      if (waiters.size === 0) waiting.delete(waiter.id);
      if (total > 0) return;
      clearInterval(poll);
      poll = undefined;
    };
  }

  /** Reads one authorization, or all that have waiters, and wakes the waiters of those that have ended. */
  async function look(id?: string): Promise<void> {
    const waiters = id === undefined ? [...waiting.values()] : [waiting.get(id) ?? new Set<Waiter>()];
    const references = waiters.flatMap(([first]) => first ?? []);
    for (let from = 0; from < references.length; from += POLL_SIZE) {
      const asked = references.slice(from, from + POLL_SIZE);
      // The database is away. The next poll reads again.
      const found = await authorizations.states(asked).catch(() => undefined);
      if (found === undefined) return;
      const states = new Map(found.map((state) => [state.id, state]));
      for (const { id } of asked) {
        const state = states.get(id);
        if (!isOpen(state)) for (const { wake } of waiting.get(id) ?? []) wake(state);
      }
    }
  }

  return {
    /** Called with the id of an authorization that has ended. */
    notify: (id: string): void => void (waiting.has(id) && look(id)),

    /** How many requests wait. */
    count: (): number => total,

    /**
     * Waits until the authorization has ended, `timeoutMs` at most.
     * @param mayWait whether the caller may know of it
     * @returns its last state; undefined: unknown, expired, or not for this caller
     * @throws TooManyWaitersError
     */
    async wait(
      reference: AuthorizationReference,
      holder: string,
      { timeoutMs, signal, mayWait }: WaitOptions,
    ): Promise<AuthorizationState | undefined> {
      const { promise, resolve: wake } = withResolvers<AuthorizationState | undefined>();
      // Entered before the first read, so that an end in between is not missed.
      const leave = enter(holder, { ...reference, wake });
      let timer: NodeJS.Timeout | undefined;
      let abort = (): void => undefined;
      try {
        const [now] = await authorizations.states([reference]);
        if (now === undefined || !mayWait(now)) return undefined;
        if (!isOpen(now) || timeoutMs === 0 || signal?.aborted === true) return now;
        timer = setTimeout(wake, timeoutMs, now);
        abort = () => wake(now);
        signal?.addEventListener('abort', abort, { once: true });
        return await promise;
      } finally {
        leave();
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
      }
    },
  };
}

export interface WaitOptions {
  readonly timeoutMs: number;
  /** Ends the waiting early, with the state as it was. */
  readonly signal?: AbortSignal;
  readonly mayWait: (state: AuthorizationState) => boolean;
}

const isOpen = (state: AuthorizationState | undefined): state is AuthorizationState =>
  state?.status === 'pending' || state?.status === 'claimed';

/** How many there are of each name. */
function createCounts() {
  const counts = new Map<string, number>();
  return {
    get: (name: string): number => counts.get(name) ?? 0,
    add(name: string, change: number): void {
      const count = (counts.get(name) ?? 0) + change;
      if (count > 0) counts.set(name, count);
      else counts.delete(name);
    },
  };
}

/** `Promise.withResolvers` of ES2024, which Node 20 lacks. */
function withResolvers<Result>(): { promise: Promise<Result>; resolve: (result: Result) => void } {
  let resolve: (result: Result) => void = () => undefined;
  const promise = new Promise<Result>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
