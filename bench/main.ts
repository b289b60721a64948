/** `npm run bench`: compares the service with PostgreSQL alone, and prints the results as docs/benchmarks.md has them. */
import { availableParallelism, cpus, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { compareImports, compareReleases, type Rounds } from './compare.ts';
import { openServer } from './database.ts';
import { fastApiVersion } from './fastapi/start.ts';
import { measureGrowth } from './growth.ts';
import { NotDurableError } from './loads.ts';
import { growthTables, heading, importTables, releaseTables } from './report.ts';

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: 'imports,releases,growth' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '4' },
    connections: { type: 'string', default: '1,16,64' },
  },
});
const parts = options.only.split(',');
const rounds: Rounds = {
  rounds: Number(options.rounds),
  seconds: Number(options.seconds),
  levels: options.connections.split(',').map(Number),
  progress: (text) => process.stderr.write(`${text}\n`),
};

/** Each section is printed as soon as it is measured. */
const print = (text: string) => process.stdout.write(`${text}\n\n`);

const server = await openServer(process.env['DATABASE_URL']);
try {
  const fastApi = await fastApiVersion();
  print(
    heading({
      machine: `${cpus()[0]?.model ?? 'unknown processor'}, ${availableParallelism()} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`,
      fastApi,
      server,
      rounds,
    }),
  );
  if (parts.includes('imports')) {
    print(importTables(await compareImports(server, fastApi !== undefined, rounds)));
  }
  if (parts.includes('releases')) print(releaseTables(await compareReleases(server, rounds)));
  if (parts.includes('growth')) print(growthTables(await measureGrowth(server, rounds)));
} catch (error) {
  if (!(error instanceof NotDurableError)) throw error;
  process.stderr.write(`NOT DURABLE: ${error.message}\n`);
  process.exitCode = 1;
} finally {
  await server.stop();
}
