/**
 * Claims, redemptions, answers, stores and beliefs of two processes and a server, interleaved in every way that fast-check
 * finds. The processes run the real attempts on the real database; only time and the network are the model's.
 */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { OPERATOR } from '../db/audit.ts';
import type { TokenReference } from '../db/refresh-states.ts';
import type { ClaimedToken } from '../db/refreshes.ts';
import type { TokenResult } from '../oauth/token-endpoint.ts';
import { runAttempt } from '../vault/refresh/attempt.ts';
import { createLeases } from '../vault/refresh/leases.ts';
import { createOutages } from '../vault/refresh/outages.ts';
import type { ReuseClass } from '../vault/refresh/policy.ts';
import type { Ask } from '../vault/refresh/redeem.ts';
import { tries } from './support/postgres.ts';
import { openQuietVault, type QuietVault, type Tenant } from './support/vault.ts';

let vault: QuietVault;
let tenant: Tenant;

beforeAll(async () => {
  vault = await openQuietVault();
  tenant = await vault.newTenant();
});

afterAll(() => vault.close());

interface Server {
  redeem(refreshToken: string): TokenResult;
  accepts(refreshToken: string): boolean;
}

const REFUSED: TokenResult = { outcome: 'refused', kind: 'grant-dead', code: 'invalid_grant' };
const granted = (refreshToken: string): TokenResult => ({
  outcome: 'tokens',
  accessToken: `access-of-${refreshToken}`,
  refreshToken,
  expiresInSeconds: 3600,
  metadata: {},
});

/** A refresh token yields new pairs until one of these has been redeemed (Shopify). */
function createPatientServer(): Server {
  const parents = new Map<string, string | undefined>([['refresh-0', undefined]]);
  const ended = new Set<string>();
  const accepts = (refreshToken: string) => parents.has(refreshToken) && !ended.has(refreshToken);
  return {
    accepts,
    redeem(refreshToken) {
      if (!accepts(refreshToken)) return REFUSED;
      ended.add(parents.get(refreshToken) ?? '');
      const successor = `refresh-${randomUUID()}`;
      parents.set(successor, refreshToken);
      return granted(successor);
    },
  };
}

/** A spent refresh token yields another pair, and ends the one before, until that has been redeemed. */
function createNewestWinsServer(): Server {
  const successors = new Map<string, string>();
  const known = new Set(['refresh-0']);
  const ended = new Set<string>();
  const accepts = (refreshToken: string) =>
    known.has(refreshToken) &&
    !ended.has(refreshToken) &&
    !successors.has(successors.get(refreshToken) ?? '');
  return {
    accepts,
    redeem(refreshToken) {
      if (!accepts(refreshToken)) return REFUSED;
      ended.add(successors.get(refreshToken) ?? '');
      const successor = `refresh-${randomUUID()}`;
      known.add(successor);
      successors.set(refreshToken, successor);
      return granted(successor);
    },
  };
}

/** Rotates; a spent refresh token revokes the grant, or yields the same successor. */
function createServer(reuse: ReuseClass): Server {
  if (reuse === undefined) return createNewestWinsServer();
  if (reuse.class === 'until-used') return createPatientServer();
  const successors = new Map<string, string>();
  const known = new Set(['refresh-0']);
  let isAlive = true;
  let current = 'refresh-0';
  return {
    redeem(refreshToken: string): TokenResult {
      if (!isAlive || !known.has(refreshToken)) return REFUSED;
      const earlier = successors.get(refreshToken);
      if (earlier !== undefined && reuse.class === 'window') return granted(earlier);
      if (earlier !== undefined) {
        isAlive = false;
        return REFUSED;
      }
      current = `refresh-${randomUUID()}`;
      known.add(current);
      successors.set(refreshToken, current);
      return granted(current);
    },
    accepts: (refreshToken: string) => isAlive && refreshToken === current,
  };
}

/** A request under way: `serve` lets the server act, `answer` lets its answer arrive. */
interface Request {
  result?: TokenResult;
  readonly refreshToken: string;
  readonly arrive: (result: TokenResult) => void;
}

interface Process {
  request?: Request | undefined;
  attempt?: Promise<unknown> | undefined;
}

type Step = { readonly kind: 'claim' | 'serve' | 'answer' | 'lose' | 'die' | 'expire'; readonly who: 0 | 1 };

const steps = fc.array(
  fc.record<Step>({
    kind: fc.constantFrom('claim', 'serve', 'answer', 'answer', 'lose', 'die', 'expire'),
    who: fc.constantFrom(0, 1),
  }),
  { minLength: 3, maxLength: 18 },
);

const script = (...given: readonly (readonly [Step['kind'], Step['who']?])[]): [Step[]] => [
  given.map(([kind, who = 0]) => ({ kind, who })),
];

/** Seldom found by chance. */
const EXAMPLES = [
  // An answer that comes after two refreshes of another process.
  script(
    ...([['claim'], ['serve'], ['expire'], ['claim', 1], ['serve', 1], ['answer', 1]] as const),
    ...([['claim', 1], ['serve', 1], ['answer', 1], ['answer']] as const),
  ),
  // An answer that comes late, and whose pair is the only one that the server takes.
  script(
    ...([['claim'], ['expire'], ['claim', 1], ['serve', 1], ['answer', 1], ['serve'], ['answer']] as const),
  ),
  // A refusal that comes late: another process has a newer pair, so it proves nothing.
  script(
    ...([
      ['claim'],
      ['expire'],
      ['claim', 1],
      ['serve', 1],
      ['answer', 1],
      ['claim', 1],
      ['serve', 1],
    ] as const),
    ...([['answer', 1], ['serve'], ['answer']] as const),
  ),
  // Each process loses an answer, and then a third attempt is made.
  script(
    ...([['claim'], ['serve'], ['die'], ['expire'], ['claim', 1], ['serve', 1], ['lose', 1]] as const),
    ...([['die', 1], ['expire'], ['claim'], ['serve'], ['answer']] as const),
  ),
];

async function importToken({ organizationId, workspaceId } = tenant): Promise<TokenReference> {
  const token = {
    organizationId,
    workspaceId,
    userId: 'alice',
    providerId: 'slack',
    accessToken: vault.keyRing.seal('access-0'),
    refreshToken: vault.keyRing.seal('refresh-0'),
    scopes: [],
    metadata: null,
    expiresInSeconds: 0,
    isDefault: false,
  };
  const id = await vault.imports.store(token, OPERATOR);
  if (id === undefined) throw new Error('not imported');
  return { organizationId, id };
}

/** Lets statements that have begun come to their end: an attempt has made its next request, or is over. */
async function settled(process: Process): Promise<void> {
  const { attempt } = process;
  if (attempt === undefined) return;
  let isOver = false;
  void attempt.finally(() => {
    isOver = true;
  });
  while (!isOver && process.request === undefined) await new Promise((resolve) => setTimeout(resolve, 1));
  if (isOver) process.attempt = undefined;
}

function createWorld(reuse: ReuseClass, token: TokenReference) {
  const server = createServer(reuse);
  const entry = reuse && { name: 'model', displayName: 'Model', match: [], reuse, sources: [] };
  let processes: [Process, Process] = [{}, {}];
  /** Answers that the server gave and that no process has, or ever will have. */
  let losses = 0;

  /** False: the process has an attempt already, or the token cannot be claimed now. */
  async function claim(process: Process): Promise<boolean> {
    if (process.attempt !== undefined) return false;
    const state = await vault.refreshStates.look(token);
    if (state === undefined || state.isDead) return false;
    const claimed = await vault.refreshes.claim(state, randomUUID(), 45);
    if (claimed === undefined) return false;
    const ask = (_: unknown, __: unknown, { refreshToken }: { refreshToken: string }) =>
      new Promise<TokenResult>((resolve) => {
        process.request = { refreshToken, arrive: resolve };
      });
    const { refreshes, refreshAnswers: answers, revocations, keyRing } = vault;
    process.attempt = runAttempt({ refreshes, answers, revocations, keyRing, ask }, claimed, {
      entry,
      wasOrphan: state.isClaimed,
      isOurs: () => true,
    });
    await settled(process);
    return true;
  }

  function serve({ request }: Process): void {
    if (request !== undefined) request.result ??= server.redeem(request.refreshToken);
  }

  /** @param isLost the answer does not arrive: the connection is reset */
  async function answer(process: Process, isLost: boolean): Promise<void> {
    const { request } = process;
    if (request === undefined) return;
    process.request = undefined;
    if (isLost && request.result?.outcome === 'tokens') losses += 1;
    const reset: TokenResult = { outcome: 'unknown', reason: 'unreachable' };
    request.arrive(isLost ? reset : (request.result ?? reset));
    await settled(process);
  }

  function die(index: 0 | 1): void {
    if (processes[index].request?.result?.outcome === 'tokens') losses += 1;
    processes = index === 0 ? [{}, processes[1]] : [processes[0], {}];
  }

  /** Time passes: pauses end, and so do leases. At a strict provider only those of dead processes end before their attempts. */
  async function expire(): Promise<void> {
    const { db } = vault;
    await db('oauth_providers').update({ refresh_paused_until: null });
    await db('oauth_tokens').where({ id: token.id }).update({ refresh_after: null });
    const isHeld = processes.some(({ attempt }) => attempt !== undefined);
    if (isHeld && reuse?.class === 'none') return;
    await db('oauth_tokens')
      .where({ id: token.id })
      .whereNotNull('refresh_attempt')
      .update({ lease_until: db.raw("now() - interval '1 second'") });
  }

  return {
    server,
    losses: () => losses,
    async take({ kind, who }: Step): Promise<void> {
      const process = processes[who];
      if (kind === 'claim') await claim(process);
      else if (kind === 'serve') serve(process);
      else if (kind === 'answer' || kind === 'lose') await answer(process, kind === 'lose');
      else if (kind === 'die') die(who);
      else await expire();
    },
    /** The living come to their end without another accident. A last refresh shows whether the grant is alive. */
    async finish(): Promise<void> {
      let isLast = false;
      for (let round = 0; round < 12; round++) {
        for (const process of processes) {
          serve(process);
          await answer(process, false);
        }
        await expire();
        const row = await vault.row(token.id);
        if (processes.every(({ attempt }) => attempt === undefined)) {
          if (row['dead_at'] !== null || isLast) return;
          isLast = row['refresh_attempt'] === null;
          if (!(await claim(processes[0])))
            throw new Error('nothing but an attempt keeps a token from a claim');
        }
      }
    },
  };
}

describe('an attempt', () => {
  const claim = async () => {
    await vault.db('oauth_providers').update({ refresh_paused_until: null });
    const state = await vault.refreshStates.look(await importToken());
    const claimed = state && (await vault.refreshes.claim(state, randomUUID(), 5));
    if (claimed === undefined) throw new Error('not claimed');
    return claimed;
  };
  const partsOf = (ask: Ask) => {
    const { refreshes, refreshAnswers: answers, revocations, keyRing } = vault;
    return { refreshes, answers, revocations, keyRing, ask };
  };

  it('sends nothing once its lease may have ended, as after a suspension of the process', async () => {
    let asked = 0;
    const ask = async (): Promise<TokenResult> => {
      asked += 1;
      return { outcome: 'unknown', reason: 'unreachable' };
    };
    const claimed = await claim();
    const leases = createLeases(vault.refreshes, createOutages());
    const attempt = (claimedAt: number) =>
      leases.during(claimed, claimedAt, (isOurs) =>
        runAttempt(partsOf(ask), claimed, { entry: undefined, wasOrphan: false, isOurs }),
      );
    expect(await attempt(performance.now() - 5_000)).toEqual({ outcome: 'moved' });
    expect(asked).toBe(0);
    expect(await attempt(performance.now())).toMatchObject({ outcome: 'unknown' });
    expect(asked).toBe(3);
  });

  it('notices that another one has its lease, also while the row of another token is locked', async () => {
    const [taken, locked] = [await claim(), await claim()];
    await vault.db('oauth_tokens').where({ id: taken.id }).update({ refresh_attempt: randomUUID() });
    const leases = createLeases(vault.refreshes, createOutages());
    const begunAt = performance.now();
    await vault.db.transaction(async (transaction) => {
      await transaction('oauth_tokens')
        .where({ organization_id: locked.organizationId, id: locked.id })
        .forUpdate();
      const both = [locked, taken].map((claimed) =>
        leases.during(claimed, begunAt, async (isOurs) => {
          while (isOurs()) await new Promise((resolve) => setTimeout(resolve, 50));
          return performance.now() - begunAt;
        }),
      );
      expect(await both[1]).toBeLessThan(4_500);
      expect(await both[0]).toBeGreaterThan(4_500);
    });
  });

  it('redeems a refresh token once that the provider has given twice, before it believes the refusal', async () => {
    const asked: string[] = [];
    const answers: TokenResult[] = [
      { outcome: 'tokens', accessToken: 'a', refreshToken: 'refresh-0', metadata: {} },
      { outcome: 'refused', kind: 'grant-dead', code: 'invalid_grant' },
    ];
    const ask: Ask = async (_, __, { refreshToken }) => {
      asked.push(refreshToken);
      return answers[asked.length - 1] ?? { outcome: 'unknown', reason: 'unreachable' };
    };
    const entry = {
      name: 'x',
      displayName: 'X',
      match: [],
      sources: [],
      reuse: { class: 'until-used' },
    } as const;
    const run = (claimed: ClaimedToken) =>
      runAttempt(partsOf(ask), claimed, { entry, wasOrphan: false, isOurs: () => true });
    const first = await claim();
    expect(await run(first)).toEqual({ outcome: 'refreshed' });
    const state = await vault.refreshStates.look(first);
    const second = state && (await vault.refreshes.claim(state, randomUUID(), 5));
    if (second === undefined) throw new Error('not claimed');
    expect(await run(second)).toEqual({ outcome: 'dead', reason: 'invalid_grant' });
    expect(asked).toEqual(['refresh-0', 'refresh-0']);
  });
});

describe('orphans', () => {
  it('of an organization that has very many leave others their turn', async () => {
    const other = await vault.newTenant();
    for (const [owner, age] of [
      [tenant, 3],
      [tenant, 2],
      [other, 1],
    ] as const) {
      const { organizationId, id } = await importToken(owner);
      const before = new Date(Date.now() - age * 60_000);
      await vault
        .db('oauth_tokens')
        .where({ organization_id: organizationId, id })
        .update({ refresh_attempt: randomUUID(), lease_until: before, refresh_due_at: before });
    }
    const found = await vault.refreshStates.orphans(2);
    expect(found.map(({ organizationId }) => organizationId)).toEqual([
      tenant.organizationId,
      other.organizationId,
    ]);
  });
});

const providerOf = async (): Promise<void> => {
  await vault.providers.update(tenant.organizationId, 'slack', {}, OPERATOR);
};

describe.each<[string, ReuseClass]>([
  ['window', { class: 'window', seconds: 30 }],
  ['until-used', { class: 'until-used' }],
  ['none', { class: 'none' }],
  ['unknown to the catalogue, where the newest pair wins', undefined],
])('with reuse %s', (_, reuse) => {
  it('no grant is lost but by an answer that no process lived to store, and none is given up while it lives', async () => {
    await providerOf();
    await fc.assert(
      fc.asyncProperty(steps, async (script) => {
        const token = await importToken();
        const world = createWorld(reuse, token);
        for (const step of script) await world.take(step);
        await world.finish();
        const row = await vault.row(token.id);
        const isAccepted = world.server.accepts(vault.keyRing.open(row.refresh_token ?? ''));
        const isDead = row['dead_at'] !== null;
        expect({ isAccepted, isDead }).not.toEqual({ isAccepted: true, isDead: true });
        const isSafe = reuse?.class === 'window' || reuse?.class === 'until-used';
        if (isSafe || world.losses() === 0) {
          expect({ isAccepted, isDead }).toEqual({ isAccepted: true, isDead: false });
        } else if (isDead && reuse !== undefined) {
          expect(row['dead_reason']).toBe('answer_lost');
        }
      }),
      { numRuns: tries(40), endOnFailure: true, examples: EXAMPLES },
    );
  });
});
