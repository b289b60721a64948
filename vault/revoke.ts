import { setTimeout as delay } from 'node:timers/promises';
import pLimit from 'p-limit';
import { DecryptError } from '../crypto/fernet.ts';
import type { KeyRing } from '../crypto/key-ring.ts';
import { SWEPT_PER_ORGANIZATION } from '../db/revocation-claim.ts';
import type {
  EndedRevocation,
  OwedRevocation,
  RevocationFilter,
  RevocationOutcome,
  RevocationRepository,
} from '../db/revocations.ts';
import type { Catalogue } from '../oauth/catalogue/catalogue.ts';
import type { ProviderClient } from '../oauth/provider-settings.ts';
import type { RevocationResult, RevokedGrant } from '../oauth/revocation.ts';

/** How an attempt ended. */
export interface RevocationObservation {
  readonly organizationId: string;
  readonly tokenId: string;
  readonly providerId: string;
  /** The name of the catalogue's entry; undefined: none. */
  readonly catalogueName: string | undefined;
  /** `pending`: there will be another attempt. */
  readonly outcome: RevocationOutcome | 'pending';
  /** Why it failed, of a known list. */
  readonly reason: string | undefined;
  readonly attempts: number;
}

/** Deletions of an organization. */
export interface Settled {
  readonly organizationId: string;
  /** Of the deleted tokens; undefined: all that the organization owes. */
  readonly ids?: readonly string[];
}

interface Parts {
  readonly revocations: Pick<RevocationRepository, 'claim' | 'end' | 'endDue' | 'postpone'>;
  readonly open: KeyRing['open'];
  readonly catalogue: Pick<Catalogue, 'find'>;
  /** Asks the provider. It never rejects. */
  readonly ask: (organizationId: string, request: RevocationRequest) => Promise<RevocationResult>;
  /** False: the vault is a copy, which must not end grants of the original. */
  readonly mayRevoke: () => Promise<boolean>;
  readonly observe: (observation: RevocationObservation) => void;
}

export interface RevocationRequest {
  readonly client: ProviderClient;
  readonly grant: RevokedGrant;
  readonly endpoint: string | undefined;
  readonly signal: AbortSignal;
}

/** Revocations that one statement claims. With ten seconds each, their attempts end within the lease. */
const PAGE = 64;
/** Requests at once of one deletion or sweep. An organization's share of the requests in flight also holds. */
const AT_ONCE = 8;
/** A claim names at most this many tokens. For more, all that the organization owes is worked off. */
const IDS = 1_000;
const SWEEP_MS = 15_000;
const MAX_REST_MS = 1_000;
const FIRST_PAUSE_SECONDS = 10;
const LONGEST_PAUSE_SECONDS = 3_600;
const PATIENCE_SECONDS = 86_400;

export type Revoker = ReturnType<typeof createRevoker>;

/** Asks providers to revoke deleted tokens, until each has answered or a day has passed. */
export function createRevoker(parts: Parts) {
  const { revocations, catalogue, mayRevoke } = parts;
  const stopping = new AbortController();
  const underWay = new Set<Promise<void>>();

  /** Works off what is due, page by page. If the database is away, a later sweep goes on. */
  async function workOff(filter: RevocationFilter): Promise<void> {
    const limit = pLimit(AT_ONCE);
    try {
      while (!stopping.signal.aborted && (await mayRevoke())) {
        const start = performance.now();
        const owed = await revocations.claim(filter, PAGE);
        if (owed.length === 0) return;
        const isRevocable = ({ tokenUrl, revocationEndpoint }: OwedRevocation) =>
          revocationEndpoint !== null || catalogue.find(tokenUrl)?.revocation !== undefined;
        const unsupported = owed.filter((one) => !isRevocable(one));
        const ended = await Promise.allSettled([
          endUnsupported(unsupported),
          ...owed.filter(isRevocable).map((one) => limit(attempt, one)),
        ]);
        if (ended.some(({ status }) => status === 'rejected')) return;
        const more = await endMore(unsupported);
        if (owed.length === PAGE || more > 0) await rest(performance.now() - start);
      }
    } catch {
      // The claimed ones become due again.
    }
  }

  /** Pauses between the pages of many revocations, so that requests get half of the database. */
  const rest = (milliseconds: number): Promise<void> =>
    delay(Math.min(milliseconds, MAX_REST_MS), undefined, { signal: stopping.signal });

  async function endUnsupported(owed: readonly OwedRevocation[]): Promise<void> {
    if (owed.length === 0) return;
    await revocations.end(owed.map((one) => ({ ...one, outcome: 'unsupported' })));
    for (const one of owed) observe(one, 'unsupported');
  }

  /**
   * Ends the next ones in large steps if an organization had many: a deleted provider can have had very many tokens.
   * @returns how many
   */
  async function endMore(unsupported: readonly OwedRevocation[]): Promise<number> {
    let count = 0;
    for (const id of new Set(unsupported.map(({ organizationId }) => organizationId))) {
      const own = unsupported.filter(({ organizationId }) => organizationId === id);
      if (own.length < SWEPT_PER_ORGANIZATION) continue;
      const ended = await revocations.endDue(id, [...new Set(own.map(({ tokenUrl }) => tokenUrl))]);
      for (const one of ended) observe(one, 'unsupported');
      count += ended.length;
    }
    return count;
  }

  async function attempt(owed: OwedRevocation): Promise<void> {
    if (stopping.signal.aborted) return revocations.postpone(owed, 0, 'stopped');
    const next = judge(await ask(owed), owed);
    if ('seconds' in next) await revocations.postpone(owed, next.seconds, next.reason);
    else await revocations.end([{ ...owed, outcome: next.outcome }]);
    observe(owed, 'seconds' in next ? 'pending' : next.outcome, next.reason);
  }

  async function ask(owed: OwedRevocation): Promise<RevocationResult | 'undecryptable'> {
    const { organizationId, revocationEndpoint, clientSecret, metadata } = owed;
    try {
      return await parts.ask(organizationId, {
        client: {
          ...owed,
          usesPkce: false,
          entry: catalogue.find(owed.tokenUrl),
          clientSecret: clientSecret === null ? null : parts.open(clientSecret),
        },
        grant: {
          accessToken: parts.open(owed.accessToken),
          refreshToken: owed.refreshToken === null ? null : parts.open(owed.refreshToken),
          metadata: metadata ?? {},
        },
        endpoint: revocationEndpoint ?? undefined,
        signal: stopping.signal,
      });
    } catch (error) {
      if (error instanceof DecryptError) return 'undecryptable';
      throw error;
    }
  }

  function observe(owed: EndedRevocation, outcome: RevocationObservation['outcome'], reason?: string): void {
    const { organizationId, tokenId, providerId, tokenUrl, attempts } = owed;
    const catalogueName = catalogue.find(tokenUrl)?.name;
    parts.observe({ organizationId, tokenId, providerId, catalogueName, outcome, reason, attempts });
  }

  /** Starts to work off what is due. */
  function run(filter: RevocationFilter): Promise<void> {
    const running = workOff(filter).finally(() => underWay.delete(running));
    underWay.add(running);
    return running;
  }

  return {
    /** Works off what these deletions owe, and resolves once that is done or `waitMs` has passed. The rest goes on. */
    async settle({ organizationId, ids }: Settled, waitMs: number): Promise<void> {
      const filter = ids === undefined || ids.length > IDS ? { organizationId } : { organizationId, ids };
      const patience = new AbortController();
      const waiting = delay(waitMs, undefined, { signal: patience.signal }).catch(() => undefined);
      await Promise.race([run(filter), waiting]);
      patience.abort();
    },

    /** Sweeps what is due: attempts that failed, and those of processes that died. @returns a function that stops it */
    start(): () => Promise<void> {
      let sweep = run({});
      const timer = setInterval(() => {
        sweep = sweep.then(() => run({}));
      }, SWEEP_MS).unref();
      return async () => {
        clearInterval(timer);
        stopping.abort();
        await Promise.all([sweep, ...underWay]);
      };
    },
  };
}

type Next =
  | { readonly outcome: RevocationOutcome; readonly reason?: string }
  | { readonly seconds: number; readonly reason: string };

/** Decides by the provider's answer: an end, or a pause before the next attempt. */
function judge(result: RevocationResult | 'undecryptable', owed: OwedRevocation): Next {
  if (result === 'undecryptable') return again('undecryptable', owed);
  if (result.outcome === 'revoked' || result.outcome === 'unsupported') return { outcome: result.outcome };
  if (result.outcome === 'unanswered') {
    if (result.reason === 'cancelled') return { seconds: 0, reason: 'stopped' };
    // No later attempt can reach an address that is not allowed.
    if (result.reason === 'refused') return { outcome: 'failed', reason: 'address-not-allowed' };
    return again(result.reason, owed);
  }
  const mayChange = result.kind === 'transient' || result.kind === 'client-wrong';
  return mayChange
    ? again(result.code, owed, result.retryAfterSeconds)
    : { outcome: 'failed', reason: result.code };
}

function again(reason: string, { attempts, ageSeconds }: OwedRevocation, least = 0): Next {
  if (ageSeconds > PATIENCE_SECONDS) return { outcome: 'failed', reason };
  const pause = Math.min(FIRST_PAUSE_SECONDS * 2 ** (attempts - 1), LONGEST_PAUSE_SECONDS);
  return { seconds: Math.max(least, pause * (0.75 + Math.random() / 2)), reason };
}
