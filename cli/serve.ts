import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createApp } from '../server/app.ts';
import { createHttpServer } from '../server/http.ts';
import { assemble } from './assemble.ts';
import { banner } from './banner.ts';
import { bootstrap } from './bootstrap.ts';
import type { Config } from './config.ts';
import { OperatorError } from './failure.ts';
import { openServerVault } from './vault.ts';

/** Serves until SIGTERM or SIGINT, then finishes what is in flight. */
export async function serve(config: Config): Promise<void> {
  const stopped = stopSignal();
  const vault = await openServerVault(config);
  try {
    const server = createHttpServer(await createApp(assemble(config, vault)), config.limits);
    const address = await listen(server, config);
    const apiKey = config.databaseUrl === undefined ? await bootstrap(vault) : undefined;
    process.stdout.write(
      banner({ address, apiKey, dataDir: config.databaseUrl === undefined ? config.dataDir : undefined }),
    );
    await stopped;
    await close(server, config.shutdownTimeoutSeconds);
  } finally {
    await vault.close();
  }
}

/** The first SIGTERM or SIGINT; the next one ends the process at once. */
function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve());
  });
}

async function listen(server: Server, { host, port }: Config): Promise<AddressInfo> {
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'EADDRINUSE')
      throw new OperatorError(`port ${port} of ${host} is in use: set PORT to a free one`);
    if (code === 'EACCES')
      throw new OperatorError(`port ${port} is not allowed to this user: set PORT to one above 1023`);
    if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
      throw new OperatorError('HOST is no address of this machine: set HOST to one');
    throw error;
  }
  const address = server.address();
  if (address === null || typeof address === 'string') throw new OperatorError('the server has no port');
  return address;
}

/** Stops accepting and waits for what is in flight, as long as the setting allows. */
async function close(server: Server, timeoutSeconds: number): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  // A connection that was busy at close() stays open when its answer is out, until it is idle and closed.
  const idle = setInterval(() => server.closeIdleConnections(), 50);
  const cut = setTimeout(() => server.closeAllConnections(), timeoutSeconds * 1000);
  await closed;
  clearInterval(idle);
  clearTimeout(cut);
}
