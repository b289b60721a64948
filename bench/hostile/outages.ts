import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { type BenchVault, openServer, type Server } from '../database.ts';
import { startArenaService } from './arena.ts';
import { type Asked, askAll } from './callers.ts';
import { type DatabaseProxy, startProxy } from './proxy.ts';
import type { Figure } from './report.ts';

interface Scene {
  readonly server: Server;
  readonly vault: BenchVault;
  readonly proxy: DatabaseProxy;
}

interface Outage {
  readonly name: string;
  /** Resolves when the cause is gone. If the cause stays, resolves at once. */
  readonly cause: (scene: Scene) => Promise<void>;
  /** After which the callers must be served. */
  readonly recoversWithinMs: number;
  /** The embedded PostgreSQL lies on a file system of this many bytes. */
  readonly diskBytes?: number;
}

/** With the statement timeout of two seconds that the service is started with. */
const RECOVERY_MS = 4_000;
const RESTART_MS = 20_000;
const OUTAGE_MS = 5_000;
const LONG_OUTAGE_MS = 20_000;
/** How long all is well before the outage. */
const LOAD_MS = 3_000;
const DISK_BYTES = 512 * 2 ** 20;

const postmaster = ({ server }: Scene): number =>
  Number(readFileSync(join(server.directory, 'data', 'postgres', 'postmaster.pid'), 'utf8').split('\n')[0]);

async function hang(scene: Scene): Promise<void> {
  const { rows } = await scene.vault.client.query<{ pid: number }>(
    "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
  );
  const pids = [postmaster(scene), ...rows.map(({ pid }) => pid)];
  for (const pid of pids) process.kill(pid, 'SIGSTOP');
  await delay(OUTAGE_MS);
  for (const pid of pids) process.kill(pid, 'SIGCONT');
}

/** Takes all room, in large pieces and then in small ones. @returns how to free it */
function fillDisk({ server }: Scene): () => void {
  const path = join(server.directory, 'filler');
  const file = openSync(path, 'w');
  for (const bytes of [2 ** 20, 4096, 1]) while (append(file, bytes)) {}
  return () => {
    closeSync(file);
    unlinkSync(path);
  };
}

async function fillForData(scene: Scene): Promise<void> {
  const free = fillDisk(scene);
  await delay(OUTAGE_MS);
  free();
}

/** Without room for another segment of its log, PostgreSQL crashes, and does not start. */
async function fillForLog(scene: Scene): Promise<void> {
  const free = fillDisk(scene);
  await scene.vault.client.query('SELECT pg_switch_wal()').catch(() => undefined);
  await delay(LONG_OUTAGE_MS);
  free();
}

/** @returns whether there was room */
function append(file: number, bytes: number): boolean {
  try {
    return writeSync(file, Buffer.alloc(bytes)) === bytes;
  } catch {
    return false;
  }
}

export const outages: readonly Outage[] = [
  {
    name: 'PostgreSQL is killed',
    cause: async (scene) => void process.kill(postmaster(scene), 'SIGKILL'),
    recoversWithinMs: RESTART_MS,
  },
  { name: 'PostgreSQL hangs for 5 s', cause: hang, recoversWithinMs: RECOVERY_MS },
  {
    name: 'connections go silent',
    cause: async ({ proxy }) => proxy.silence(),
    recoversWithinMs: RECOVERY_MS,
  },
  {
    name: 'the disk is full for 5 s',
    cause: fillForData,
    recoversWithinMs: RECOVERY_MS,
    diskBytes: DISK_BYTES,
  },
  {
    name: 'the disk is full for 20 s, also for the log',
    cause: fillForLog,
    recoversWithinMs: RESTART_MS,
    diskBytes: DISK_BYTES,
  },
];

/** Makes a small file system to fill. Undefined: this user may not. */
function mountSmall(bytes: number): string | undefined {
  const directory = mkdtempSync(join(tmpdir(), 'tokenhold-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes},mode=755`, 'tmpfs', directory], {
      stdio: 'ignore',
    });
    return directory;
  } catch {
    rmSync(directory, { recursive: true });
    return undefined;
  }
}

export async function measureOutage(outage: Outage): Promise<readonly Figure[]> {
  const { name, diskBytes } = outage;
  if (diskBytes === undefined) return measureOn(outage, tmpdir());
  const disk = mountSmall(diskBytes);
  if (disk === undefined) {
    return [{ name, what: 'not run', quiet: '', value: 'may not mount a disk', must: '', holds: true }];
  }
  try {
    return await measureOn(outage, disk);
  } finally {
    execFileSync('umount', [disk]);
    rmSync(disk, { recursive: true });
  }
}

async function measureOn(outage: Outage, parent: string): Promise<Figure[]> {
  const server = await openServer(undefined, parent);
  try {
    return await measureIn(server, outage);
  } finally {
    await server.stop();
  }
}

async function measureIn(server: Server, outage: Outage): Promise<Figure[]> {
  const vault = await server.createVault(1);
  const proxy = await startProxy(vault.connectionString);
  const service = await startArenaService(server.directory, proxy.connectionString, vault);
  const callers = askAll(service.url, vault.callers.slice(0, 8));
  try {
    await callers.served();
    await delay(LOAD_MS);
    await outage.cause({ server, vault, proxy });
    const recoveredMs = await callers.served();
    const { answers, stored } = await callers.end();
    const lost = await missing(vault, stored);
    return report(outage, recoveredMs, answers, stored.length, lost);
  } finally {
    await service.stop();
    proxy.close();
  }
}

function report(
  { name, recoversWithinMs }: Outage,
  recoveredMs: number,
  answers: Asked['answers'],
  stored: number,
  lost: number,
): Figure[] {
  const figure = (what: string, value: string, must: string, holds: boolean): Figure => ({
    name,
    what,
    quiet: '',
    value,
    must,
    holds,
  });
  const others = [...answers].filter(([status]) => status !== 200 && status !== 503);
  const told = [...answers].map(([status, count]) => `${count} × ${status}`).join(', ');
  return [
    figure('answers', told, 'only 200 and 503', others.length === 0),
    figure(
      'served again after',
      `${(recoveredMs / 1000).toFixed(1)} s`,
      `≤ ${recoversWithinMs / 1000} s`,
      recoveredMs <= recoversWithinMs,
    ),
    figure('acknowledged and lost', `${lost} of ${stored}`, '0', lost === 0),
  ];
}

async function missing({ connectionString }: BenchVault, ids: readonly string[]): Promise<number> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  const { rows } = await client.query<{ stored: number }>(
    'SELECT count(*)::integer AS stored FROM oauth_tokens WHERE id = ANY ($1::uuid[])',
    [ids],
  );
  await client.end();
  return ids.length - (rows[0]?.stored ?? 0);
}
