/** `npm run bench:processes`: how many processes one PostgreSQL serves, with the same connections shared among them. */
import { availableParallelism, cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { type BenchVault, giveTokens, openServer, type Server, settingsOf } from './database.ts';
import { importLoad, type Load, type LoadOptions, releaseLoad } from './loads.ts';
import { type Service, startService } from './start.ts';

const { values: options } = parseArgs({
  options: {
    processes: { type: 'string', default: '1,2,4,8' },
    seconds: { type: 'string', default: '5' },
    connections: { type: 'string', default: '64' },
  },
});
const [seconds, connections] = [Number(options.seconds), Number(options.connections)];

/** Imports and releases in a second, of all processes together. */
async function measure(server: Server, vault: BenchVault, processes: number): Promise<readonly number[]> {
  const services: Service[] = [];
  try {
    for (let started = 0; started < processes; started++) {
      services.push(await startService(server.directory, settingsOf(vault)));
    }
    const all = async (
      load: (service: Service, vault: BenchVault, options: LoadOptions) => Promise<Load>,
      duration = seconds,
    ) => {
      const share = { connections: connections / processes, seconds: duration };
      const loads = await Promise.all(services.map((service) => load(service, vault, share)));
      return loads.reduce((total, { perSecond }) => total + perSecond, 0);
    };
    await all(releaseLoad, 1); // warms up
    const released = await all(releaseLoad);
    return [await all(importLoad), released];
  } finally {
    for (const service of services) await service.stop();
  }
}

const server = await openServer(process.env['DATABASE_URL']);
const vault = await server.createVault(1);
try {
  await giveTokens(vault);
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
