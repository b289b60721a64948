import { setTimeout } from 'node:timers/promises';
import type { Arena, Held, Kill } from './arena.ts';
import { type Figure, isLost, until } from './cases.ts';
import { traceLost } from './trace.ts';

const GRANTS = 1_000;
const LIFE_SECONDS = 100;
const CALLERS = 16;
/** Orphans of a strict provider are tried again when their access token has expired. */
const SETTLE_MS = 120_000;

/** `seconds` of load, with a kill `every` so many seconds. */
export interface Storm {
  readonly seconds: number;
  readonly every: number;
}

interface Outcome {
  readonly held: readonly Held[];
  readonly kills: readonly Kill[];
  readonly answers: number;
  readonly refreshes: number;
}

/** Callers ask for tokens that expire all the time, while processes of ours are killed. */
async function rage(arena: Arena, { seconds, every }: Storm, reuseSeconds: number): Promise<Outcome> {
  const { server, processes } = arena;
  await server.behave({ reuseSeconds, expiresIn: LIFE_SECONDS });
  const held = await arena.hold(GRANTS, (index) => 60 + Math.floor((index * 60) / GRANTS));
  const before = await server.stats();
  const end = Date.now() + seconds * 1000;
  let answers = 0;
  const call = async (): Promise<void> => {
    while (Date.now() < end) {
      const process = processes[Math.floor(Math.random() * processes.length)];
      const one = held[Math.floor(Math.random() * held.length)];
      if (process === undefined || one === undefined) {
        await setTimeout(20);
        continue;
      }
      const { status } = await arena.authenticate(process, one);
      if (status === 200) answers += 1;
      else if (status === undefined) await setTimeout(20);
    }
  };
  const kills: Kill[] = [];
  const kill = async (): Promise<void> => {
    const starting: Promise<void>[] = [];
    while (Date.now() < end) {
      await setTimeout(every * 1000);
      // A process that is still starting is not worth a kill.
      starting.push(
        arena.replace().then((killed) => {
          if (killed !== undefined) kills.push(killed);
        }),
      );
    }
    await Promise.all(starting);
  };
  await Promise.all([...Array.from({ length: CALLERS }, call), kill()]);
  await settle(arena, held);
  const { requests } = await server.stats();
  return { held, kills, answers, refreshes: requests - before.requests };
}

/** Asks for every token until no attempt is open. */
async function settle(arena: Arena, held: readonly Held[]): Promise<void> {
  const isQuiet = async () => {
    for (const [index, one] of held.entries()) {
      const process = arena.processes[index % arena.processes.length];
      if (process !== undefined && index % 10 === 0) await arena.authenticate(process, one);
    }
    const { rows } = await arena.vault.db.raw<{ rows: unknown[] }>(
      'SELECT 1 FROM oauth_tokens WHERE refresh_attempt IS NOT NULL AND dead_at IS NULL',
    );
    return rows.length === 0;
  };
  await until(isQuiet, SETTLE_MS);
}

export async function withinWindow(arena: Arena, storm: Storm): Promise<Figure> {
  const { held, kills, answers, refreshes } = await rage(arena, storm, 30);
  const states = await arena.check(held);
  const lost = held.filter((_, index) => isLost(states[index] ?? 'dead'));
  if (lost.length > 0) await traceLost(arena, lost, kills);
  const { repeats } = await arena.server.stats();
  return {
    what: `1,000 tokens expiring under load, kill -9 every ${storm.every} s for ${storm.seconds} s, reuse window of 30 s`,
    must: '0 grants lost',
    found: `${lost.length} lost (${told(kills)}, ${refreshes} token requests, ${repeats} of them repeated, ${answers} answers)`,
    holds: lost.length === 0,
  };
}

/** The number of kills, and how long the successors took to start. */
function told(kills: readonly Kill[]): string {
  const starts = kills.map(({ at, upAt }) => (upAt - at) / 1000).sort((a, b) => a - b);
  const median = starts[Math.floor(starts.length / 2)] ?? 0;
  return `${kills.length} kills; a process started in ${median.toFixed(1)} s, ${(starts.at(-1) ?? 0).toFixed(1)} s at most`;
}

/** Answers that a kill keeps from being stored are lost at a strict provider: each must be reported. */
export async function withoutWindow(arena: Arena, storm: Storm): Promise<Figure> {
  const { held, kills, refreshes } = await rage(arena, storm, 0);
  const states = await arena.check(held);
  const lost = held.filter((_, index) => isLost(states[index] ?? 'dead'));
  const troubled = await arena.vault.db.raw<{ rows: { id: string }[] }>(
    `SELECT id FROM oauth_tokens WHERE dead_at IS NOT NULL OR refresh_attempt IS NOT NULL`,
  );
  const reported = new Set(troubled.rows.map(({ id }) => id));
  const unreported = lost.filter(({ tokenId }) => !reported.has(tokenId)).length;
  const reasons = new Map<string, number>();
  for (const { state, reason, grants } of await arena.vault.grantStates.troubles()) {
    reasons.set(`${state}: ${reason}`, (reasons.get(`${state}: ${reason}`) ?? 0) + grants);
  }
  const [median, slowest] = await writeWindow(arena);
  const troubles = [...reasons].map(([reason, grants]) => `${grants} ${reason}`).join(', ');
  return {
    what: `the same, strict provider`,
    must: 'grants lost ≤ answers that a kill kept from being stored, each reported as orphaned or dead with its reason',
    found: `${lost.length} lost, ${unreported} unreported (${told(kills)}, ${refreshes} token requests; ${troubles}); the window is ${median} ms (median), ${slowest} ms (p99)`,
    holds: unreported === 0 && reported.size <= lost.length,
  };
}

/** From the server's answer to our commit: less than from the answer to ours, which comes after the commit. */
async function writeWindow(arena: Arena): Promise<readonly [string, string]> {
  const { server, processes } = arena;
  await server.behave({ expiresIn: 3_600 });
  const held = await arena.hold(200, () => 0);
  const times: number[] = [];
  for (const [index, one] of held.entries()) {
    const process = processes[index % processes.length];
    if (process === undefined) continue;
    const { token } = await arena.authenticate(process, one);
    const [answeredAt] = await server.times([token ?? '']);
    const { rows } = await arena.vault.db.raw<{ rows: { at: Date }[] }>(
      'SELECT received_at AS at FROM oauth_tokens WHERE organization_id = :organizationId AND id = :id',
      { organizationId: arena.organizationId, id: one.tokenId },
    );
    times.push((rows[0]?.at.getTime() ?? 0) - (answeredAt ?? 0));
  }
  times.sort((a, b) => a - b);
  const of = (share: number) => Math.max(0, times[Math.floor(times.length * share)] ?? 0).toFixed(0);
  return [of(0.5), of(0.99)];
}
