import { Socket } from 'node:net';
import type { Client } from 'pg';

/** A statement got no answer, although PostgreSQL should have cancelled it by now. */
class SilentConnectionError extends Error {
  readonly code = 'ETIMEDOUT';
}

/** pg sends a statement only when the one before it is complete. */
const isIdle = (client: Client): boolean => 'readyForQuery' in client && client.readyForQuery === true;

/**
 * Closes connections that have gone silent: a firewall that forgot them, or a host that is gone, drops packets without a
 * reset. A connection on which a statement runs and no byte moves for `limitMs` is destroyed, and its statement fails with
 * `ETIMEDOUT`. The idle ones of the same pool are closed with it, since they may be as dead.
 * @returns a function that watches a connected client
 */
export function watchSilence(limitMs: number): (client: Client) => void {
  const watched = new Set<Client>();
  return (client) => {
    const { stream } = client.connection;
    if (limitMs === 0 || !(stream instanceof Socket)) return;
    watched.add(client);
    client.once('end', () => watched.delete(client));
    stream.setTimeout(limitMs, () => {
      if (isIdle(client)) return;
      for (const other of watched) {
        if (isIdle(other)) destroy(other);
      }
      destroy(client);
    });
  };
}

function destroy({ connection: { stream } }: Client): void {
  stream.destroy(new SilentConnectionError('the connection has gone silent'));
}
