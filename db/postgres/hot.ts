import pg from 'pg';
import { LANES_APART } from './batcher.ts';
import { type ConnectionOptions, connectionConfig, type PoolUse, silenceLimitMs } from './connection.ts';
import { isItemFault } from './errors.ts';
import { watchSilence } from './silence.ts';
import { inSpan } from './tracing.ts';

export interface HotStatement {
  /** Names the prepared statement and its span: one name, one text. */
  readonly name: string;
  /** With placeholders `$1`, `$2`, ... */
  readonly text: string;
  readonly values: unknown[];
}

export interface HotStatements {
  /**
   * Runs one statement, prepared once for each connection, and resolves to its rows. It waits `LOCK_TIMEOUT_MS` for a lock.
   * A statement that may wait longer sets `lock_timeout` for itself.
   * @throws the errors of pg; `isUnavailable` and `errorCode` tell them apart
   */
  query<Row>(statement: HotStatement): Promise<readonly Row[]>;
  use(): PoolUse;
  close(): Promise<void>;
}

/** One for each kind of statement (import, release, look-up and use of a key), and lanes apart for imports and releases. */
const CONNECTIONS = 4 + 2 * LANES_APART;
/** Short, because a batch holds items of many callers. It is sent again without the item that waits. */
export const LOCK_TIMEOUT_MS = 100;

/**
 * The statements that nearly every request runs. They use pg directly, because Knex costs as much as the statement. They have
 * connections of their own, so that slow queries of other kinds do not delay them. The first statement opens one.
 */
export function openHotStatements(options: ConnectionOptions): HotStatements {
  const pool = new pg.Pool({
    ...connectionConfig(options, { lock_timeout: String(LOCK_TIMEOUT_MS) }),
    max: CONNECTIONS,
    idleTimeoutMillis: 0, // a connection keeps its plans
  });
  const watch = watchSilence(silenceLimitMs(options));
  pool.on('connect', (client) => {
    watch(client);
    client.on('error', () => undefined); // its statement fails with the same error
  });
  pool.on('error', () => undefined); // the pool has dropped an idle connection that was lost

  async function run<Row>({ name, text, values }: HotStatement): Promise<readonly Row[]> {
    const client = await pool.connect();
    try {
      const { rows } = await client.query<Row & pg.QueryResultRow>({ name, text, values });
      client.release();
      return rows;
    } catch (error) {
      client.release(!isItemFault(error)); // true: closes the connection
      throw error;
    }
  }

  return {
    query: (statement) => inSpan(statement.name, statement.text, () => run(statement)),
    use: () => ({ used: pool.totalCount - pool.idleCount, free: pool.idleCount, waiting: pool.waitingCount }),
    close: () => pool.end(),
  };
}
