import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Config } from './config.ts';

/** Settles which free port `PORT=0` is, before anything tells others the URL of the service. */
export async function settlePort<Given extends Pick<Config, 'host' | 'port' | 'publicUrl'>>(
  config: Given,
): Promise<Given> {
  if (config.port !== 0) return config;
  const server = createServer().listen(0, config.host);
  try {
    await once(server, 'listening');
  } catch {
    return config; // the server itself tells what is wrong with the host
  }
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') return config;
  return { ...config, port: address.port, publicUrl: config.publicUrl.replace(/:0$/, `:${address.port}`) };
}
