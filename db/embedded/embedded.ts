import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync } from 'node:fs';
import { connect } from 'node:net';
import { userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  connectionString,
  DATABASE,
  EmbeddedDatabaseError,
  type OwnerMessage,
  PACKAGE,
  socketDirectory,
  socketPath,
} from './cluster.ts';

export interface EmbeddedDatabase {
  readonly connectionString: string;
  stop(): Promise<void>;
}

/**
 * Starts the PostgreSQL of `dataDir`; the first start makes it. A detached process owns it, and stops it when this process
 * has ended, also after Ctrl-C or `kill -9`.
 * @throws EmbeddedDatabaseError
 */
export async function startEmbedded(dataDir: string): Promise<EmbeddedDatabase> {
  const program = ownerProgram();
  requireUserName();
  const directory = resolve(dataDir);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  chmodSync(directory, 0o700);
  const owner = spawnOwner([...program, directory]);
  const stopped = once(owner, 'exit').catch(() => undefined);
  const message = await Promise.race([
    firstMessage(owner).catch(() => undefined),
    stopped.then(() => undefined),
  ]);
  if (message === undefined || 'failed' in message) {
    throw new EmbeddedDatabaseError(
      message?.failed ?? 'the embedded PostgreSQL ended at once: set DATABASE_URL to use another',
    );
  }
  // The owner must not keep this process alive.
  owner.unref();
  owner.channel?.unref();
  return {
    connectionString: connectionString(join(directory, DATABASE)),
    async stop() {
      owner.ref();
      if (owner.connected) owner.disconnect();
      await stopped;
    },
  };
}

/** The connection string of the PostgreSQL that runs on `dataDir` now, or undefined. */
export async function findRunning(dataDir: string): Promise<string | undefined> {
  const cluster = resolve(dataDir, DATABASE);
  try {
    const socket = connect(socketPath(socketDirectory(cluster)));
    await once(socket, 'connect').finally(() => socket.destroy());
    return connectionString(cluster);
  } catch {
    return undefined;
  }
}

/** The command line of the owner, without its argument. @throws EmbeddedDatabaseError where the package is not installed */
function ownerProgram(): readonly string[] {
  try {
    import.meta.resolve(PACKAGE);
  } catch {
    throw new EmbeddedDatabaseError(
      'DATABASE_URL is required here: postgresql://… of a PostgreSQL 15 to 18 (the embedded one is for development, and not installed)',
    );
  }
  const isSource = import.meta.url.endsWith('.ts');
  return [
    ...(isSource ? ['--import', import.meta.resolve('tsx')] : []),
    fileURLToPath(new URL(isSource ? './owner.ts' : './owner.js', import.meta.url)),
  ];
}

/** PostgreSQL looks up the names of its own user and of the client's. Containers may run under ids without a name. */
function requireUserName(): void {
  try {
    userInfo();
  } catch {
    throw new EmbeddedDatabaseError(
      `the embedded PostgreSQL needs a user with a name, and /etc/passwd has none for the id ${process.getuid?.()}: set DATABASE_URL (any user id will do then), or run as a user with an entry there`,
    );
  }
}

function spawnOwner(args: readonly string[]): ChildProcess {
  const { PATH, HOME } = process.env; // no settings of ours: some are secret
  return spawn(process.execPath, args, {
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    env: { PATH, HOME, TSX_DISABLE_CACHE: '1' },
  });
}

async function firstMessage(owner: ChildProcess): Promise<OwnerMessage> {
  const [message]: OwnerMessage[] = await once(owner, 'message');
  return message ?? { failed: 'the embedded PostgreSQL said nothing' };
}
