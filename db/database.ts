import knex, { type Knex } from 'knex';

export interface DatabaseOptions {
  readonly connectionString: string;
  /** The most connections that this process opens. */
  readonly poolMax: number;
}

/** A pool of connections to PostgreSQL. Opens none before the first query. */
export function openDatabase({ connectionString, poolMax }: DatabaseOptions): Knex {
  return knex({
    client: 'pg',
    connection: {
      connectionString,
      application_name: 'tokenhold',
      connectionTimeoutMillis: 5_000,
      keepAlive: true,
    },
    pool: { min: 0, max: poolMax },
    acquireConnectionTimeout: 5_000,
    // Knex logs some errors itself, statement included.
    log: { warn() {}, error() {}, deprecate() {}, debug() {} },
  });
}
