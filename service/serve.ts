import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createKeyRing } from '../crypto/key-ring.ts';
import { droppedSettings } from '../db/postgres/pooler.ts';
import { createApp } from '../server/app.ts';
import { closeServer, createHttpServer } from '../server/http.ts';
import { createLogger, type Logger } from '../server/log.ts';
import { createMetricsServer, showBuild } from '../server/metrics.ts';
import { requireKeys } from '../vault/keys.ts';
import { assemble } from './assemble.ts';
import { banner } from './banner.ts';
import { bootstrap } from './bootstrap.ts';
import type { Config } from './config.ts';
import { startConsentWork } from './consent.ts';
import { explain } from './failure.ts';
import { areReloadable, readKeys } from './keys.ts';
import { OperatorError } from './operator-error.ts';
import { settlePort } from './port.ts';
import { openServerVault, type Vault } from './repositories.ts';
import { VERSION } from './version.ts';

/** Serves until SIGTERM or SIGINT, then finishes the requests in flight. */
export async function serve(given: Config): Promise<void> {
  const config = await settlePort(given);
  // If the keys cannot be read again, SIGHUP ends the process, as it ends any program whose terminal is gone.
  const stopped = stopSignal(areReloadable(config) ? [] : ['SIGHUP']);
  const stopping = new AbortController();
  const log = createLogger(config.logLevel);
  const vault = await openServerVault(config);
  const servers: Server[] = [];
  let stopTracing = async (): Promise<void> => undefined;
  let stopConsentWork = async (): Promise<void> => undefined;
  let stopRefreshing = async (): Promise<void> => undefined;
  let stopRevoking = async (): Promise<void> => undefined;
  try {
    if (areReloadable(config)) reloadKeysOnHangup(config, vault, log);
    // Its packages take a while to load.
    if (config.isTracing) stopTracing = (await import('./tracing.ts')).startTracing(vault.db);
    const parts = assemble(config, vault, log, stopping.signal);
    stopRefreshing = parts.refreshing.start();
    // Comes first: the reuse windows of orphans are closing, and the rest of the start blocks the event loop.
    await parts.refreshing.recovered();
    showBuild(parts.metrics, VERSION);
    stopConsentWork = startConsentWork(vault, parts);
    stopRevoking = parts.revoker.start();
    const server = createHttpServer(await createApp(parts), config.limits);
    servers.push(server);
    const address = await listen(server, config.host, config.port, 'PORT');
    if (config.metricsPort !== undefined) {
      const metricsServer = createMetricsServer(parts.metrics);
      servers.push(metricsServer);
      const { port } = await listen(metricsServer, config.metricsHost, config.metricsPort, 'METRICS_PORT');
      log.info({ 'server.port': port }, 'metrics');
    }
    const dropped = await droppedSettings(vault.db, config.statementTimeoutSeconds);
    if (dropped.length > 0)
      log.warn({ 'tokenhold.statements': dropped }, 'a pooler drops settings of the connection');
    const apiKey = config.databaseUrl === undefined ? await bootstrap(vault) : undefined;
    process.stdout.write(
      banner({ address, apiKey, dataDir: config.databaseUrl === undefined ? config.dataDir : undefined }),
    );
    log.info(
      { 'service.version': VERSION, 'server.address': address.address, 'server.port': address.port },
      'started',
    );
    log.info({ 'tokenhold.signal': await stopped }, 'stopping');
  } finally {
    stopping.abort();
    await Promise.all(servers.map((server) => closeServer(server, config.shutdownTimeoutSeconds)));
    await stopConsentWork();
    await stopRefreshing();
    await stopRevoking();
    await stopTracing();
    await vault.close();
  }
  log.info('stopped');
}

/** Replaces the keys without dropping a request. Keys that do not open all that is stored are refused. */
function reloadKeysOnHangup(config: Config, vault: Vault, log: Logger): void {
  process.on('SIGHUP', async () => {
    try {
      const keys = await readKeys(config);
      await requireKeys(vault, createKeyRing(keys));
      vault.keyRing.replace(keys);
      log.info({ 'tokenhold.key.fingerprints': vault.keyRing.fingerprints() }, 'keys reloaded');
    } catch (error) {
      log.error({ 'tokenhold.reason': explain(error) }, 'keys not reloaded');
    }
  });
}

/** Waits for the first SIGTERM or SIGINT. The next one ends the process at once. */
function stopSignal(others: readonly NodeJS.Signals[]): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT', ...others] as const) process.once(signal, resolve);
  });
}

async function listen(server: Server, host: string, port: number, setting: string): Promise<AddressInfo> {
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'EADDRINUSE')
      throw new OperatorError(`port ${port} of ${host} is in use: set ${setting} to a free one`);
    if (code === 'EACCES')
      throw new OperatorError(`port ${port} is not allowed to this user: set ${setting} to one above 1023`);
    if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
      throw new OperatorError(
        `${host} is no address of this machine: set ${setting.replace('PORT', 'HOST')} to one`,
      );
    throw error;
  }
  const address = server.address();
  if (address === null || typeof address === 'string') throw new OperatorError('the server has no port');
  return address;
}
