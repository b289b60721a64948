import { execFile } from 'node:child_process';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import autocannon from 'autocannon';
import { OPERATOR } from '../../db/audit.ts';
import { type Arena, type Held, inTurns, onServer, startProcess, stopProcess } from './arena.ts';
import type { RefreshTokenState } from './strict.ts';

/** A row of the table: the figure, and whether it is good enough. */
export interface Figure {
  readonly what: string;
  readonly must: string;
  readonly found: string;
  readonly holds: boolean;
}

export const isLost = (state: RefreshTokenState): boolean => state === 'spent' || state === 'dead';

export async function until(holds: () => Promise<boolean>, timeoutMs: number): Promise<boolean> {
  for (const end = Date.now() + timeoutMs; Date.now() < end; await setTimeout(100)) {
    if (await holds()) return true;
  }
  return false;
}

const generations = async ({ vault, organizationId }: Arena, held: readonly Held[]): Promise<number[]> => {
  const { rows } = await vault.db.raw<{ rows: { id: string; generation: number }[] }>(
    'SELECT id, generation FROM oauth_tokens WHERE organization_id = :organizationId',
    { organizationId },
  );
  const found = new Map(rows.map(({ id, generation }) => [id, generation]));
  return held.map(({ tokenId }) => found.get(tokenId) ?? 0);
};

const lostOf = async (arena: Arena, held: readonly Held[]): Promise<number> =>
  (await arena.check(held)).filter(isLost).length;

/** 64 callers at each of three processes, and one expired token. */
export async function stampede(arena: Arena): Promise<Figure> {
  const [held] = await arena.hold(1, () => 0);
  if (held === undefined) throw new Error('no grant');
  await arena.server.behave({ ms: 200 });
  const before = await arena.server.stats();
  const callers = arena.processes.flatMap((process) => Array.from({ length: 64 }, () => process));
  const answers = await Promise.all(callers.map((process) => arena.authenticate(process, held)));
  const requests = (await arena.server.stats()).requests - before.requests;
  const tokens = new Set(answers.map(({ token }) => token));
  const [token] = tokens;
  const [isValid] = await arena.server.introspect([token ?? '']);
  const good = answers.filter(({ status }) => status === 200).length;
  return {
    what: '64 callers at each of 3 processes, one expired token',
    must: '1 token request, 192 answers, all the same valid token',
    found: `${requests} token request, ${good} answers, ${tokens.size} ${isValid === true ? 'valid' : 'invalid'} token`,
    holds: requests === 1 && good === 192 && tokens.size === 1 && isValid === true,
  };
}

/** @param restart stops PostgreSQL at once, and gives what starts it again */
export async function databaseOutage(
  arena: Arena,
  restart: () => Promise<() => Promise<void>>,
): Promise<Figure> {
  const held = await arena.hold(30, () => 0);
  await arena.server.behave({ mode: 'hold' });
  const asked = held.map((one, index) => arena.authenticate(at(arena, index), one));
  await until(async () => (await arena.server.stats()).held === held.length, 10_000);
  const start = await restart();
  await arena.server.behave({});
  await arena.server.release();
  await setTimeout(20_000);
  await start();
  await Promise.all(asked);
  const isStored = await until(
    async () => (await generations(arena, held)).every((one) => one === 1),
    60_000,
  );
  const lost = await lostOf(arena, held);
  const { repeats } = await arena.server.stats();
  return {
    what: "PostgreSQL stopped between the provider's answer and our write, started 20 s later (30 grants, strict)",
    must: '0 lost',
    found: `${lost} lost, ${repeats} repeated requests${isStored ? '' : ', not all stored within a minute'}`,
    holds: lost === 0 && isStored,
  };
}

const at = ({ processes }: Arena, index: number) => {
  const process = processes[index % processes.length];
  if (process === undefined) throw new Error('no process');
  return process;
};

export async function slowProvider(arena: Arena): Promise<Figure> {
  const held = await arena.hold(20, () => 0);
  for (const isCommittedFirst of [true, false]) {
    await arena.server.behave({ ms: 25_000, isCommittedFirst });
    const half = held.filter((_, index) => (index % 2 === 0) === isCommittedFirst);
    const isDone = async () => (await generations(arena, half)).every((one) => one === 1);
    for (const end = Date.now() + 90_000; Date.now() < end && !(await isDone()); ) {
      await Promise.all(half.map((one, index) => arena.authenticate(at(arena, index), one)));
    }
  }
  const [lost, { mostAtOnce }] = [await lostOf(arena, held), await arena.server.stats()];
  const refreshed = (await generations(arena, held)).filter((one) => one === 1).length;
  return {
    what: 'the provider answers after 25 s (20 grants, strict; it rotates before or after that time)',
    must: '1 token request at a time, nothing lost',
    found: `${mostAtOnce} token request at a time, ${lost} lost, ${refreshed} of ${held.length} refreshed`,
    holds: mostAtOnce === 1 && lost === 0 && refreshed === held.length,
  };
}

const IMPORT_SECONDS = 8;

export async function smallPool(arena: Arena, rounds: number): Promise<Figure> {
  await arena.newProvider('other');
  const count = rounds * 25;
  const [one, other] = [await arena.hold(count, () => 0), await arena.hold(count, () => 0, 'other')];
  const { url } = at(arena, 0);
  const imports = async () => {
    const { requests } = await autocannon({
      url: `${url}/v2/auth/tokens/import`,
      connections: 16,
      duration: IMPORT_SECONDS,
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-api-key': arena.apiKey },
      body: JSON.stringify({ provider_id: 'strict', access_token: 'xoxb', is_default: false }),
    });
    return requests.average;
  };
  await imports(); // warms up
  const ratios: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const alone = await imports();
    // Half a second less than our time limit.
    await arena.server.behave({ ms: 19_500, reuseSeconds: 3_600 });
    const of = (held: readonly Held[], provider: string) =>
      held
        .slice(round * 25, round * 25 + 25)
        .map((token) => arena.authenticate(at(arena, 0), token, provider));
    const asked = [...of(one, 'strict'), ...of(other, 'other')];
    await setTimeout(500);
    ratios.push((await imports()) / alone);
    await Promise.all(asked);
    await arena.server.behave({});
    await setTimeout(12_500);
  }
  const ratio = ratios.toSorted((a, b) => a - b)[Math.floor(rounds / 2)] ?? 0;
  const lost = await lostOf(arena, [...one, ...other]);
  return {
    what: 'a pool of 2 connections, 50 refreshes of 20 s each, imports beside them',
    must: 'imports keep 0.9 of their throughput',
    found: `${ratio.toFixed(2)} (${ratios.map((each) => each.toFixed(2)).join(', ')}), ${lost} lost`,
    holds: ratio >= 0.9 && lost === 0,
  };
}

export async function wrongSecret(arena: Arena, minutes: number): Promise<Figure> {
  await arena.newProvider('mistaken', 'wrong');
  await arena.server.behave({ clientSecret: 'right' });
  const held = await arena.hold(100, () => 0, 'mistaken');
  for (const end = Date.now() + minutes * 60_000; Date.now() < end; await setTimeout(5_000)) {
    await inTurns(held, 8, (one, index) => arena.authenticate(at(arena, index), one, 'mistaken'));
  }
  const { requests } = await arena.server.stats();
  const { keyRing, providers, db } = arena.vault;
  const change = { clientSecret: keyRing.seal('right') };
  await providers.update(arena.organizationId, 'mistaken', change, OPERATOR);
  const answers = await inTurns(held, 8, (one, index) =>
    arena.authenticate(at(arena, index), one, 'mistaken'),
  );
  const good = answers.filter(({ status }) => status === 200).length;
  const { rows } = await db.raw<{ rows: unknown[] }>('SELECT 1 FROM oauth_tokens WHERE dead_at IS NOT NULL');
  return {
    what: `a wrong client secret for ${minutes} minutes, then the right one (100 grants)`,
    must: '0 tokens marked dead',
    found: `${rows.length} marked dead, ${requests} token requests meanwhile, ${good} of 100 given out right after`,
    holds: rows.length === 0 && good === 100,
  };
}

const run = promisify(execFile);
const PROGRAM = fileURLToPath(new URL('../../cli/main.js', import.meta.url));

/** The last case: it ends the arena's processes. */
export async function copy(arena: Arena, serverUrl: string): Promise<Figure> {
  const held = await arena.hold(20, () => 0);
  await arena.server.behave({});
  await Promise.all(arena.processes.splice(0).map(stopProcess));
  const original = new URL(arena.connectionString);
  const name = original.pathname.slice(1);
  await arena.vault.db.destroy();
  await arena.vault.hot.close();
  await onServer(serverUrl, `CREATE DATABASE ${name}_copy TEMPLATE ${name}`);
  original.pathname = `/${name}_copy`;
  const settings = { ...arena.settings, DATABASE_URL: original.href };
  const copied = await startProcess(arena.directory, settings);
  const ask = () => Promise.all(held.map((one) => arena.authenticate(copied, one)));
  const before = await arena.server.stats();
  await ask();
  await setTimeout(15_000);
  const refused = await ask();
  const requests = (await arena.server.stats()).requests - before.requests;
  const env = { PATH: process.env['PATH'], HOME: process.env['HOME'], ...settings };
  await run(process.execPath, [PROGRAM, 'adopt'], { env });
  await setTimeout(6_000);
  const good = (await ask()).filter(({ status }) => status === 200).length;
  await stopProcess(copied);
  const unavailable = refused.filter(({ status }) => status === 503).length;
  return {
    what: 'a copy of the database elsewhere, started (20 expired grants)',
    must: '0 requests to the provider until `adopt`',
    found: `${requests} requests, ${unavailable} answers 503; after adopt ${good} of 20 given out`,
    holds: requests === 0 && good === 20,
  };
}
