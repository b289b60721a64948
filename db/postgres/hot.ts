import { trace } from '@opentelemetry/api';
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

export interface HotOptions extends ConnectionOptions {
  /** Whether each statement of a request makes a span. */
  readonly isTracing: boolean;
}

export interface HotStatements {
  /**
   * Runs one statement, prepared once for each connection, and resolves to its rows. It waits `LOCK_TIMEOUT_MS` for a lock.
   * A statement that may wait longer sets `lock_timeout` for itself.
   * @throws the errors of pg; `isUnavailable` and `errorCode` tell them apart
   */
  query<Row>(statement: HotStatement): Promise<readonly Row[]>;
  use(): PoolUse;
  /** Resolves once the statements under way have ended and all connections are closed. */
  close(): Promise<void>;
}

/**
 * One connection looks up keys, and one confirms keys and records their use. For each node: one for imports, one for
 * releases, the lanes of either for troubled tenants, and one for starts of authorizations.
 */
const connections = (nodes: number): number => 2 + nodes * (2 * (1 + LANES_APART) + 1);
/** Short, because a batch holds items of many callers. It is sent again without the item that waits. */
export const LOCK_TIMEOUT_MS = 100;

/**
 * The statements that nearly every request runs. They use pg directly, because Knex costs as much as the statement. They have
 * connections of their own, so that slow queries of other kinds do not delay them. The first statement opens one.
 */
export function openHotStatements(options: HotOptions, nodes = 1): HotStatements {
  const pool = new pg.Pool({
    ...connectionConfig(options, { lock_timeout: String(LOCK_TIMEOUT_MS) }),
    max: connections(nodes),
    idleTimeoutMillis: 0, // a connection keeps its plans
  });
  const watch = watchSilence(silenceLimitMs(options));
  /** Kept out of the pool, which makes a promise and a timer for each statement. The one used last is at the end. */
  const idle: pg.PoolClient[] = [];
  let isClosed = false;
  pool.on('connect', (client) => {
    watch(client);
    client.on('error', () => undefined); // its statement fails with the same error
    client.once('end', () => {
      const at = idle.indexOf(client);
      if (at >= 0) idle.splice(at, 1)[0]?.release(true);
    });
  });

  pool.on('error', () => undefined); // the pool has dropped an idle connection that was lost

  const send = (client: pg.PoolClient, { name, text, values, isPrepared }: HotStatement) =>
    new Promise<pg.QueryResult>((resolve, reject) => {
      const query = new pg.Query(text, values, (error, result) => {
        if (error) reject(error);
        else resolve(result);
      });
      // pg copies a configuration property by property, so the name is set afterwards.
      client.query(isPrepared === false ? query : Object.assign(query, { name }));
    });

  async function run<Row>(statement: HotStatement): Promise<readonly Row[]> {
    const client = idle.pop() ?? (await pool.connect());
    try {
      const { rows } = await send(client, statement);
      if (isClosed || pool.waitingCount > 0) client.release();
      else idle.push(client);
      return rows;
    } catch (error) {
      client.release(!isItemFault(error)); // true: closes the connection
      throw error;
    }
  }

  return {
    query: (statement) =>
      options.isTracing && trace.getActiveSpan() !== undefined
        ? inSpan(statement.name, statement.text, () => run(statement))
        : run(statement),
    use() {
      const free = idle.length + pool.idleCount;
      return { used: pool.totalCount - free, free, waiting: pool.waitingCount };
    },
    close() {
      isClosed = true;
      for (const client of idle.splice(0)) client.release();
      return pool.end();
    },
  };
}
