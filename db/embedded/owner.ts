/**
 * Owns the embedded PostgreSQL of one data directory, as long as the process that started this one lives.
 * Run detached, with the data directory as its argument and a channel to its starter.
 */
import { once } from 'node:events';
import {
  closeSync,
  constants,
  fchownSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { connectionString, DATABASE, EmbeddedDatabaseError, type OwnerMessage, PACKAGE } from './cluster.ts';
import { claim, findPrograms, isAlive, isRoot, PRIVATE, type Programs, remove } from './programs.ts';

/** How long a starting service waits until another owner has ended. */
const PATIENCE_MS = 15_000;
const SMART_SHUTDOWN_SECONDS = 3;
/** Before each restart: a PostgreSQL that ends at once, or cannot start, must not take a core. */
const RESTART_PAUSE_MS = 500;
/** The session of the owner holds this lock. So there is one owner, and a killed owner leaves none. */
const OWNER_LOCK = 1;
const LOG = 'postgres.log';

const [, , dataDir = ''] = process.argv;
const cluster = join(dataDir, DATABASE);
const log = join(cluster, LOG);

async function initialize({ initdb }: Programs): Promise<void> {
  if (readdirSync(dataDir).includes(DATABASE)) return;
  const fresh = `${cluster}.new-${process.pid}`;
  mkdirSync(fresh);
  await initdb(fresh, [
    '--username=postgres',
    '--auth=peer',
    '--no-instructions',
    '--encoding=UTF8',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--locale=C',
  ]);
  try {
    renameSync(fresh, cluster);
  } catch {
    remove(fresh); // another process was first
  }
}

/**
 * The cluster listens on a socket, and admits processes of this user only, as any role. The operating system tells their
 * user (peer authentication), so there is no password.
 */
function configuration(): Readonly<Record<string, readonly string[]>> {
  const user = userInfo().username.replaceAll('"', '""');
  return {
    'postgresql.auto.conf': [
      "listen_addresses = ''",
      "unix_socket_directories = '.'",
      "unix_socket_permissions = '0700'",
    ],
    'pg_hba.conf': ['local all all peer map=owner'],
    'pg_ident.conf': [`owner "${user}" all`],
  };
}

/** Follows no symbolic link: the directory belongs to PostgreSQL's account, and this process may run as root. */
function writeFile(path: string, lines: readonly string[]): void {
  rmSync(path, { force: true });
  const file = openSync(path, 'wx', 0o600);
  writeSync(file, `${lines.join('\n')}\n`);
  if (isRoot) fchownSync(file, PRIVATE.uid, PRIVATE.gid);
  closeSync(file);
}

async function start({ pg_ctl }: Programs): Promise<void> {
  claim(cluster);
  for (const [name, lines] of Object.entries(configuration())) writeFile(join(cluster, name), lines);
  rmSync(log, { force: true });
  await pg_ctl(cluster, ['start', '--silent', '--wait', `--log=${LOG}`]);
}

async function stop({ pg_ctl }: Programs): Promise<void> {
  try {
    // "smart" first, so that a command that still uses the database can finish.
    await pg_ctl(cluster, ['stop', '--silent', '--mode=smart', `--timeout=${SMART_SHUTDOWN_SECONDS}`]);
  } catch {
    await pg_ctl(cluster, ['stop', '--silent', '--mode=fast']).catch(() => undefined);
  }
}

/** Opens a session that makes this process the owner. Undefined: there is another owner, or no PostgreSQL. */
async function takeOwnership(): Promise<pg.Client | undefined> {
  const session = new pg.Client({ connectionString: connectionString(cluster, 'postgres') });
  session.on('error', () => undefined); // `end` follows
  try {
    await session.connect();
    const { rows } = await session.query('SELECT pg_try_advisory_lock($1) AS mine', [OWNER_LOCK]);
    if (rows[0]?.mine === true) return session;
  } catch {
    return undefined;
  }
  await session.end();
  return undefined;
}

/** Starts the cluster, or adopts it if its owner was killed. Waits while there is another owner. */
async function own(programs: Programs): Promise<pg.Client> {
  let failure: unknown;
  for (const deadline = Date.now() + PATIENCE_MS; Date.now() < deadline; await delay(100)) {
    const adopted = await takeOwnership();
    if (adopted !== undefined) return adopted;
    try {
      await start(programs);
      const session = await takeOwnership();
      if (session !== undefined) return session;
    } catch (error) {
      failure = error; // another owner runs it, or it is still stopping
      if (error instanceof EmbeddedDatabaseError) break;
    }
  }
  throw failure;
}

/** Restarts a PostgreSQL that has ended, for example because its disk is full. Retries until it starts, or its starter ends. */
async function bringBack(programs: Programs): Promise<pg.Client> {
  for (;;) {
    await delay(RESTART_PAUSE_MS);
    try {
      return await own(programs);
    } catch (error) {
      if (!process.connected) throw error;
    }
  }
}

async function createDatabase(session: pg.Client): Promise<void> {
  const { rows } = await session.query("SELECT FROM pg_database WHERE datname = 'tokenhold'");
  if (rows.length === 0) await session.query('CREATE DATABASE tokenhold');
}

/** What to do about a failed start. */
function advice(error: unknown): string {
  if (error instanceof EmbeddedDatabaseError) return error.message;
  const stderr = error instanceof Error && 'stderr' in error ? String(error.stderr) : '';
  if (/shared librar|Library not loaded/.test(stderr)) {
    return `the embedded PostgreSQL lacks its libraries: run \`npm rebuild ${PACKAGE}\``;
  }
  const pid = readPid();
  if (pid !== undefined) {
    return `the embedded PostgreSQL of ${cluster} is in use by another process: stop that, or \`kill ${pid}\`, or set DATA_DIR to another directory`;
  }
  const said = lines(stderr);
  const last =
    [...said, ...lines(readLog())].findLast((line) => /error|fatal|panic/i.test(line)) ?? said.at(-1);
  return `the embedded PostgreSQL of ${cluster} does not start (${last ?? 'no message'}): see ${log}, or set DATABASE_URL to use another`;
}

const lines = (text: string): string[] => text.split('\n').filter((line) => line.trim() !== '');

function readLog(): string {
  try {
    const file = openSync(log, constants.O_RDONLY | constants.O_NOFOLLOW);
    const text = readFileSync(file, 'utf8');
    closeSync(file);
    return text;
  } catch {
    return '';
  }
}

function readPid(): number | undefined {
  try {
    const pid = Number(readFileSync(join(cluster, 'postmaster.pid'), 'utf8').split('\n')[0]);
    return isAlive(pid) ? pid : undefined;
  } catch {
    return undefined;
  }
}

/** Resolves to false when the session is over. */
const ended = (session: pg.Client): Promise<false> =>
  new Promise((resolve) => {
    session.once('end', () => resolve(false));
  });

const tell = (message: OwnerMessage): void => {
  if (process.connected) process.send?.(message);
};

async function main(): Promise<void> {
  process.umask(0o077);
  const abandoned = once(process, 'disconnect');
  const programs = findPrograms();
  await initialize(programs);
  let owned = await own(programs);
  for (const name of readdirSync(dataDir)) {
    if (name.startsWith(`${DATABASE}.new-`)) remove(join(dataDir, name));
  }
  await createDatabase(owned);
  tell({ ready: true });
  for (;;) {
    if (await Promise.race([abandoned.then(() => true), ended(owned)])) break;
    owned = await bringBack(programs);
  }
  await owned.end();
  await stop(programs);
}

try {
  await main();
} catch (error) {
  tell({ failed: advice(error) });
  process.exitCode = 1;
}
if (process.connected) process.disconnect();
