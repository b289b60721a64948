/** `npm run bench`: compares the service with PostgreSQL alone. See docs/benchmarks.md. */
import { availableParallelism, cpus, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { type BenchVault, openServer, type Server } from './database.ts';
import { fastApiVersion, startFastApi } from './fastapi/start.ts';
import { measureGrowth } from './growth.ts';
import { driverLoad, type Load, type LoadOptions, NotDurableError, serviceLoad } from './loads.ts';
import { hasPgbench, pgbenchLoad } from './pgbench.ts';
import { type Comparison, type Contender, median, type Results, table } from './report.ts';
import { startService } from './start.ts';

const { values: options } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '4' },
    connections: { type: 'string', default: '1,16,64' },
    'no-growth': { type: 'boolean', default: false },
  },
});
const [rounds, seconds] = [Number(options.rounds), Number(options.seconds)];

/** Shows the progress, on stderr. */
const progress = (text: string) => process.stderr.write(`${text}\n`);

type Measure = (load: LoadOptions) => Promise<Load>;

/** In a different order each round, because the load before can help or hinder the next. */
const rotated = <T>(all: readonly T[], by: number): T[] => {
  const from = by % all.length;
  return [...all.slice(from), ...all.slice(0, from)];
};

async function compare(contenders: ReadonlyMap<Contender, Measure>): Promise<Comparison[]> {
  const levels = options.connections.split(',').map(Number);
  const comparisons = levels.map((connections) => ({
    connections,
    loads: [...contenders].map(([what, measure]) => ({ what, measure, measured: [] as Load[] })),
  }));
  for (let round = 1; round <= rounds; round++) {
    for (const { connections, loads } of comparisons) {
      progress(`round ${round} of ${rounds}, ${connections} connections`);
      for (const { measure, measured } of rotated(loads, round)) {
        measured.push(await measure({ connections, seconds }));
      }
    }
  }
  return comparisons.map(({ connections, loads }) => ({
    connections,
    loads: loads.map(({ what, measured }) => ({ what, ...median(measured) })),
  }));
}

async function compareAll(server: Server, vault: BenchVault, withFastApi: boolean): Promise<Comparison[]> {
  const service = await startService(server.directory, {
    DATABASE_URL: vault.connectionString,
    FERNET_KEYS: vault.fernetKey,
    TOKENS_PER_USER_AND_PROVIDER_MAX: '0', // a load has few users
  });
  const bare = await startService(server.directory, {}, 'bare');
  const minimal = await startService(
    server.directory,
    {
      DATABASE_URL: vault.connectionString,
      FERNET_KEYS: vault.fernetKey,
      BENCH_ORGANIZATION: vault.callers[0]?.organizationId ?? '',
    },
    'minimal',
  );
  const fastApi = withFastApi ? await startFastApi(vault) : undefined;
  const contenders = new Map<Contender, Measure>();
  if (await hasPgbench()) contenders.set('pgbench', (load) => pgbenchLoad(vault, server.directory, load));
  contenders.set('pg driver', (load) => driverLoad(vault, load));
  contenders.set('bare node:http', (load) => serviceLoad(bare, vault, { ...load, isStored: false }));
  contenders.set('minimal', (load) => serviceLoad(minimal, vault, load));
  if (fastApi !== undefined) contenders.set('FastAPI', (load) => serviceLoad(fastApi, vault, load));
  contenders.set('tokenhold', (load) => serviceLoad(service, vault, load));
  try {
    progress('warming up');
    for (const warmed of [service, minimal, fastApi]) {
      if (warmed !== undefined) await serviceLoad(warmed, vault, { connections: 16, seconds: 5 });
    }
    return await compare(contenders);
  } finally {
    for (const started of [service, bare, minimal, fastApi]) await started?.stop();
  }
}

const server = await openServer(process.env['DATABASE_URL']);
try {
  const fastApi = await fastApiVersion();
  const comparisons = await compareAll(server, await server.createVault(1), fastApi !== undefined);
  const results: Results = {
    machine: `${cpus()[0]?.model ?? 'unknown processor'}, ${availableParallelism()} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`,
    ...(fastApi !== undefined && { fastApi }),
    postgresql: server.version,
    settings: server.settings,
    rounds,
    seconds,
    comparisons,
    growth: options['no-growth'] ? [] : await measureGrowth(server, { rounds, seconds }, progress),
  };
  process.stdout.write(options.json ? `${JSON.stringify(results)}\n` : table(results));
} catch (error) {
  if (!(error instanceof NotDurableError)) throw error;
  process.stderr.write(`NOT DURABLE: ${error.message}\n`);
  process.exitCode = 1;
} finally {
  await server.stop();
}
