import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { fingerprint } from '../crypto/key-ring.ts';
import type { Rounds } from './compare.ts';
import { type BenchVault, giveTokens, type Server, settingsOf } from './database.ts';
import { importLoad, type Load, releaseLoad } from './loads.ts';
import { type Growth, medianOf } from './report.ts';
import { type Service, startService } from './start.ts';

interface Variant {
  readonly at: string;
  readonly vault: BenchVault;
  readonly operations?: number;
}

const CONNECTIONS = 16;
const WARM_UP = { connections: CONNECTIONS, seconds: 3 };

/** Measures how the costs grow: with tokens, operations, organizations, time. */
export async function measureGrowth(server: Server, rounds: Rounds): Promise<Growth[]> {
  const { progress } = rounds;
  const vaultWith = async (organizations: number, tokens = 0) => {
    const vault = await server.createVault(organizations);
    if (tokens > 0) await store(vault, tokens);
    await giveTokens(vault);
    return vault;
  };
  const named = async (count: number, vault: Promise<BenchVault>): Promise<Variant> => ({
    at: count.toLocaleString('en'),
    vault: await vault,
  });
  progress('storing 100 thousand and a million tokens');
  const filled: Variant[] = [];
  for (const count of [0, 100_000, MILLION]) filled.push(await named(count, vaultWith(1, count)));
  progress('tokens stored');
  const tokens = await interleaved(server, rounds, filled);
  const small = await vaultWith(1);
  progress('operations in the contract');
  const operations = await interleaved(
    server,
    rounds,
    [1, 22].map((count) => ({ at: String(count), vault: small, operations: count })),
    [IMPORTS],
  );
  progress('organizations, each with a caller');
  const crowd: Variant[] = [];
  for (const count of [1, 10, 10_000]) crowd.push(await named(count, vaultWith(count)));
  const organizations = await interleaved(server, rounds, crowd);
  progress('starts, and a million imports');
  const starts = [
    ['1 organization, no tokens', small],
    ['1 organization, a million tokens', filled.at(-1)?.vault ?? small],
    ['10,000 organizations', crowd.at(-1)?.vault ?? small],
  ] as const;
  const perSecond = (load: Load) => load.perSecond;
  const p99 = (load: Load) => load.p99;
  return [
    { what: 'tokens stored', unit: 'imports/s', points: points(tokens, IMPORTS, perSecond) },
    { what: 'tokens stored', unit: 'p99 ms of an import', points: points(tokens, IMPORTS, p99) },
    { what: 'tokens stored', unit: 'releases/s', points: points(tokens, RELEASES, perSecond) },
    { what: 'tokens stored', unit: 'p99 ms of a release', points: points(tokens, RELEASES, p99) },
    { what: 'operations', unit: 'imports/s', points: points(operations, IMPORTS, perSecond) },
    { what: 'organizations', unit: 'imports/s', points: points(organizations, IMPORTS, perSecond) },
    { what: 'organizations', unit: 'releases/s', points: points(organizations, RELEASES, perSecond) },
    { what: 'start on a migrated database', unit: 'ms to ready', points: await startTimes(starts) },
    { what: 'imports made', unit: 'RSS MiB', points: await memory(server, small) },
  ];
}

type MeasureLoad = typeof importLoad;

const IMPORTS: MeasureLoad = importLoad;
const RELEASES: MeasureLoad = releaseLoad;

/** The loads of each kind, by variant. */
type Measured = ReadonlyMap<MeasureLoad, ReadonlyMap<string, Load[]>>;

const points = (measured: Measured, kind: MeasureLoad, figure: (load: Load) => number) =>
  [...(measured.get(kind) ?? [])].map(([at, loads]) => ({ at, value: medianOf(loads.map(figure)) }));

/** Measures the variants in turn, so that a slow minute of the machine affects all of them. */
async function interleaved(
  server: Server,
  { rounds, seconds }: Rounds,
  variants: readonly Variant[],
  kinds: readonly MeasureLoad[] = [IMPORTS, RELEASES],
): Promise<Measured> {
  const measured = new Map(
    kinds.map((kind) => [kind, new Map(variants.map(({ at }) => [at, [] as Load[]]))]),
  );
  const services: [Variant, Service][] = [];
  for (const variant of variants) {
    const service = await startService(server.directory, {
      ...settingsOf(variant.vault),
      ...(variant.operations !== undefined && { BENCH_OPERATIONS: String(variant.operations) }),
    });
    services.push([variant, service]);
    for (const measure of kinds) await measure(service, variant.vault, WARM_UP);
  }
  for (let round = 0; round < rounds; round++) {
    for (const measure of kinds) {
      for (const [{ at, vault }, service] of services) {
        const load = await measure(service, vault, { connections: CONNECTIONS, seconds });
        measured.get(measure)?.get(at)?.push(load);
      }
    }
  }
  for (const [, service] of services) await service.stop();
  return measured;
}

/** Tokens of many users, as if they had been imported over time. */
async function store({ client, callers, fernetKey }: BenchVault, count: number): Promise<void> {
  const organization = callers[0]?.organizationId;
  await client.query(
    `WITH token AS (
       INSERT INTO oauth_tokens (organization_id, id, user_id, provider_id, workspace_id, access_token, access_token_key,
         refresh_token, refresh_token_key, scopes)
       SELECT $1, (lpad(to_hex(number), 12, '0') || '70008000000000000000')::uuid, 'user-' || number % 10000, 'slack', $1,
         repeat(md5(number::text), 5), $3, repeat(md5(number::text), 6), $3, '{chat:write,channels:read,users:read}'
       FROM generate_series(1, $2::bigint) AS number
       RETURNING organization_id, id, user_id
     )
     INSERT INTO audit_records (organization_id, id, user_id, credential, action, object_id)
     SELECT organization_id, id, user_id, 'api-key:bench1', 'token.import', id FROM token`,
    [organization, count, fingerprint(fernetKey)],
  );
  await client.query('VACUUM ANALYZE');
  await client.query('CHECKPOINT');
}

const MILLION = 1_000_000;

async function memory(server: Server, vault: BenchVault) {
  const service = await startService(server.directory, settingsOf(vault));
  const measured = [];
  for (const target of [10_000, MILLION]) {
    let made = 0;
    let resident = 0;
    while (made < target) {
      const load = await importLoad(service, vault, {
        connections: 64,
        seconds: target === MILLION ? 20 : 2,
      });
      made += load.requests;
      resident = load.residentMiB ?? 0;
    }
    measured.push({ at: made.toLocaleString('en'), value: resident });
  }
  await service.stop();
  return measured;
}

const STARTS = 5;

/** From the start of `tokenhold serve` to its banner, when it serves. */
async function startTimes(vaults: readonly (readonly [at: string, vault: BenchVault])[]) {
  const measured = vaults.map(([at, vault]) => ({ at, vault, times: [] as number[] }));
  for (let run = 0; run < STARTS; run++) {
    for (const { vault, times } of measured) {
      const start = performance.now();
      const child = fork(fileURLToPath(new URL('../cli/main.js', import.meta.url)), ['serve'], {
        env: { PATH: process.env['PATH'], PORT: '0', ...settingsOf(vault) },
        stdio: ['ignore', 'pipe', 'ignore', 'ipc'],
      });
      if (child.stdout !== null) await once(child.stdout, 'data');
      times.push(performance.now() - start);
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
  }
  return measured.map(({ at, times }) => ({ at, value: medianOf(times) }));
}
