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
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { findRunning } from '../db/embedded/embedded.ts';
import { createDatabase } from './support/postgres.ts';
import { exit, printed, spawnTokenhold, tokenhold } from './support/process.ts';

const READY = /listening on (http:\S+)/;
const IMPORT = '/v2/auth/tokens/import';
const JSON_TYPE = { 'Content-Type': 'application/json' };

/** A server with its banner; PORT is any free one. */
async function serve(settings: Readonly<Record<string, string>>) {
  const child = spawnTokenhold(['serve'], { PORT: '0', LOG_LEVEL: 'silent', ...settings });
  const banner = await printed(
    child,
    settings['DATABASE_URL'] === undefined ? /-d '.*'\n[\s\S]*-d '.*'\n/ : READY,
  );
  return { child, banner, url: READY.exec(banner)?.[1] ?? '', stop: () => stop(child) };
}

type Server = Awaited<ReturnType<typeof serve>>;

async function stop(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
  child.kill(signal);
  return exit(child);
}

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

/** One server after another on one data directory: each test leaves a server to the next. */
describe('without any setting', () => {
  let dataDir: string;
  let key: string;
  let server: Server;

  beforeAll(() => {
    dataDir = join(mkdtempSync(join(tmpdir(), 'tokenhold-serve-')), "it's data");
  });

  afterAll(async () => {
    await server.stop();
    rmSync(join(dataDir, '..'), { recursive: true });
  });

  it('starts a vault of its own, prints a key once, and keeps everything for the next start', async () => {
    const first = await serve({ DATA_DIR: dataDir });
    key = /thk_[0-9A-Za-z]{6}_[A-Za-z0-9_-]{43}/.exec(first.banner)?.[0] ?? '';
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

    server = await serve({ DATA_DIR: dataDir, LOG_LEVEL: 'info' });
    expect(server.banner).not.toContain(key);
    expect(server.banner).toContain('"X-Api-Key: $TOKENHOLD_API_KEY"');
    expect((await importWith(server.url, key)).status).toBe(200);
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

  it('logs a client that hangs up in mid-request as a request without an answer, not as a failure', async () => {
    const logged = text(server.child.stderr ?? Readable.from([]));
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    socket.end(
      `POST ${IMPORT} HTTP/1.1\r\nHost: x\r\nX-Api-Key: ${key}\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{`,
    );
    await once(socket.resume(), 'close');
    await fetch(`${server.url}/healthz`); // at level debug
    await server.stop();
    const lines: { msg: string }[] = (await logged)
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const requests = lines.filter(({ msg }) => msg === 'request');
    expect(requests.at(-1)).toMatchObject({ level: 'info', 'http.route': IMPORT });
    expect(requests.at(-1)).not.toHaveProperty(['http.response.status_code']);
  });

  it('serves commands while it runs, and they serve themselves while it does not', async () => {
    const list = () =>
      tokenhold(['provider', 'list', '--organization', 'example', '--json'], { DATA_DIR: dataDir });
    const alone = await list();
    expect(JSON.parse(alone.stdout)).toMatchObject([{ provider_id: 'slack-dev' }]);
    expect(existsSync(join(dataDir, 'postgres', 'postmaster.pid'))).toBe(false);
    server = await serve({ DATA_DIR: dataDir });
    expect(await list()).toEqual(alone);
  });

  it('leaves no database behind when it is killed, and starts again', async () => {
    const database = new pg.Client({ connectionString: (await findRunning(dataDir)) ?? '' });
    const ended = new Promise((resolve) => database.on('error', () => undefined).once('end', resolve));
    await database.connect();
    expect(await stop(server.child, 'SIGKILL')).toBeNull();
    await ended; // an open session does not keep the database up
    server = await serve({ DATA_DIR: dataDir });
    expect(server.url).toMatch(/^http/);
  });

  it('gets its database back when that is killed', async () => {
    const { url } = server;
    process.kill(
      Number(readFileSync(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8').split('\n')[0]),
      'SIGKILL',
    );
    const statuses = new Set<number>();
    do statuses.add((await fetch(`${url}/readyz`)).status);
    while (!statuses.has(503) || (await fetch(`${url}/readyz`)).status !== 200);
    expect(statuses).toContain(503);
  });
});

describe('with a database and keys', () => {
  let database: Awaited<ReturnType<typeof createDatabase>>;
  let settings: { DATABASE_URL: string; FERNET_KEYS: string; LOG_LEVEL: string };
  let first: Server;
  let second: Server;
  /** It logs all that it can. */
  let third: Server;

  beforeAll(async () => {
    database = await createDatabase('empty');
    const { stdout } = await tokenhold(['fernet-key', 'generate']);
    settings = { DATABASE_URL: database.connectionString, FERNET_KEYS: stdout.trim(), LOG_LEVEL: 'silent' };
    [first, second, third] = await Promise.all([
      serve(settings),
      serve(settings),
      serve({ ...settings, LOG_LEVEL: 'trace' }),
    ]);
  });

  afterAll(async () => {
    await Promise.all([first, second, third].map((server) => server.stop()));
    await database.drop();
  });

  it('starts several times at once on an empty database, and makes nothing behind the operator’s back', async () => {
    for (const { url, banner } of [first, second, third]) {
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

  it('says which port is taken', async () => {
    const { port } = new URL(second.url);
    const { status, stderr } = await tokenhold(['serve'], { ...settings, PORT: port });
    expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringMatching(/in use: set PORT/) });
  });

  it('finishes what is in flight before it stops', async () => {
    const { child, url } = first;
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

  it('cuts what is still in flight after SHUTDOWN_TIMEOUT_SECONDS', async () => {
    const { child, url } = await serve({
      ...settings,
      SHUTDOWN_TIMEOUT_SECONDS: '0',
      HEADERS_TIMEOUT_SECONDS: '3600',
      REQUEST_TIMEOUT_SECONDS: '3600',
    });
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n'); // never complete
    await once(socket, 'connect');
    await fetch(`${url}/healthz`);
    child.kill('SIGTERM');
    await once(socket.resume(), 'close');
    expect(await exit(child)).toBe(0);
  });

  it('resets no connection that is in use, and says on each that it is the last answer', async () => {
    const { child, url } = second;
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

  (existsSync('/dev/full') ? it : it.skip)('goes on while the disk of its log is full', async () => {
    const full = openSync('/dev/full', 'w');
    const child = spawnTokenhold(['serve'], { ...settings, PORT: '0', LOG_LEVEL: 'info' }, full);
    closeSync(full);
    const [, url = ''] = READY.exec(await printed(child, READY)) ?? [];
    const statuses: number[] = [];
    for (let count = 0; count < 3; count++) statuses.push((await fetch(`${url}/docs`)).status);
    expect(statuses).toEqual([200, 200, 200]);
    expect(await stop(child)).toBe(0);
  });

  it('logs one JSON line for each request on stderr, without anything of the caller', async () => {
    const logged = text(third.child.stderr ?? Readable.from([]));
    await fetch(`${third.url}${IMPORT}?hush`, {
      method: 'POST',
      headers: { 'X-Api-Key': 'hush', 'X-Request-Id': 'r-1' },
      body: 'hush',
    });
    await third.stop();
    const lines = (await logged).trim().split('\n');
    const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      level: 'info',
      msg: 'started',
      'service.version': version,
      'server.port': Number(new URL(third.url).port),
    });
    // The signal may come before the line of a request that is answered.
    const ofService = lines.map((line) => JSON.parse(line)).filter(({ msg }) => msg !== 'request');
    expect(ofService.slice(-2)).toMatchObject([
      { msg: 'stopping', 'tokenhold.signal': 'SIGTERM' },
      { msg: 'stopped' },
    ]);
    expect(JSON.parse(lines.at(-1) ?? '')).toEqual(ofService.at(-1));
    const ofImports = lines.filter((line) => line.includes(IMPORT));
    expect(ofImports.map((line) => JSON.parse(line))).toMatchObject([
      {
        'http.request.method': 'POST',
        'http.route': IMPORT,
        'http.response.status_code': 401,
        'http.server.request.duration': expect.any(Number),
        'client.address': '127.0.0.1',
        'tokenhold.operation': 'import_oauth_token_v2_auth_tokens_import_post',
        'tokenhold.request.id': 'r-1',
      },
    ]);
    expect(lines.join()).not.toContain('hush');
  });
});
