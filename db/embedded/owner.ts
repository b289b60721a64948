/**
 * Owns the embedded PostgreSQL of one data directory for as long as the process that started this one lives.
 * Run detached, with the data directory as its argument and a channel to its starter.
 */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { connectionString, DATABASE, type OwnerMessage, PACKAGE, socketPath } from './cluster.ts';

const run = promisify(execFile);

/** How long a starting service waits for another owner to be gone. */
const PATIENCE_MS = 15_000;
const SMART_SHUTDOWN_SECONDS = 3;
/** Held by the session of the owner, so there is one, and a cluster whose owner was killed has none. */
const OWNER_LOCK = 1;
/** sun_path of Linux and macOS, without the terminating zero. */
const MAX_SOCKET_PATH = process.platform === 'linux' ? 107 : 103;

interface Programs {
  readonly initdb: string;
  readonly pg_ctl: string;
}

const [, , dataDir = ''] = process.argv;
const cluster = join(dataDir, DATABASE);
const log = join(dataDir, 'postgres.log');

async function initialize({ initdb }: Programs): Promise<void> {
  if (readdirSync(dataDir).includes(DATABASE)) return;
  const fresh = `${cluster}.new-${process.pid}`;
  // Nobody but the owner of this directory reaches the socket in it, and nothing listens on TCP: no password is needed.
  const locale = ['--encoding=UTF8', '--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C'];
  await run(initdb, [
    '--username=postgres',
    '--auth=trust',
    '--no-instructions',
    ...locale,
    `--pgdata=${fresh}`,
  ]);
  try {
    renameSync(fresh, cluster);
  } catch {
    rmSync(fresh, { recursive: true }); // another process was first
  }
}

/** Where the socket fits: inside the cluster, or in a private directory when the path to that is too long. */
function chooseSocketDirectory(): string {
  return Buffer.byteLength(socketPath(cluster)) <= MAX_SOCKET_PATH
    ? cluster
    : mkdtempSync(join(tmpdir(), 'tokenhold-'));
}

async function start({ pg_ctl }: Programs, socketDirectory: string): Promise<void> {
  const settings = {
    listen_addresses: '',
    unix_socket_directories: socketDirectory,
    unix_socket_permissions: '0700',
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'`);
  writeFileSync(join(cluster, 'postgresql.auto.conf'), `${lines.join('\n')}\n`, { mode: 0o600 });
  rmSync(log, { force: true });
  await run(pg_ctl, ['start', '--silent', '--wait', `--pgdata=${cluster}`, `--log=${log}`]);
}

async function stop({ pg_ctl }: Programs): Promise<void> {
  const arguments_ = ['stop', '--silent', `--pgdata=${cluster}`];
  try {
    // Smart first: a command that still uses the database may finish.
    await run(pg_ctl, [...arguments_, '--mode=smart', `--timeout=${SMART_SHUTDOWN_SECONDS}`]);
  } catch {
    await run(pg_ctl, [...arguments_, '--mode=fast']).catch(() => undefined);
  }
}

/** A session that makes this process the owner; undefined while there is another, or no PostgreSQL. */
async function takeOwnership(socketDirectory: string): Promise<pg.Client | undefined> {
  const session = new pg.Client({ connectionString: connectionString(socketDirectory, 'postgres') });
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

/** The running cluster's socket directory, from the fifth line of its postmaster.pid. */
function runningSocketDirectory(): string | undefined {
  try {
    return readFileSync(join(cluster, 'postmaster.pid'), 'utf8').split('\n')[4];
  } catch {
    return undefined;
  }
}

/** Starts the cluster, or adopts one whose owner was killed; waits while there is another owner. */
async function own(programs: Programs): Promise<{ session: pg.Client; socketDirectory: string }> {
  let failure: unknown;
  for (const deadline = Date.now() + PATIENCE_MS; Date.now() < deadline; await delay(100)) {
    const running = runningSocketDirectory();
    const adopted = running === undefined ? undefined : await takeOwnership(running);
    if (running !== undefined && adopted !== undefined) return { session: adopted, socketDirectory: running };
    const socketDirectory = chooseSocketDirectory();
    try {
      await start(programs, socketDirectory);
      const session = await takeOwnership(socketDirectory);
      if (session !== undefined) return { session, socketDirectory };
    } catch (error) {
      failure = error; // another owner runs it, or it is still on its way out
      if (socketDirectory !== cluster) rmSync(socketDirectory, { recursive: true });
    }
  }
  throw failure;
}

async function createDatabase(session: pg.Client): Promise<void> {
  const { rows } = await session.query("SELECT FROM pg_database WHERE datname = 'tokenhold'");
  if (rows.length === 0) await session.query('CREATE DATABASE tokenhold');
}

/** What to do about a failed start. */
function advice(error: unknown): string {
  const stderr = error instanceof Error && 'stderr' in error ? String(error.stderr) : '';
  if (/shared librar|Library not loaded/.test(stderr)) {
    return `the embedded PostgreSQL lacks its libraries: run \`npm rebuild ${PACKAGE}\``;
  }
  const pid = readPid();
  if (pid !== undefined) {
    return `the embedded PostgreSQL of ${cluster} is in use by another process: stop that, or \`kill ${pid}\`, or set DATA_DIR to another directory`;
  }
  const last = [...lines(stderr), ...lines(readLog())].findLast((line) => /error|fatal|panic/i.test(line));
  return `the embedded PostgreSQL of ${cluster} does not start (${last ?? 'no message'}): see ${log}, or set DATABASE_URL to use another`;
}

const lines = (text: string): string[] => text.split('\n').filter((line) => line.trim() !== '');

function readLog(): string {
  try {
    return readFileSync(log, 'utf8');
  } catch {
    return '';
  }
}

function readPid(): number | undefined {
  try {
    const pid = Number(readFileSync(join(cluster, 'postmaster.pid'), 'utf8').split('\n')[0]);
    process.kill(pid, 0);
    return pid;
  } catch {
    return undefined;
  }
}

/** False, once the session is over. */
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
  const programs: Programs = await import(PACKAGE);
  await initialize(programs);
  let owned = await own(programs);
  for (const name of readdirSync(dataDir)) {
    if (name.startsWith(`${DATABASE}.new-`)) rmSync(join(dataDir, name), { recursive: true, force: true });
  }
  await createDatabase(owned.session);
  tell({ ready: connectionString(owned.socketDirectory) });
  for (;;) {
    if (await Promise.race([abandoned.then(() => true), ended(owned.session)])) break;
    owned = await own(programs); // PostgreSQL was killed: bring it back
  }
  await owned.session.end();
  await stop(programs);
  if (owned.socketDirectory !== cluster) rmSync(owned.socketDirectory, { recursive: true, force: true });
}

try {
  await main();
} catch (error) {
  tell({ failed: advice(error) });
  process.exitCode = 1;
}
if (process.connected) process.disconnect();
