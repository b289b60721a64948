import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** A TCP proxy before PostgreSQL, whose connections can go silent. */
export interface DatabaseProxy {
  /** The same database, through the proxy. */
  readonly connectionString: string;
  /** From now on, the connections that are open neither pass on a byte nor close. */
  silence(): void;
  close(): void;
}

/** @param connectionString of a PostgreSQL that listens on a port or a Unix socket */
export async function startProxy(connectionString: string): Promise<DatabaseProxy> {
  const url = new URL(connectionString);
  const host = decodeURIComponent(url.hostname);
  const port = Number(url.port || 5432);
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(host.startsWith('/') ? { path: `${host}/.s.PGSQL.${port}` } : { host, port });
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.pipe(to);
      from.on('error', () => to.destroy());
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  url.hostname = '127.0.0.1';
  url.port = String(typeof address === 'object' ? address?.port : '');
  return {
    connectionString: url.href,
    silence() {
      for (const socket of sockets) socket.unpipe().pause();
    },
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
