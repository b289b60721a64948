/** Requests without a caller yield to those with one. */
import type { IncomingMessage } from 'node:http';
import { type EventLoopUtilization, performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import { clientNetwork, type TrustProxy } from './auth-failures.ts';
import type { Facts } from './routing.ts';

/** Requests of one network. Others wait: 64 busy connections wait for a third of a second each. */
const PER_SECOND = 200;
/** This many requests at once do not wait. */
const BURST = 50;
const MAX_WAIT_MS = 2_000;
/** A probe of a load balancer or of Kubernetes waits for one second at least. */
const MAX_PROBE_WAIT_MS = 250;
/** If this many wait, others are answered at once: waiting requests take memory. */
const MAX_WAITING = 4_000;
const MAX_NETWORKS = 10_000;

/** The event loop is busy from this fraction of the time on. */
const BUSY = 0.6;
const SAMPLE_MS = 250;
/** Requests still wait for this long after the event loop was busy. It may be idle only because they wait. */
const CALM_MS = 5_000;
const CALLERS_MS = 1_000;

type TurnFacts = Pick<Facts, 'hadTurn'>;

export interface Pace {
  /** Notes that a caller with credentials is served. */
  readonly callerServed: () => void;
  /**
   * Waits for the turn of a request without a caller. Undefined: the request need not wait. The event loop is not
   * busy, no caller with credentials was served lately, too many wait, or the request has had its turn.
   */
  readonly turn: (request: IncomingMessage, facts: TurnFacts) => Promise<void> | undefined;
  /** The same for a health probe, which waits for less time. */
  readonly probe: (request: IncomingMessage, facts: TurnFacts) => Promise<void> | undefined;
}

/**
 * Paces requests without a caller by the generic cell rate algorithm, separately for each IPv4 address or IPv6 /64.
 * @param isBusy whether the event loop was busy lately; `now` is a `performance.now()`
 */
export function createPace(trustProxy: TrustProxy, isBusy: (now: number) => boolean = busyness()): Pace {
  const networkOf = clientNetwork(trustProxy);
  /** When the next request of a network has its turn, by `performance.now()`. */
  const next = new LRUCache<string, number>({ max: MAX_NETWORKS });
  let waiting = 0;
  let callersUntil = 0;

  function place(request: IncomingMessage, facts: TurnFacts, mostMs: number): Promise<void> | undefined {
    const now = performance.now();
    if (facts.hadTurn || !isBusy(now) || now > callersUntil) return undefined;
    facts.hadTurn = true;
    const network = networkOf(request);
    const at = Math.max(now, next.get(network) ?? 0);
    next.set(network, Math.min(at + 1000 / PER_SECOND, now + MAX_WAIT_MS));
    const milliseconds = Math.min(at - now - (BURST * 1000) / PER_SECOND, mostMs);
    return milliseconds <= 0 || waiting >= MAX_WAITING ? undefined : wait(milliseconds);
  }

  async function wait(milliseconds: number): Promise<void> {
    waiting += 1;
    await delay(milliseconds);
    waiting -= 1;
  }

  return {
    callerServed() {
      callersUntil = performance.now() + CALLERS_MS;
    },
    turn: (request, facts) => place(request, facts, MAX_WAIT_MS),
    probe: (request, facts) => place(request, facts, MAX_PROBE_WAIT_MS),
  };
}

function busyness(): (now: number) => boolean {
  let sample: EventLoopUtilization = performance.eventLoopUtilization();
  let sampledAt = 0;
  let busyUntil = 0;
  return (now) => {
    if (now - sampledAt >= SAMPLE_MS) {
      const { utilization } = performance.eventLoopUtilization(sample);
      sample = performance.eventLoopUtilization();
      sampledAt = now;
      if (utilization >= BUSY) busyUntil = now + CALM_MS;
    }
    return now < busyUntil;
  };
}
