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
  /** False: the text differs from call to call, so it is not prepared by its name. */
  readonly isPrepared?: false;
}

/** The values of a statement, in the order in which its text binds them. */
export function createParameters() {
  const values: unknown[] = [];
  return {
    values,
    /** Takes a value in, and gives its placeholder. */
    bind(value: unknown, type: string): string {
      values.push(value);
      return `$${values.length}::${type}`;
    },
  };
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

/** One for look-ups of keys and one for their use. Each node has one for imports and one for releases, and their lanes apart. */
const connections = (nodes: number): number => 2 + nodes * 2 * (1 + LANES_APART);
/** Short, because a batch holds items of many callers. It is sent again without the item that waits. */
export const LOCK_TIMEOUT_MS = 100;

/**
 * The statements that nearly every request runs. They use pg directly, because Knex costs as much as the statement. They have
 * connections of their own, so that slow queries of other kinds do not delay them. The first statement opens one.
 */
export function openHotStatements(options: ConnectionOptions, nodes = 1): HotStatements {
  const pool = new pg.Pool({
    ...connectionConfig(options, { lock_timeout: String(LOCK_TIMEOUT_MS) }),
    max: connections(nodes),
    idleTimeoutMillis: 0, // a connection keeps its plans
  });
  const watch = watchSilence(silenceLimitMs(options));
  pool.on('connect', (client) => {
    watch(client);
    client.on('error', () => undefined); // its statement fails with the same error
  });
  pool.on('error', () => undefined); // the pool has dropped an idle connection that was lost

  async function run<Row>({ name, text, values, isPrepared }: HotStatement): Promise<readonly Row[]> {
    const client = await pool.connect();
    try {
      const { rows } = await client.query<Row & pg.QueryResultRow>({
        ...(isPrepared !== false && { name }),
        text,
        values,
      });
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
