import pg from 'pg';

/** A connection that listens for notifications for as long as the process runs. */
export interface Listener {
  close(): Promise<void>;
}

const RECONNECT_MS = 1_000;

/**
 * Listens on a channel, over one connection of its own. A lost connection is opened again. Notifications that were sent
 * meanwhile are lost, so the caller must also poll now and then.
 * @param channel an identifier of ours, which is not quoted
 * @param onNotification gets the payload of each notification
 */
export function listen(
  connectionString: string,
  channel: string,
  onNotification: (payload: string) => void,
): Listener {
  let client: pg.Client | undefined;
  let retry: NodeJS.Timeout | undefined;
  let isClosed = false;

  async function connect(): Promise<void> {
    const connecting = new pg.Client({
      connectionString,
      application_name: 'tokenhold listener',
      keepAlive: true,
    });
    client = connecting;
    connecting.on('error', () => undefined); // 'end' follows
    connecting.once('end', reconnect);
    connecting.on('notification', ({ payload = '' }) => onNotification(payload));
    await connecting.connect();
    await connecting.query(`LISTEN ${channel}`);
  }

  function reconnect(): void {
    client?.removeAllListeners('end');
    client = undefined;
    if (isClosed || retry !== undefined) return;
    retry = setTimeout(() => {
      retry = undefined;
      void open();
    }, RECONNECT_MS);
    retry.unref();
  }

  async function open(): Promise<void> {
    const opening = connect();
    const opened = client;
    try {
      await opening;
    } catch {
      // The database is away. Requests report that; the next attempt comes in a second.
      await opened?.end().catch(() => undefined);
      reconnect();
    }
  }

  void open();
  return {
    async close() {
      isClosed = true;
      clearTimeout(retry);
      const open = client;
      client = undefined;
      open?.removeAllListeners('end');
      open?.connection.stream.destroy(); // a connection that has gone silent would never end
    },
  };
}
