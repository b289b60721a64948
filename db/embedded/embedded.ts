import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connectionString, DATABASE, type OwnerMessage, PACKAGE, socketPath } from './cluster.ts';

export interface EmbeddedDatabase {
  readonly connectionString: string;
  stop(): Promise<void>;
}

/** Why the embedded PostgreSQL does not run, and what to do, in a line for an operator. */
export class EmbeddedDatabaseError extends Error {}

/**
 * Starts, and at first use makes, the PostgreSQL of `dataDir`. A detached process owns it and stops it when this process
 * goes away, however that happens; so neither Ctrl-C nor `kill -9` of this process leaves it behind, or ends it too soon.
 * @throws EmbeddedDatabaseError
 */
export async function startEmbedded(dataDir: string): Promise<EmbeddedDatabase> {
  const directory = resolve(dataDir);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  chmodSync(directory, 0o700);
  const owner = spawnOwner(directory);
  const stopped = once(owner, 'exit').catch(() => undefined);
  const message = await Promise.race([firstMessage(owner), stopped.then(() => undefined)]);
  if (message === undefined || 'failed' in message) {
    throw new EmbeddedDatabaseError(
      message?.failed ?? 'the embedded PostgreSQL ended at once: set DATABASE_URL to use another',
    );
  }
  // The owner must not keep this process alive.
  owner.unref();
  owner.channel?.unref();
  return {
    connectionString: message.ready,
    async stop() {
      owner.ref();
      if (owner.connected) owner.disconnect();
      await stopped;
    },
  };
}

/** The connection string of the PostgreSQL that runs on `dataDir` now, or undefined. */
export async function findRunning(dataDir: string): Promise<string | undefined> {
  try {
    const lines = readFileSync(join(dataDir, DATABASE, 'postmaster.pid'), 'utf8').split('\n');
    const directory = lines[4] ?? '';
    const socket = connect(socketPath(directory));
    await once(socket, 'connect').finally(() => socket.destroy());
    return connectionString(directory);
  } catch {
    return undefined;
  }
}

function spawnOwner(directory: string): ChildProcess {
  try {
    import.meta.resolve(PACKAGE);
  } catch {
    throw new EmbeddedDatabaseError(
      'DATABASE_URL is required here: postgresql://… of a PostgreSQL 15 to 18 (the embedded one is for development, and not installed)',
    );
  }
  const isSource = import.meta.url.endsWith('.ts');
  const node = [
    process.execPath,
    ...(isSource ? ['--import', import.meta.resolve('tsx')] : []),
    fileURLToPath(new URL(isSource ? './owner.ts' : './owner.js', import.meta.url)),
    directory,
  ];
  const [command = '', ...args] = process.getuid?.() === 0 ? [...unprivileged(), ...node] : node;
  const { PATH, HOME } = process.env; // no settings of ours: some are secret
  return spawn(command, args, {
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    env: { PATH, HOME, TSX_DISABLE_CACHE: '1' },
  });
}

/**
 * PostgreSQL refuses to run as root. `nobody` with the one capability to pass directories such as /root needs no new
 * system user, and no directory opened to others.
 */
function unprivileged(): string[] {
  const nobody = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((line) => line.startsWith('nobody:'));
  const [, , uid, gid] = nobody?.split(':') ?? [];
  if (uid === undefined || gid === undefined) throw new EmbeddedDatabaseError(HOW_WITHOUT_SETPRIV);
  const capability = '+dac_override';
  return [
    'setpriv',
    `--reuid=${uid}`,
    `--regid=${gid}`,
    '--clear-groups',
    `--inh-caps=${capability}`,
    `--ambient-caps=${capability}`,
    '--securebits=+no_setuid_fixup',
  ];
}

const HOW_WITHOUT_SETPRIV =
  'the embedded PostgreSQL cannot run as root here, for want of setpriv (util-linux) or the user nobody: run as an ordinary user, or set DATABASE_URL';

async function firstMessage(owner: ChildProcess): Promise<OwnerMessage> {
  try {
    const [message]: OwnerMessage[] = await once(owner, 'message');
    return message ?? { failed: 'the embedded PostgreSQL said nothing' };
  } catch {
    // `once` rejects with the spawn's error.
    return { failed: HOW_WITHOUT_SETPRIV };
  }
}
