import type pg from 'pg';
import { type BenchCaller, type BenchVault, openServer, type Server } from '../database.ts';
import { type OwnService, startService } from '../start.ts';

/** Two organizations in one service: the neighbour is measured, the hostile one attacks. */
export interface Arena {
  readonly server: Server;
  readonly service: OwnService;
  readonly client: pg.Client;
  readonly neighbours: readonly BenchCaller[];
  readonly hostile: readonly BenchCaller[];
  stop(): Promise<void>;
}

/** The settings of production where a figure depends on them. */
const SETTINGS = {
  DATABASE_STATEMENT_TIMEOUT_SECONDS: '2',
  DATABASE_ACQUIRE_TIMEOUT_SECONDS: '2',
  MAX_CONNECTIONS: '2000', // an attack has more
  TOKENS_PER_USER_AND_PROVIDER_MAX: '0', // a load has few users
};

export const startArenaService = (directory: string, connectionString: string, { fernetKey }: BenchVault) =>
  startService(directory, { ...SETTINGS, DATABASE_URL: connectionString, FERNET_KEYS: fernetKey });

export async function openArena(): Promise<Arena> {
  const server = await openServer(process.env['DATABASE_URL']);
  const vault = await server.createVault(2);
  const service = await startArenaService(server.directory, vault.connectionString, vault);
  const [first] = vault.callers;
  const isNeighbour = ({ organizationId }: BenchCaller) => organizationId === first?.organizationId;
  return {
    server,
    service,
    client: vault.client,
    neighbours: vault.callers.filter(isNeighbour),
    hostile: vault.callers.filter((caller) => !isNeighbour(caller)),
    async stop() {
      await service.stop();
      await server.stop();
    },
  };
}
