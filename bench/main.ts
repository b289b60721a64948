/** `npm run bench`: what the service reaches, against what PostgreSQL reaches without it. See docs/benchmarks.md. */
import { availableParallelism, cpus, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { type BenchVault, openServer, type Server } from './database.ts';
import { measureGrowth } from './growth.ts';
import { driverLoad, type Load, NotDurableError, serviceLoad } from './loads.ts';
import { hasPgbench, pgbenchLoad } from './pgbench.ts';
import { type Comparison, median, type Results, table } from './report.ts';
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

/** Tells a person what goes on, beside the results. */
const progress = (text: string) => process.stderr.write(`${text}\n`);

async function compare(server: Server, vault: BenchVault): Promise<Comparison[]> {
  const service = await startService(server.directory, {
    DATABASE_URL: vault.connectionString,
    FERNET_KEYS: vault.fernetKey,
  });
  const bare = await startService(server.directory, {}, 'bare');
  const withPgbench = await hasPgbench();
  const levels = options.connections.split(',').map(Number);
  const loads = levels.map((connections) => ({
    connections,
    service: [] as Load[],
    driver: [] as Load[],
    pgbench: [] as Load[],
    bare: [] as Load[],
  }));
  progress('warming up');
  await serviceLoad(service, vault, { connections: 16, seconds: 5 });
  for (let round = 1; round <= rounds; round++) {
    for (const { connections, ...of } of loads) {
      progress(`round ${round} of ${rounds}, ${connections} connections`);
      const load = { connections, seconds };
      if (withPgbench) of.pgbench.push(await pgbenchLoad(vault, server.directory, load));
      of.bare.push(await serviceLoad(bare, vault, { ...load, isStored: false }));
      of.driver.push(await driverLoad(vault, load));
      of.service.push(await serviceLoad(service, vault, load));
    }
  }
  await service.stop();
  await bare.stop();
  return loads.map(({ connections, service: ofService, driver, bare: ofBare, pgbench }) => ({
    connections,
    service: median(ofService),
    driver: median(driver),
    bare: median(ofBare),
    ...(pgbench.length > 0 && { pgbench: median(pgbench) }),
  }));
}

const server = await openServer(process.env['DATABASE_URL']);
try {
  const comparisons = await compare(server, await server.createVault(1));
  const results: Results = {
    machine: `${cpus()[0]?.model ?? 'unknown processor'}, ${availableParallelism()} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`,
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
