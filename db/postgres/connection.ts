import type { ClientConfig } from 'pg';

export interface ConnectionOptions {
  readonly connectionString: string;
  /** PostgreSQL cancels a statement that takes longer. 0: it cancels none. */
  readonly statementTimeoutSeconds: number;
  /** How long a statement may wait for a connection. */
  readonly acquireTimeoutSeconds: number;
}

/** How many connections of a pool are in use and free, and how many statements wait for one. */
export interface PoolUse {
  readonly used: number;
  readonly free: number;
  readonly waiting: number;
}

/** After the statement timeout: the time that PostgreSQL's own refusal may take to arrive. */
const GRACE_MS = 500;
const KEEP_ALIVE_AFTER_MS = 10_000;

/** How long a connection may stay silent while a statement runs. 0: for ever. */
export const silenceLimitMs = ({ statementTimeoutSeconds }: ConnectionOptions): number =>
  statementTimeoutSeconds === 0 ? 0 : statementTimeoutSeconds * 1000 + GRACE_MS;

/**
 * The settings of every connection to PostgreSQL.
 * @param parameters further server parameters by name
 */
export function connectionConfig(
  options: ConnectionOptions,
  parameters: Readonly<Record<string, string>> = {},
) {
  const serverParameters = {
    // Prepared plans, also those of foreign-key checks, live as long as the connection. A plan made for a small table
    // must not scan it once it is large.
    enable_seqscan: 'off',
    jit: 'off',
    // The server closes the connection of a client that acknowledges nothing, which frees its locks. Unix sockets ignore it.
    ...(silenceLimitMs(options) > 0 && { tcp_user_timeout: String(silenceLimitMs(options)) }),
    ...parameters,
  };
  return {
    connectionString: options.connectionString,
    application_name: 'tokenhold',
    connectionTimeoutMillis: options.acquireTimeoutSeconds * 1000,
    statement_timeout: options.statementTimeoutSeconds * 1000,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_AFTER_MS,
    options: Object.entries(serverParameters)
      .map(([name, value]) => `-c ${name}=${value}`)
      .join(' '),
  } satisfies ClientConfig;
}
