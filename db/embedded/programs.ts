/**
 * PostgreSQL's programs. PostgreSQL refuses to run as root. For root the programs run under a user id of their own, without
 * any capability. So neither they nor a process of another user can reach root's files.
 */
import { execFile } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { EmbeddedDatabaseError, PACKAGE } from './cluster.ts';

const run = promisify(execFile);

interface Account {
  readonly uid: number;
  readonly gid: number;
}

export const isRoot = process.getuid?.() === 0;

/** Reserved by Debian (65000 to 65533) and unused by systemd (65520 to 65533); inside the ids of a rootless container. */
export const PRIVATE: Account = { uid: 65_521, gid: 65_521 };

/** The directory where root keeps a copy of the programs that other users can reach. */
const CACHE = '/var/cache/tokenhold';

export interface Programs {
  /** Makes a cluster in an empty directory of this process's user. */
  initdb(directory: string, args: readonly string[]): Promise<void>;
  pg_ctl(cluster: string, args: readonly string[]): Promise<void>;
}

/** @throws EmbeddedDatabaseError */
export function findPrograms(): Programs {
  const installed = join(dirname(fileURLToPath(import.meta.resolve(PACKAGE))), '..', 'native');
  const bin = join(isRoot ? reachable(installed) : installed, 'bin');
  const execute = async (
    name: string,
    directory: string,
    args: readonly string[],
    account: Account | undefined,
  ) => {
    // The account may be unable to enter a directory above this one. It can always enter its own working directory.
    const pgdata = account === undefined ? directory : '/proc/self/cwd';
    await run(join(bin, name), [...args, `--pgdata=${pgdata}`], { cwd: directory, ...account });
  };
  return {
    async initdb(directory, args) {
      if (!isRoot) return execute('initdb', directory, args, undefined);
      // initdb asks for its user's name, and the private id has none.
      const nobody = findNobody();
      giveTo(nobody, directory);
      await execute('initdb', directory, args, nobody);
      giveTo(PRIVATE, directory);
    },
    pg_ctl: (cluster, args) => execute('pg_ctl', cluster, args, isRoot ? PRIVATE : undefined),
  };
}

/** As root, takes over a cluster that an earlier version ran as nobody. @throws EmbeddedDatabaseError for another user's */
export function claim(cluster: string): void {
  if (!isRoot) return;
  const { uid } = lstatSync(cluster);
  if (uid === PRIVATE.uid) return;
  if (uid !== findNobody().uid) {
    throw new EmbeddedDatabaseError(
      `the embedded PostgreSQL of ${cluster} belongs to the user with the id ${uid}: run as that user, or set DATA_DIR to another directory`,
    );
  }
  giveTo(PRIVATE, cluster);
}

/** Removes a directory that may belong to the user nobody. */
export function remove(directory: string): void {
  if (isRoot) giveTo(PRIVATE, directory);
  rmSync(directory, { recursive: true, force: true });
}

/** From the top down: once its owner has lost a directory, it can no longer exchange its entries. */
function giveTo(account: Account, path: string): void {
  lchownSync(path, account.uid, account.gid);
  if (!lstatSync(path).isDirectory()) return;
  for (const name of readdirSync(path)) giveTo(account, join(path, name));
}

function findNobody(): Account {
  const line = readFileSync('/etc/passwd', 'utf8').match(/^nobody:[^:]*:(\d+):(\d+):/m);
  const [, uid, gid] = line ?? [];
  if (uid === undefined || gid === undefined) {
    throw new EmbeddedDatabaseError(
      'the embedded PostgreSQL cannot run as root here, because there is no user nobody: run as an ordinary user, or set DATABASE_URL',
    );
  }
  return { uid: Number(uid), gid: Number(gid) };
}

/** The directory of the programs. If other users cannot reach it: a copy. */
function reachable(installed: string): string {
  if (isOpen(installed)) return installed;
  const { version } = JSON.parse(readFileSync(join(installed, '..', 'package.json'), 'utf8'));
  const copy = join(CACHE, `postgresql-${version}`);
  if (statSync(copy, { throwIfNoEntry: false }) !== undefined) return copy;
  const fresh = `${copy}.new-${process.pid}`;
  try {
    mkdirSync(CACHE, { recursive: true });
    chmodSync(CACHE, 0o755);
    removeLeftovers();
    cpSync(installed, fresh, { recursive: true, verbatimSymlinks: true });
    open(fresh);
    publish(fresh, copy);
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true });
    const code = error instanceof Error && 'code' in error ? error.code : 'unknown';
    throw new EmbeddedDatabaseError(
      `as root, the embedded PostgreSQL needs a copy of its programs in ${CACHE}, which cannot be made (${code}): run as an ordinary user, or set DATABASE_URL`,
    );
  }
  return copy;
}

function publish(fresh: string, copy: string): void {
  try {
    renameSync(fresh, copy);
  } catch (error) {
    if (statSync(copy, { throwIfNoEntry: false }) === undefined) throw error;
    rmSync(fresh, { recursive: true }); // another process was first
  }
}

/** Copies whose maker was killed. */
function removeLeftovers(): void {
  for (const name of readdirSync(CACHE)) {
    const pid = /\.new-(\d+)$/.exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid))) rmSync(join(CACHE, name), { recursive: true });
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Whether every user can run the programs of a directory. */
function isOpen(directory: string): boolean {
  const isPassable = (path: string) => (statSync(path).mode & 0o001) !== 0;
  for (let path = join(directory, 'bin', 'postgres'); path !== dirname(path); path = dirname(path)) {
    if (!isPassable(path)) return false;
  }
  return true;
}

function open(directory: string): void {
  chmodSync(directory, 0o755);
  for (const entry of readdirSync(directory, { withFileTypes: true, recursive: true })) {
    if (!entry.isSymbolicLink()) chmodSync(join(entry.parentPath, entry.name), 0o755);
  }
}
