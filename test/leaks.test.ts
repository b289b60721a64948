/** "The token value is never logged or returned": every byte that leaves the process is searched for planted secrets. */
import type { ChildProcess } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { findRunning, startEmbedded } from '../db/embedded/embedded.ts';
import { startHostileServer } from './support/hostile-authorization-server.ts';
import { person, providerOf } from './support/person.ts';
import { exit, printed, spawnTokenhold } from './support/process.ts';

const IMPORT = '/v2/auth/tokens/import';

/** Letters and digits only, so that no escaping changes it. */
const secret = () => randomBytes(48).toString('base64').replaceAll(/[+/=]/g, '').slice(0, 32);

/** Every form in which a piece of eight characters could show. */
function forms(piece: string): string[] {
  const bytes = Buffer.from(piece);
  const base64 = [0, 1, 2].map((shift) => Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64'));
  const certain = base64.map((text, shift) =>
    text.slice(Math.ceil((shift * 8) / 6), Math.floor(((shift + bytes.length) * 8) / 6)),
  );
  return [piece, bytes.toString('hex'), bytes.toString('hex').toUpperCase(), ...certain];
}

const pieces = (text: string): string[] =>
  Array.from({ length: Math.floor(text.length / 8) }, (_, index) => text.slice(index * 8, index * 8 + 8));

type Texts = Readonly<Record<string, string>>;

/** The names of the texts of which a piece shows in any form. It reads the haystack once, because that is large. */
function found(haystack: Buffer, texts: Texts): ReadonlySet<string> {
  const byStart = Array.from({ length: 65_536 }, (): { name: string; form: Buffer }[] => []);
  for (const [name, text] of Object.entries(texts)) {
    for (const form of pieces(text)
      .flatMap(forms)
      .map((form) => Buffer.from(form))) {
      byStart[form.readUInt16BE()]?.push({ name, form });
    }
  }
  const names = new Set<string>();
  for (let at = 0; at + 1 < haystack.length; at++) {
    for (const { name, form } of byStart[haystack.readUInt16BE(at)] ?? []) {
      if (haystack.subarray(at, at + form.length).equals(form)) names.add(name);
    }
  }
  return names;
}

const files = (directory: string): Buffer =>
  Buffer.concat(
    readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => readFileSync(join(entry.parentPath, entry.name))),
  );

/** The places where a secret could show. Metadata and request id are no secrets: they prove that the search works there. */
interface Places {
  answers: Buffer;
  stdout: Buffer;
  stderr: Buffer;
  databaseLog: Buffer;
  databaseFiles: Buffer;
}

const secrets = {
  accessToken: secret(),
  refreshToken: secret(),
  clientSecret: secret(),
  apiKey: '',
  wrongKey: `thk_AAAAAA_${secret()}${'A'.repeat(11)}`,
  bearer: [secret(), secret(), secret()].join('.'),
  query: secret(),
  brokenBody: secret(),
  wrongType: secret(),
  cutShort: secret(),
  // Of a consent.
  code: '',
  state: '',
  codeVerifier: '',
  cookie: '',
  grantedAccessToken: '',
  grantedRefreshToken: '',
};
const planted = { metadata: secret(), requestId: secret() };
const PLANTED = {
  answers: ['requestId'],
  stdout: [],
  stderr: ['requestId'],
  databaseLog: ['metadata', 'requestId'],
  databaseFiles: ['metadata', 'requestId'],
};

let directory: string;
let places: Places;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'tokenhold-leaks-'));
  const dataDir = join(directory, 'data');
  // The very first start may print its key. Later output may not.
  const first = spawnTokenhold(['serve'], { DATA_DIR: dataDir, PORT: '0', LOG_LEVEL: 'silent' });
  secrets.apiKey = /thk_\w{6}_[\w-]{43}/.exec(await printed(first, /-d '/))?.[0] ?? '';
  first.kill('SIGTERM');
  await exit(first);
  places = await run(dataDir);
});

afterAll(() => rmSync(directory, { recursive: true }));

/** A server and a PostgreSQL that log as much as they can, through good and bad requests, outages and kills. */
async function run(dataDir: string): Promise<Places> {
  const output: Record<'stdout' | 'stderr', Buffer[]> = { stdout: [], stderr: [] };
  const answers: Buffer[] = [];
  const server = spawnTokenhold(['serve'], { DATA_DIR: dataDir, PORT: '0', LOG_LEVEL: 'trace' });
  const port = Number(/http:\S+:(\d+)/.exec(await banner(server, output))?.[1]);
  await talkative(dataDir);
  const send = (bytes: string) => raw(port, bytes).then((answer) => answers.push(answer));

  for (const request of requests()) await send(request);
  await consent(`http://127.0.0.1:${port}`, answers);
  const logs = [readFileSync(join(dataDir, 'postgres', 'postgres.log'))]; // begun anew with each start
  const killed = Number(readFileSync(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8').split('\n')[0]);
  process.kill(killed, 'SIGKILL');
  for (const request of requests()) await send(request);
  while (
    !String(await raw(port, 'GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')).includes(' 200 ')
  );
  await talkative(dataDir, 'ALTER TABLE audit_records ADD CONSTRAINT never CHECK (false) NOT VALID');
  for (const request of requests()) await send(request);
  await talkative(dataDir, 'ALTER TABLE audit_records DROP CONSTRAINT never');
  for (const request of requests()) await send(request);
  const inFlight = requests().map(send);
  server.kill('SIGKILL');
  await Promise.all([...inFlight.map((sent) => sent.catch(() => undefined)), exit(server)]);

  logs.push(readFileSync(join(dataDir, 'postgres', 'postgres.log')));
  const database = await startEmbedded(dataDir); // waits until the old one has ended
  await talkative(dataDir, 'CHECKPOINT');
  await database.stop();
  return {
    answers: Buffer.concat(answers),
    stdout: Buffer.concat(output.stdout),
    stderr: Buffer.concat(output.stderr),
    databaseLog: Buffer.concat(logs),
    databaseFiles: files(join(dataDir, 'postgres')),
  };
}

/**
 * Goes from a link to a token, and through callbacks that fail. All answers are searched, except those of `authenticate` and
 * `wait`, which hold the token, and the pages before the provider, which hold the state and set the cookie.
 */
async function consent(url: string, answers: Buffer[]): Promise<void> {
  const provider = await startHostileServer();
  const headers = { 'X-Api-Key': secrets.apiKey, 'Content-Type': 'application/json' };
  const post = async (path: string, json: object) =>
    Object(await (await fetch(url + path, { method: 'POST', headers, body: JSON.stringify(json) })).json());
  const keep = async (response: Response) => {
    answers.push(Buffer.from(`${JSON.stringify([...response.headers])}${await response.text()}`));
  };
  await post('/v2/auth/providers', providerOf(provider, 'leaky'));
  const { url: link, auth_id } = await post('/v2/auth/authenticate', { provider: 'leaky', scopes: [] });
  const alice = person();
  const callback = new URL(await alice.untilCallback(link));
  secrets.code = callback.searchParams.get('code') ?? '';
  secrets.state = callback.searchParams.get('state') ?? '';
  secrets.cookie = [...alice.cookies.values()].join();
  await keep(await person().go(callback.href));
  await keep(await person().go(`${callback.href}&state=again`));
  await keep(await alice.go(callback.href, { headers: { 'Sec-Purpose': 'prefetch' } }));
  await keep(await alice.go(callback.href));
  await keep(await alice.go(callback.href));
  await keep(await alice.go(`${url}/connected`));
  await keep(await alice.go(link));
  const { token } = Object(await (await fetch(`${url}/v2/auth/wait/${auth_id}`, { headers })).json());
  const [access = '', refresh = ''] = provider.secrets;
  if (token !== access) throw new Error('the token did not come out');
  secrets.grantedAccessToken = access.replace('access-', '');
  secrets.grantedRefreshToken = refresh.replace('refresh-', '');
  secrets.codeVerifier = provider.tokenRequests[0]?.parameters['code_verifier'] ?? '';
  await keep(await fetch(`${url}/v2/auth/tokens`, { headers }));
  await provider.stop();
}

async function banner(server: ChildProcess, output: Record<'stdout' | 'stderr', Buffer[]>): Promise<string> {
  server.stderr?.on('data', (chunk: Buffer) => output.stderr.push(chunk));
  const text = await printed(server, /-d '/);
  output.stdout.push(Buffer.from(text));
  server.stdout?.on('data', (chunk: Buffer) => output.stdout.push(chunk));
  return text;
}

async function talkative(dataDir: string, ...statements: string[]): Promise<void> {
  const client = new pg.Client({ connectionString: (await findRunning(dataDir)) ?? '' });
  await client.connect();
  const settings = [
    "log_statement = 'all'",
    'log_parameter_max_length_on_error = -1',
    "log_error_verbosity = 'verbose'",
    "log_min_messages = 'debug1'",
  ];
  for (const statement of [
    ...settings.map((setting) => `ALTER SYSTEM SET ${setting}`),
    'SELECT pg_reload_conf()',
    ...statements,
  ]) {
    await client.query(statement);
  }
  await client.end();
}

async function raw(port: number, bytes: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const socket = connect(port, '127.0.0.1');
  socket.write(bytes);
  for await (const chunk of socket) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Every secret position, valid and invalid. */
function requests(): string[] {
  const token = {
    provider_id: 'slack-dev',
    access_token: secrets.accessToken,
    refresh_token: secrets.refreshToken,
  };
  const body = JSON.stringify({ ...token, metadata: { note: planted.metadata } });
  const key = `X-Api-Key: ${secrets.apiKey}`;
  const request = (
    content: string,
    headers: readonly string[] = [key],
    line = `POST ${IMPORT}`,
    length = Buffer.byteLength(content),
  ) =>
    [
      `${line} HTTP/1.1`,
      'Host: x',
      'Connection: close',
      `X-Request-Id: ${planted.requestId}`,
      'Content-Type: application/json',
      ...headers,
      `Content-Length: ${length}`,
      '',
      content,
    ].join('\r\n');
  const provider = {
    name: 'x',
    client_id: 'x',
    client_secret: secrets.clientSecret,
    auth_url: 'https://provider.example/a',
    token_url: 'https://provider.example/t',
  };
  const ofProvider = (method: string, path: string, json: object) =>
    request(JSON.stringify(json), [key], `${method} /v2/auth/providers${path}`);
  return [
    request(body),
    ofProvider('POST', '', { ...provider, provider_id: randomUUID() }),
    ofProvider('POST', '', { ...provider, provider_id: 'slack-dev' }),
    ofProvider('POST', '', { ...provider, provider_id: secrets.wrongType, auth_url: secrets.wrongType }),
    ofProvider('POST', '', {
      ...provider,
      client_secret: [secrets.clientSecret],
      provider_type: secrets.wrongType,
    }),
    ofProvider('PATCH', '/slack-dev', { client_secret: secrets.clientSecret }),
    ofProvider('PATCH', '/unknown', { client_secret: secrets.clientSecret }),
    request('', [key], `GET /v2/auth/tokens?access_token=${secrets.query}`),
    request(JSON.stringify({ ...token, provider_id: 'unknown' })),
    request(JSON.stringify({ ...token, provider_id: undefined })),
    request(
      JSON.stringify({
        ...token,
        scopes: [secrets.wrongType, 5],
        is_default: secrets.wrongType,
        expires_in_seconds: secrets.wrongType,
      }),
    ),
    request(
      JSON.stringify({
        ...token,
        access_token: { nested: secrets.wrongType },
        refresh_token: [secrets.wrongType],
      }),
    ),
    request(`{"access_token":"${secrets.brokenBody}",}`),
    request(`{"access_token":"${secrets.brokenBody}\ud800`),
    request(`${secrets.brokenBody}`, [key, 'Content-Type: text/plain']),
    request(body, []),
    request(body, [`X-Api-Key: ${secrets.wrongKey}`]),
    request(body, [key, key]),
    request(body, [`Authorization: Bearer ${secrets.bearer}`]),
    request(body, [key, `X-Tenant-Id: ${secrets.wrongKey}`]),
    request(body, [key, `Cookie: session=${secrets.wrongKey}`, 'Content-Encoding: gzip']),
    request(body, [key], `POST ${IMPORT}?access_token=${secrets.query}`),
    request(body, [key], `POST /nope/${secrets.query}?${secrets.query}`),
    request(body, [key], `GET ${IMPORT}?${secrets.query}`),
    `POST ${IMPORT} HTTP/1.1\r\n${key}\r\nHost: ${secrets.query} \u0001\r\n\r\n`,
    `${secrets.query}\r\n\r\n`,
  ];
}

describe.each(['answers', 'stdout', 'stderr', 'databaseLog', 'databaseFiles'] as const)('the %s', (place) => {
  let shown: ReadonlySet<string>;

  beforeAll(() => {
    shown = found(places[place], { ...secrets, ...planted });
  });

  it.each(Object.keys(secrets))('holds no piece of the %s', (name) => {
    const text = new Map(Object.entries(secrets)).get(name) ?? '';
    expect(text.length).toBeGreaterThan(20);
    expect(shown).not.toContain(name);
  });

  it('was really searched: it holds what is not secret', () => {
    expect(places[place].length).toBeGreaterThan(100);
    expect([...shown].sort()).toEqual(PLANTED[place]);
  });
});

describe('the search', () => {
  it.each([
    ['plain', (text: string) => text],
    ['hex', (text: string) => Buffer.from(text).toString('hex')],
    ['base64', (text: string) => Buffer.from(text).toString('base64')],
    ['base64 after one byte', (text: string) => Buffer.from(`x${text}`).toString('base64')],
    ['base64 after two bytes', (text: string) => Buffer.from(`xy${text}`).toString('base64')],
    ['a piece', (text: string) => text.slice(0, 8)],
  ])('finds a secret that is written as %s', (_, write) => {
    const text = secret();
    expect(found(Buffer.from(`... ${write(text)} ...`), { text })).toEqual(new Set(['text']));
  });
});
