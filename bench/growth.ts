import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { fingerprint } from '../crypto/key-ring.ts';
import type { BenchVault, Server } from './database.ts';
import { type Load, serviceLoad } from './loads.ts';
import { type Growth, medianOf } from './report.ts';
import { type Service, startService } from './start.ts';

interface Rounds {
  readonly rounds: number;
  readonly seconds: number;
}

interface Variant {
  readonly at: string;
  readonly vault: BenchVault;
  readonly operations?: number;
}

const CONNECTIONS = 16;
const WARM_UP_SECONDS = 3;

const settingsOf = ({ connectionString, fernetKey }: BenchVault) => ({
  DATABASE_URL: connectionString,
  FERNET_KEYS: fernetKey,
  TOKENS_PER_USER_AND_PROVIDER_MAX: '0', // a load has few users
});

/** Measures how the cost of an import grows: with tokens, operations, organizations, time. */
export async function measureGrowth(
  server: Server,
  rounds: Rounds,
  progress: (text: string) => void,
): Promise<Growth[]> {
  const small = await server.createVault(1);
  progress('storing 100 thousand and a million tokens');
  const filled: Variant[] = [{ at: '0', vault: await server.createVault(1) }];
  for (const count of [100_000, 1_000_000]) {
    const vault = await server.createVault(1);
    await store(vault, count);
    filled.push({ at: count.toLocaleString('en'), vault });
  }
  progress('tokens stored');
  const tokens = await interleaved(server, rounds, filled);
  progress('operations in the contract');
  const operations = await interleaved(
    server,
    rounds,
    [1, 22].map((count) => ({ at: String(count), vault: small, operations: count })),
  );
  progress('organizations, each with a caller');
  const crowd: Variant[] = [];
  for (const count of [1, 10, 10_000]) {
    crowd.push({ at: count.toLocaleString('en'), vault: await server.createVault(count) });
  }
  const organizations = await interleaved(server, rounds, crowd);
  progress('a million imports, and starts');
  const perSecond = (load: Load) => load.perSecond;
  return [
    { what: 'tokens stored', unit: 'imports/s', points: points(tokens, perSecond) },
    { what: 'tokens stored', unit: 'p99 ms', points: points(tokens, (load) => load.p99) },
    { what: 'operations', unit: 'imports/s', points: points(operations, perSecond) },
    { what: 'organizations', unit: 'imports/s', points: points(organizations, perSecond) },
    { what: 'imports made', unit: 'RSS MiB', points: await memory(server, small) },
    {
      what: 'start',
      unit: 'ms to ready',
      points: [{ at: 'migrated database', value: await startTime(small) }],
    },
  ];
}

type Measured = Map<string, Load[]>;

const points = (measured: Measured, figure: (load: Load) => number) =>
  [...measured].map(([at, loads]) => ({ at, value: medianOf(loads.map(figure)) }));

/** Measures the variants in turn, so that a slow minute of the machine affects all of them. */
async function interleaved(
  server: Server,
  { rounds, seconds }: Rounds,
  variants: Variant[],
): Promise<Measured> {
  const measured: Measured = new Map(variants.map(({ at }) => [at, []]));
  const services: [Variant, Service][] = [];
  for (const variant of variants) {
    const service = await startService(server.directory, {
      ...settingsOf(variant.vault),
      ...(variant.operations !== undefined && { BENCH_OPERATIONS: String(variant.operations) }),
    });
    services.push([variant, service]);
    await serviceLoad(service, variant.vault, { connections: CONNECTIONS, seconds: WARM_UP_SECONDS });
  }
  for (let round = 0; round < rounds; round++) {
    for (const [{ at, vault }, service] of services) {
      measured.get(at)?.push(await serviceLoad(service, vault, { connections: CONNECTIONS, seconds }));
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
      const load = await serviceLoad(service, vault, {
        connections: 64,
        seconds: target === MILLION ? 20 : 2,
      });
      made += load.imports;
      resident = load.residentMiB ?? 0;
    }
    measured.push({ at: made.toLocaleString('en'), value: resident });
  }
  await service.stop();
  return measured;
}

/** From the start of `tokenhold serve` to its banner, when it listens and the database is migrated. */
async function startTime(vault: BenchVault): Promise<number> {
  const times: number[] = [];
  for (let run = 0; run < 5; run++) {
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
  return medianOf(times);
}
