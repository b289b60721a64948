/** `npm run bench:processes`: how many processes one PostgreSQL serves, with the same connections shared among them. */
import { availableParallelism, cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { type BenchVault, openServer, type Server } from './database.ts';
import { serviceLoad } from './loads.ts';
import { giveTokens, releases } from './release-load.ts';
import { type Service, startService } from './start.ts';

const { values: options } = parseArgs({
  options: {
    processes: { type: 'string', default: '1,2,4,8' },
    seconds: { type: 'string', default: '5' },
    connections: { type: 'string', default: '64' },
  },
});
const [seconds, connections] = [Number(options.seconds), Number(options.connections)];

const sum = (figures: readonly number[]): number => figures.reduce((total, figure) => total + figure, 0);

/** Imports and releases in a second, of all processes together. */
async function measure(server: Server, vault: BenchVault, processes: number): Promise<readonly number[]> {
  const settings = {
    DATABASE_URL: vault.connectionString,
    FERNET_KEYS: vault.fernetKey,
    TOKENS_PER_USER_AND_PROVIDER_MAX: '0', // a load has few users
  };
  const services: Service[] = [];
  for (let started = 0; started < processes; started++) {
    services.push(await startService(server.directory, settings));
  }
  const load = { connections: connections / processes, seconds, isStored: false };
  const all = async (run: (service: Service) => Promise<number>) => sum(await Promise.all(services.map(run)));
  const importing = async (service: Service) => (await serviceLoad(service, vault, load)).perSecond;
  const releasing = (service: Service) => releases(service, vault, load);
  try {
    for (const service of services) await giveTokens(service, vault);
    await all((service) => releases(service, vault, { ...load, seconds: 1 })); // warms up
    const released = await all(releasing);
    return [await all(importing), released];
  } finally {
    for (const service of services) await service.stop();
  }
}

const server = await openServer(process.env['DATABASE_URL']);
const vault = await server.createVault(1);
try {
  const lines = ['| processes | imports/s | releases/s |', '| --- | --- | --- |'];
  for (const processes of options.processes.split(',').map(Number)) {
    const figures = await measure(server, vault, processes);
    lines.push(`| ${[processes, ...figures.map((figure) => figure.toFixed(0))].join(' | ')} |`);
  }
  const machine = `${availableParallelism()} cores of ${cpus()[0]?.model ?? 'an unknown kind'}`;
  process.stdout.write(
    `PostgreSQL ${server.version}, ${machine}, ${connections} connections\n\n${lines.join('\n')}\n`,
  );
} finally {
  await server.stop();
}
