import { type ChildProcess, execFile } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, statSync } from 'node:fs';
import { Agent, get, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { findRunning } from '../db/embedded/embedded.ts';
import { createDatabase } from './support/postgres.ts';
import { exit, printed, spawnTokenhold, tokenhold } from './support/process.ts';

const READY = /listening on (http:\S+)/;
const IMPORT = '/v2/auth/tokens/import';
const JSON_TYPE = { 'Content-Type': 'application/json' };

const children: ChildProcess[] = [];

/** A server with its banner; PORT is any free one. */
async function serve(settings: Readonly<Record<string, string>>) {
  const child = spawnTokenhold(['serve'], { PORT: '0', LOG_LEVEL: 'silent', ...settings });
  children.push(child);
  const banner = await printed(
    child,
    settings['DATABASE_URL'] === undefined ? /-d '.*'\n[\s\S]*-d '.*'\n/ : READY,
  );
  return { child, banner, url: READY.exec(banner)?.[1] ?? '', stop: () => stop(child) };
}

async function stop(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
  child.kill(signal);
  return exit(child);
}

afterEach(async () => {
  await Promise.all(children.splice(0).map((child) => stop(child)));
});

const importWith = (
  url: string,
  key: string,
  json: object = { provider_id: 'slack-dev', access_token: 'x' },
) =>
  fetch(url + IMPORT, {
    method: 'POST',
    headers: { 'X-Api-Key': key, ...JSON_TYPE },
    body: JSON.stringify(json),
  });

describe('without any setting', () => {
  let dataDir: string;

  beforeAll(() => {
    dataDir = join(mkdtempSync(join(tmpdir(), 'tokenhold-serve-')), "it's data");
  });

  afterAll(() => rmSync(join(dataDir, '..'), { recursive: true }));

  it('starts a vault of its own, prints a key once, and keeps everything for the next start', async () => {
    const first = await serve({ DATA_DIR: dataDir });
    const key = /thk_[0-9A-Za-z]{6}_[A-Za-z0-9_-]{43}/.exec(first.banner)?.[0] ?? '';
    expect(first.banner).toContain(`'X-Api-Key: ${key}'`);
    const answer = await importWith(first.url, key);
    expect(answer.status).toBe(200);
    const [importing = '', getting = ''] = first.banner.match(/^curl [^\n]*\\\n[^\n]*\\\n[^\n]*$/gm) ?? [];
    const run = (command: string) => promisify(execFile)('/bin/sh', ['-c', command]);
    await run(importing);
    const released = await run(getting);
    expect(JSON.parse(released.stdout)).toMatchObject({ status: 'completed', token: 'xoxb-example' });
    expect(await first.stop()).toBe(0);
    expect(await findRunning(dataDir)).toBeUndefined();

    const second = await serve({ DATA_DIR: dataDir });
    expect(second.banner).not.toContain(key);
    expect(second.banner).toContain('"X-Api-Key: $TOKENHOLD_API_KEY"');
    expect((await importWith(second.url, key)).status).toBe(200);
    const inspected = await tokenhold(
      [
        'token',
        'inspect',
        '--organization',
        'example',
        '--token-id',
        JSON.parse(await answer.text()).token_id,
        '--json',
      ],
      { DATA_DIR: dataDir },
    );
    expect(JSON.parse(inspected.stdout)).toMatchObject({ access_token: 'x', is_default: false });
  });

  it('keeps data and key to its user', () => {
    expect(statSync(dataDir).mode & 0o777).toBe(0o700);
    expect(statSync(join(dataDir, 'postgres')).mode & 0o777).toBe(0o700);
    expect(statSync(join(dataDir, 'fernet.keys')).mode & 0o777).toBe(0o600);
  });

  it('leaves no database behind when it is killed, and starts again', async () => {
    const { child } = await serve({ DATA_DIR: dataDir });
    const database = new pg.Client({ connectionString: (await findRunning(dataDir)) ?? '' });
    const ended = new Promise((resolve) => database.on('error', () => undefined).once('end', resolve));
    await database.connect();
    expect(await stop(child, 'SIGKILL')).toBeNull();
    await ended; // an open session does not keep the database up
    expect((await serve({ DATA_DIR: dataDir })).url).toMatch(/^http/);
  });

  it('gets its database back when that is killed', async () => {
    const { url } = await serve({ DATA_DIR: dataDir });
    process.kill(
      Number(readFileSync(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8').split('\n')[0]),
      'SIGKILL',
    );
    const statuses = new Set<number>();
    do statuses.add((await fetch(`${url}/readyz`)).status);
    while (!statuses.has(503) || (await fetch(`${url}/readyz`)).status !== 200);
    expect(statuses).toContain(503);
  });

  it('serves commands while it runs, and they serve themselves while it does not', async () => {
    const { stop: stopServer } = await serve({ DATA_DIR: dataDir });
    const list = () =>
      tokenhold(['provider', 'list', '--organization', 'example', '--json'], { DATA_DIR: dataDir });
    const beside = await list();
    await stopServer();
    expect(await list()).toEqual(beside);
    expect(JSON.parse(beside.stdout)).toMatchObject([{ provider_id: 'slack-dev' }]);
    expect(existsSync(join(dataDir, 'postgres', 'postmaster.pid'))).toBe(false);
  });
});

describe('a client that hangs up in mid-request', () => {
  it('is logged as a request without an answer, not as a failure', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'tokenhold-hang-up-'));
    const { child, banner, url, stop } = await serve({ DATA_DIR: dataDir, LOG_LEVEL: 'info' });
    const logged = text(child.stderr ?? Readable.from([]));
    const key = /thk_\w{6}_[\w-]{43}/.exec(banner)?.[0];
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.end(
      `POST ${IMPORT} HTTP/1.1\r\nHost: x\r\nX-Api-Key: ${key}\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{`,
    );
    await once(socket.resume(), 'close');
    await fetch(`${url}/healthz`); // at level debug
    await stop();
    const lines: { msg: string }[] = (await logged)
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const requests = lines.filter(({ msg }) => msg === 'request');
    expect(requests).toEqual([expect.objectContaining({ level: 'info', 'http.route': IMPORT })]);
    expect(requests[0]).not.toHaveProperty(['http.response.status_code']);
    rmSync(dataDir, { recursive: true });
  });
});

describe('with a database and keys', () => {
  let database: Awaited<ReturnType<typeof createDatabase>>;
  let settings: { DATABASE_URL: string; FERNET_KEYS: string; LOG_LEVEL: string };

  beforeAll(async () => {
    database = await createDatabase('empty');
    const { stdout } = await tokenhold(['fernet-key', 'generate']);
    settings = { DATABASE_URL: database.connectionString, FERNET_KEYS: stdout.trim(), LOG_LEVEL: 'silent' };
  });

  afterAll(() => database.drop());

  it('starts twice at once on an empty database, and makes nothing behind the operator’s back', async () => {
    const servers = await Promise.all([serve(settings), serve(settings), serve(settings)]);
    for (const { url, banner } of servers) {
      expect(banner).not.toContain('thk_');
      expect((await fetch(`${url}/readyz`)).status).toBe(200);
    }
    const { stdout } = await tokenhold(['organization', 'list', '--json'], settings);
    expect(JSON.parse(stdout)).toEqual([]);
  });

  it('refuses a database that a newer version has migrated', async () => {
    const newer = await createDatabase();
    const client = new pg.Client({ connectionString: newer.connectionString });
    await client.connect();
    await client.query(
      "INSERT INTO knex_migrations (name, batch, migration_time) VALUES ('9999_future', 2, now())",
    );
    await client.end();
    const { status, stderr } = await tokenhold(['serve'], {
      ...settings,
      DATABASE_URL: newer.connectionString,
    });
    expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringContaining('newer version') });
    await newer.drop();
  });

  it('finishes what is in flight before it stops', async () => {
    const { child, url } = await serve(settings);
    const { port } = new URL(url);
    const socket = connect(Number(port), '127.0.0.1');
    socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n'); // not complete yet
    await new Promise((resolve) => socket.once('connect', resolve));
    // Another request on another connection tells that the server has read the first.
    await fetch(`${url}/healthz`);
    child.kill('SIGTERM');
    await expect(async () => {
      for (;;) await fetch(`${url}/healthz`);
    }).rejects.toThrow();
    socket.write('\r\n');
    const answer = await new Promise((resolve) => socket.once('data', (data) => resolve(String(data))));
    expect(answer).toMatch(/^HTTP\/1\.1 200/);
    expect(await exit(child)).toBe(0);
  });

  it('resets no connection that is in use, and says on each that it is the last answer', async () => {
    const { child, url } = await serve(settings);
    const agent = new Agent({ keepAlive: true });
    const ends: string[] = [];
    let answered = 0;
    const client = async () => {
      for (;;) {
        const response = await new Promise<IncomingMessage>((resolve, reject) => {
          get(`${url}/healthz`, { agent }, resolve).once('error', reject);
        });
        await text(response);
        answered += 1;
        if (answered === 2_000) child.kill('SIGTERM');
        if (response.headers.connection === 'close') return ends.push('close');
      }
    };
    await Promise.all(Array.from({ length: 64 }, () => client().catch(({ code }) => ends.push(code))));
    expect(ends).toEqual(Array(64).fill('close'));
    expect(await exit(child)).toBe(0);
  });

  it('says which port is taken', async () => {
    const { url } = await serve(settings);
    const { status, stderr } = await tokenhold(['serve'], { ...settings, PORT: new URL(url).port });
    expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringMatching(/in use: set PORT/) });
  });

  it('answers 503, never 401, while the database is away', async () => {
    const own = await createDatabase();
    const { url } = await serve({ ...settings, DATABASE_URL: own.connectionString });
    expect((await importWith(url, `thk_AAAAAA_${'A'.repeat(43)}`)).status).toBe(401);
    await own.drop();
    const answer = await importWith(url, `thk_BBBBBB_${'B'.repeat(43)}`); // the first one is remembered for a second
    expect([answer.status, answer.headers.get('retry-after'), await answer.text()]).toEqual([
      503,
      '5',
      '{"detail":"Service Unavailable"}',
    ]);
    expect((await fetch(`${url}/readyz`)).status).toBe(503);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
  });

  (existsSync('/dev/full') ? it : it.skip)('goes on while the disk of its log is full', async () => {
    const full = openSync('/dev/full', 'w');
    const child = spawnTokenhold(['serve'], { ...settings, PORT: '0', LOG_LEVEL: 'info' }, full);
    closeSync(full);
    children.push(child);
    const [, url = ''] = READY.exec(await printed(child, READY)) ?? [];
    const statuses: number[] = [];
    for (let count = 0; count < 3; count++) statuses.push((await fetch(`${url}/docs`)).status);
    expect(statuses).toEqual([200, 200, 200]);
    expect(await stop(child)).toBe(0);
  });

  it('logs one JSON line for each request on stderr, without anything of the caller', async () => {
    const { child, url } = await serve({ ...settings, LOG_LEVEL: 'trace' });
    const logged = text(child.stderr ?? Readable.from([]));
    await fetch(`${url}${IMPORT}?hush`, {
      method: 'POST',
      headers: { 'X-Api-Key': 'hush', 'X-Request-Id': 'r-1' },
      body: 'hush',
    });
    await stop(child);
    const lines = (await logged).trim().split('\n');
    const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
    const [started, line = '', ...stopped] = lines;
    expect(JSON.parse(started ?? '')).toMatchObject({
      level: 'info',
      msg: 'started',
      'service.version': version,
      'server.port': Number(new URL(url).port),
    });
    expect(stopped.map((text) => JSON.parse(text))).toMatchObject([
      { msg: 'stopping', 'tokenhold.signal': 'SIGTERM' },
      { msg: 'stopped' },
    ]);
    expect(JSON.parse(line)).toMatchObject({
      'http.request.method': 'POST',
      'http.route': IMPORT,
      'http.response.status_code': 401,
      'http.server.request.duration': expect.any(Number),
      'client.address': '127.0.0.1',
      'tokenhold.operation': 'import_oauth_token_v2_auth_tokens_import_post',
      'tokenhold.request.id': 'r-1',
    });
    expect(line).not.toContain('hush');
  });
});
