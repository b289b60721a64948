import knex, { type Knex } from 'knex';
import type { Client } from 'pg';
import { type ConnectionOptions, connectionConfig, type PoolUse, silenceLimitMs } from './connection.ts';
import { watchSilence } from './silence.ts';

export interface DatabaseOptions extends ConnectionOptions {
  /** The most connections that this pool opens. */
  readonly poolMax: number;
}

/** A pool of connections to PostgreSQL, for everything but the hot statements. Opens none before the first query. */
export function openDatabase(options: DatabaseOptions): Knex {
  const watch = watchSilence(silenceLimitMs(options));
  return knex({
    client: 'pg',
    version: '15', // the oldest supported; Knex would ask each new connection, before it is watched
    connection: { ...connectionConfig(options) },
    pool: {
      min: 0,
      max: options.poolMax,
      afterCreate(client: Client, done: () => void) {
        watch(client);
        done();
      },
    },
    acquireConnectionTimeout: options.acquireTimeoutSeconds * 1000,
    // Knex logs some errors itself, statement included.
    log: { warn() {}, error() {}, deprecate() {}, debug() {} },
  });
}

/** The counters of tarn, Knex's pool. */
interface Pool {
  numUsed(): number;
  numFree(): number;
  numPendingAcquires(): number;
  readonly used: readonly { readonly resource: Client }[];
}

export function poolUse(db: Knex): PoolUse {
  const pool: Pool = db.client.pool;
  return { used: pool.numUsed(), free: pool.numFree(), waiting: pool.numPendingAcquires() };
}

/** Closes a pool at once. Connections in use are cut, and their statements fail. */
export async function abandon(db: Knex): Promise<void> {
  const pool: Pool = db.client.pool;
  for (const { resource } of pool.used) resource.connection.stream.destroy();
  await db.destroy();
}

/** The sum over several pools. */
export const totalUse = (...pools: readonly PoolUse[]): PoolUse => {
  const sum = (of: (use: PoolUse) => number) => pools.reduce((total, use) => total + of(use), 0);
  return {
    used: sum(({ used }) => used),
    free: sum(({ free }) => free),
    waiting: sum(({ waiting }) => waiting),
  };
};
