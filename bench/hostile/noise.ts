import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { medianOf } from '../report.ts';
import type { Arena } from './arena.ts';
import type { AttackName } from './attacks.ts';
import { type Served, serve } from './neighbour.ts';
import type { Figure } from './report.ts';

/** An attack, with or without credentials, and the limits of its cost to another organization. */
export interface Noise {
  readonly name: string;
  readonly attack: AttackName;
  /** The part of its throughput that the neighbour keeps. */
  readonly keepsAtLeast: number;
  /** How much its 99th percentile may grow, in milliseconds. */
  readonly p99Grows?: number;
  /** The most memory of the service, in MiB. */
  readonly residentMiB?: number;
  /** Holds locks and the like while the attack goes on. @returns how to let go */
  readonly prepare?: (arena: Arena) => Promise<() => Promise<unknown>>;
}

export interface Timing {
  readonly rounds: number;
  readonly seconds: number;
}

/** Before the attack has its full strength. */
const RAMP_MS = 1_000;
const SAMPLE_MS = 250;

/** Alternates quiet and attacked periods, so that both have the same minute. The neighbour's load is the same in both. */
export async function measureNoise(arena: Arena, noise: Noise, timing: Timing): Promise<readonly Figure[]> {
  const quiet: Served[] = [];
  const attacked: Served[] = [];
  let residentBytes = 0;
  for (let round = 0; round < timing.rounds; round++) {
    quiet.push(await serve(arena.service.url, arena.neighbours, timing.seconds));
    const letGo = await noise.prepare?.(arena);
    const attacker = await startAttack(arena, noise.attack);
    await delay(RAMP_MS);
    const load = serve(arena.service.url, arena.neighbours, timing.seconds);
    residentBytes = Math.max(residentBytes, await peak(arena, load));
    attacked.push(await load);
    await stop(attacker);
    await letGo?.();
  }
  const before = summary(quiet);
  const during = summary(attacked);
  const kept = during.perSecond / before.perSecond;
  const grown = during.p99 - before.p99;
  const mebibytes = residentBytes / 2 ** 20;
  const { name, keepsAtLeast, p99Grows, residentMiB } = noise;
  const figure = (what: string, value: string, must: string, holds: boolean): Figure => ({
    name,
    what,
    quiet: `${before.perSecond.toFixed(0)}/s, p99 ${before.p99.toFixed(0)} ms`,
    value,
    must,
    holds,
  });
  return [
    figure('throughput kept', kept.toFixed(2), `≥ ${keepsAtLeast}`, kept >= keepsAtLeast),
    figure('failures', during.failures, 'none', during.failures === 'none'),
    figure(
      'p99 grows by',
      `${grown.toFixed(0)} ms`,
      p99Grows === undefined ? 'told only' : `≤ ${p99Grows} ms`,
      p99Grows === undefined || grown <= p99Grows,
    ),
    figure(
      'memory',
      `${mebibytes.toFixed(0)} MiB`,
      residentMiB === undefined ? 'told only' : `< ${residentMiB} MiB`,
      residentMiB === undefined || mebibytes < residentMiB,
    ),
  ];
}

function summary(served: readonly Served[]) {
  const failures = new Map<string, number>();
  for (const { failures: some } of served) {
    for (const [status, count] of Object.entries(some))
      failures.set(status, (failures.get(status) ?? 0) + count);
  }
  return {
    perSecond: medianOf(served.map(({ perSecond }) => perSecond)),
    p99: medianOf(served.map(({ p99 }) => p99)),
    failures:
      failures.size === 0
        ? 'none'
        : [...failures].map(([status, count]) => `${count} × ${status}`).join(', '),
  };
}

async function peak({ service }: Arena, load: Promise<unknown>): Promise<number> {
  let [most, isOver] = [0, false];
  void load.finally(() => {
    isOver = true;
  });
  while (!isOver) {
    most = Math.max(most, (await service.usage()).residentBytes);
    await delay(SAMPLE_MS);
  }
  return most;
}

async function startAttack({ service, hostile, client }: Arena, attack: AttackName): Promise<ChildProcess> {
  const { rows } = await client.query<{ id: string }>(
    'SELECT id FROM oauth_tokens WHERE organization_id = $1 AND user_id = $2 LIMIT 1',
    [hostile[0]?.organizationId, hostile[0]?.userId],
  );
  const keys = hostile.map(({ apiKey }) => apiKey);
  const target = JSON.stringify({ url: service.url, keys, tokenId: rows[0]?.id ?? '' });
  const attacker = fork(fileURLToPath(new URL('attacker.js', import.meta.url)), [attack, target]);
  await once(attacker, 'message');
  return attacker;
}

async function stop(attacker: ChildProcess): Promise<void> {
  const exited = once(attacker, 'exit');
  attacker.kill('SIGKILL');
  await exited;
}
