import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Config } from './config.ts';

/** Finds a free port for `PORT=0`, before the URL of the service is used. */
export async function settlePort<Given extends Pick<Config, 'host' | 'port' | 'publicUrl'>>(
  config: Given,
): Promise<Given> {
  if (config.port !== 0) return config;
  const server = createServer().listen(0, config.host);
  try {
    await once(server, 'listening');
  } catch {
    return config; // listening fails again, and that error is explained
  }
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') return config;
  return { ...config, port: address.port, publicUrl: config.publicUrl.replace(/:0$/, `:${address.port}`) };
}
