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
 * `ETIMEDOUT`. The other connections of the same pool are likely to be as dead: those that are idle, or have received nothing
 * for half as long, are destroyed with it, so that no further statement waits for them.
 * @returns a function that watches a connected client
 */
export function watchSilence(limitMs: number): (client: Client) => void {
  /** When each connection last received something. */
  const heardAt = new Map<Client, number>();
  return (client) => {
    const { stream } = client.connection;
    if (limitMs === 0 || !(stream instanceof Socket)) return;
    const hear = () => heardAt.set(client, performance.now());
    hear();
    stream.on('data', hear);
    client.once('end', () => heardAt.delete(client));
    stream.setTimeout(limitMs);
    stream.on('timeout', () => {
      if (isIdle(client)) return;
      const suspectedBefore = performance.now() - limitMs / 2;
      for (const [other, at] of heardAt) {
        if (isIdle(other) || at < suspectedBefore) destroy(other);
      }
    });
  };
}

function destroy({ connection: { stream } }: Client): void {
  stream.destroy(new SilentConnectionError('the connection has gone silent'));
}
