import knex, { type Knex } from 'knex';

export interface DatabaseOptions {
  readonly connectionString: string;
  /** The most connections that this process opens. */
  readonly poolMax: number;
  /** What takes longer is cancelled; 0: nothing is. */
  readonly statementTimeoutSeconds: number;
  /** How long a query may wait for a connection. */
  readonly acquireTimeoutSeconds: number;
}

/** A pool of connections to PostgreSQL. Opens none before the first query. */
export function openDatabase(options: DatabaseOptions): Knex {
  const acquireTimeout = options.acquireTimeoutSeconds * 1000;
  const statementTimeout = options.statementTimeoutSeconds * 1000;
  return knex({
    client: 'pg',
    connection: {
      connectionString: options.connectionString,
      application_name: 'tokenhold',
      connectionTimeoutMillis: acquireTimeout,
      statement_timeout: statementTimeout,
      // For a server that has gone silent: a little later than its own timeout.
      ...(statementTimeout > 0 && { query_timeout: statementTimeout + 1000 }),
      keepAlive: true,
      // A plan is kept, those of foreign keys too, and one made while a table was small must not read it all once it is large.
      options: '-c enable_seqscan=off -c jit=off',
    },
    pool: { min: 0, max: options.poolMax },
    acquireConnectionTimeout: acquireTimeout,
    // Knex logs some errors itself, statement included.
    log: { warn() {}, error() {}, deprecate() {}, debug() {} },
  });
}

/** What Knex's pool (tarn) tells of itself. */
interface Pool {
  numUsed(): number;
  numFree(): number;
  numPendingAcquires(): number;
}

/** How many connections are in use and free, and how many queries wait for one. */
export function poolUse(db: Knex): Readonly<Record<'used' | 'free' | 'waiting', number>> {
  const pool: Pool = db.client.pool;
  return { used: pool.numUsed(), free: pool.numFree(), waiting: pool.numPendingAcquires() };
}
