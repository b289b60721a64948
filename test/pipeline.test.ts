/** Every kind of operation that the pipeline serves, in a contract of the test's own. */
import { once } from 'node:events';
import type { Server } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { generateApiKey } from '../crypto/api-key.ts';
import { createAuthenticator } from '../security/authenticate.ts';
import { createApp } from '../server/app.ts';
import { ClientGoneError } from '../server/body.ts';
import { StoppingError } from '../server/call.ts';
import type { Handlers, Reading } from '../server/contract.ts';
import { ApiError, PageError } from '../server/errors.ts';
import { createHttpServer } from '../server/http.ts';
import { createLogger } from '../server/log.ts';
import { createMetrics } from '../server/metrics.ts';
import { html } from '../server/pages/html.ts';
import { page } from '../server/pages/page.ts';
import { raw, request, statuses } from './support/raw.ts';
import { document, type Small } from './support/small-contract.ts';

const READS = {
  page: { path: { id: true } },
  go: {},
  who: {},
  key_only: {},
  both: {},
  create: { body: { text: true, tag: false } },
  remove: { path: { id: true } },
  find: { path: { id: true } },
  search: {},
  wait: {},
  rows: { query: { count: true, fail: true } },
} as const satisfies Reading<Small>;

let readinessChecks = 0;
/** How the last wait ended. */
let ended = '';
/** The last rows: how many were asked for, and whether their source was closed. */
const source = { taken: 0, isClosed: false };

async function* rows(count: number, fails: boolean) {
  source.taken = 0;
  source.isClosed = false;
  try {
    for (; source.taken < count; source.taken += 1) yield { n: source.taken };
    if (fails) throw new Error('the source failed');
  } finally {
    source.isClosed = true;
  }
}

const handlers: Handlers<typeof READS, Small> = {
  async page({ path, request }) {
    if (path.id === 'gone') throw new PageError(400, page({ title: 'Gone', main: html`<h1>Gone</h1>` }));
    const cookie = request.headersDistinct['cookie']?.[0];
    return { status: 200, ...page({ title: 'Hello', main: html`<h1>${path.id} ${cookie}</h1>` }) };
  },
  go: async () => ({ status: 303, headers: { Location: '/page/there' } }),
  who: async ({ caller }) => ({ status: 200, body: { user: caller?.userId ?? null } }),
  key_only: async ({ caller }) => ({ status: 200, body: { user: caller.userId } }),
  both: async ({ caller }) => ({ status: 200, body: { user: caller.userId } }),
  create: async ({ body, mediaType }) => ({
    status: 201,
    headers: { 'X-Note': 'made' },
    body: { text: body.text, from: mediaType },
  }),
  async remove({ path }) {
    if (path.id === 'unknown') throw new ApiError(404, 'Note not found');
    return { status: 204 };
  },
  find: async ({ path }) => ({ status: 200, body: { id: path.id } }),
  search: async () => ({ status: 200, body: { found: true } }),
  async wait({ signal }) {
    if (!signal.aborted) await once(signal, 'abort');
    ended = signal.reason.constructor.name;
    return { status: 200, body: { ended } };
  },
  rows: async ({ query }) => ({ status: 200, rows: rows(query.count, query.fail ?? false) }),
};

const { apiKey, keyHash } = generateApiKey();
const identity = {
  credential: `api-key:${apiKey.slice(4, 10)}`,
  organizationId: 'o',
  workspaceId: 'w',
  userId: 'alice',
  role: 'member',
  actsFor: 'user',
} as const;

let server: Server;
let port: number;
const stopping = new AbortController();

beforeAll(async () => {
  const app = await createApp({
    contract: document,
    formats: {},
    valueLimits: {},
    handlers,
    authenticator: createAuthenticator({
      findApiKey: async (hash) => (hash === keyHash ? identity : undefined),
      findWorkspace: async () => 'w',
      verifyBearer: async (token) =>
        token === 'bobs'
          ? { organizationId: 'o', workspaceId: undefined, userId: 'bob', role: 'member' }
          : undefined,
    }),
    pages: [
      {
        method: 'GET',
        path: '/own/{name}',
        serve: async ({ path }) => ({ status: 200, body: path['name'] }),
      },
    ],
    isReady: async () => {
      readinessChecks += 1;
      return true;
    },
    log: createLogger('silent'),
    isTracing: false,
    metrics: createMetrics({
      grants: async () => ({ states: {}, dying: 0, oldestLeaseSeconds: null }),
      waiters: () => 0,
      pool: () => ({ used: 0, free: 0, waiting: 0 }),
      keys: async () => [],
    }),
    trustProxy: false,
    limits: { bodyBytes: 1000, headerCount: 50, authFailuresPerMinute: 0 },
    stopping: stopping.signal,
  });
  server = createHttpServer(app, {
    headerBytes: 16_384,
    headersTimeoutSeconds: 10,
    requestTimeoutSeconds: 10,
    maxConnections: 100,
    keepAliveTimeoutSeconds: 10,
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  port = typeof address === 'object' && address !== null ? address.port : 0;
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const KEY = { 'X-Api-Key': apiKey };
const BEARER = { Authorization: 'Bearer bobs' };

async function call(method: string, path: string, headers: Record<string, string> = {}, body?: string) {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method,
    headers,
    redirect: 'manual',
    ...(body === undefined ? {} : { body }),
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

describe('an answer', () => {
  it('of HTML carries the header fields of its page', async () => {
    const { status, headers, text } = await call('GET', '/page/<b>', { Cookie: 'a=<' });
    expect({ status, type: headers.get('content-type') }).toEqual({
      status: 200,
      type: 'text/html; charset=utf-8',
    });
    expect(headers.get('content-security-policy')).toMatch(/^default-src 'none'; style-src 'sha256-/);
    expect(text).toContain('<h1>&lt;b&gt; a=&lt;</h1>');
  });

  it('that refuses may be a page', async () => {
    const { status, headers, text } = await call('GET', '/page/gone');
    expect([status, headers.get('content-type')]).toEqual([400, 'text/html; charset=utf-8']);
    expect(text).toContain('<h1>Gone</h1>');
  });

  it('may redirect, without a body', async () => {
    const { status, headers, text } = await call('GET', '/go');
    expect([status, headers.get('location'), headers.get('content-type'), text]).toEqual([
      303,
      '/page/there',
      null,
      '',
    ]);
  });

  it('of 201 carries its documented header field', async () => {
    const { status, headers } = await call(
      'POST',
      '/notes',
      { ...KEY, 'Content-Type': 'application/json' },
      '{"text":"x"}',
    );
    expect([status, headers.get('x-note')]).toEqual([201, 'made']);
  });

  it('of 204 has neither a body nor fields that describe one, and the connection goes on', async () => {
    const remove = (id: string) => request(`DELETE /notes/${id}`, [`X-Api-Key: ${apiKey}`]);
    const answer = await raw(port, remove('1').replace('Connection: close\r\n', '') + remove('unknown'));
    expect(statuses(answer)).toEqual([204, 404]);
    expect(answer.slice(0, answer.indexOf('\r\n\r\n'))).not.toMatch(/^(?:content|transfer)-/im);
  });

  it('is never given to HEAD where the contract has none', async () => {
    expect((await call('HEAD', '/page/x')).status).toBe(405);
  });
});

describe('a body', () => {
  const create = (type: string, body: string) =>
    call('POST', '/notes', { ...KEY, 'Content-Type': type }, body);
  const FORM = 'application/x-www-form-urlencoded';

  it('is JSON or a form, and the handler is told which', async () => {
    expect(JSON.parse((await create('application/json', '{"text":"x"}')).text).from).toBe('application/json');
    const form = await create(`${FORM}; charset=UTF-8`, 'text=a+b%C3%A9%26&tag=t');
    expect(JSON.parse(form.text)).toEqual({ text: 'a bé&', from: FORM });
  });

  it.each([
    ['of another media type', 'text/plain', 'text=x', 422],
    ['that lacks a field', FORM, 'tag=t', 422],
    ['that repeats a field', FORM, 'text=x&text=y', 422],
    ['whose escapes are no UTF-8', FORM, 'text=%ff', 400],
    ['that is too large', FORM, `text=${'x'.repeat(1000)}`, 413],
    ['that is empty', FORM, '', 422],
  ])('%s is refused', async (_, type, body, status) => {
    expect((await create(type, body)).status).toBe(status);
  });
});

describe('security', () => {
  const SENT = {
    nothing: {},
    key: KEY,
    bearer: BEARER,
    'a wrong key': { 'X-Api-Key': 'wrong' },
    'key and bearer': { ...KEY, ...BEARER },
    'key and a wrong bearer': { ...KEY, Authorization: 'Bearer wrong' },
  };

  it.each([
    ['/page/x', 'nothing', 200],
    ['/who', 'nothing', 200],
    ['/who', 'key', 200],
    ['/who', 'a wrong key', 401],
    ['/key-only', 'key', 200],
    ['/key-only', 'bearer', 401],
    ['/key-only', 'nothing', 401],
    ['/both', 'key', 401],
    ['/both', 'bearer', 401],
    ['/both', 'key and bearer', 200],
    ['/both', 'key and a wrong bearer', 401],
    ['/notes/1', 'bearer', 200],
    ['/notes/1', 'nothing', 401],
  ] as const)('is what the contract says: %s with %s gets %i', async (path, sent, status) => {
    expect((await call('GET', path, SENT[sent])).status).toBe(status);
  });

  it('that is optional tells the caller where there is one', async () => {
    expect((await call('GET', '/who')).text).toBe('{"user":null}');
    expect((await call('GET', '/who', BEARER)).text).toBe('{"user":"bob"}');
  });
});

describe('a concrete path', () => {
  it('comes first, and lets a method that it lacks fall through to the template', async () => {
    expect((await call('POST', '/notes/search', KEY)).text).toBe('{"found":true}');
    expect((await call('GET', '/notes/search', KEY)).text).toBe('{"id":"search"}');
  });

  it('allows its own methods and those of the template', async () => {
    const { status, headers } = await call('PUT', '/notes/search', KEY);
    expect([status, headers.get('allow')]).toEqual([405, 'POST, GET, DELETE']);
  });

  it('may be a page beside the contract', async () => {
    expect((await call('GET', '/own/x')).text).toBe('"x"');
  });
});

describe('readiness', () => {
  it('is checked once for all who ask within a second', async () => {
    const ask = () => Promise.all(Array.from({ length: 20 }, () => call('GET', '/readyz')));
    const answers = [...(await ask()), ...(await ask())];
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(readinessChecks).toBe(1);
  });
});

describe('rows', () => {
  it('are one JSON array', async () => {
    expect(JSON.parse((await call('GET', '/rows?count=0')).text)).toEqual([]);
    const many = JSON.parse((await call('GET', '/rows?count=20000')).text);
    expect([many.length, many[19_999]]).toEqual([20_000, { n: 19_999 }]);
  });

  it('that fail before the first are answered 500, later they cut the connection', async () => {
    expect((await call('GET', '/rows?count=0&fail=true')).status).toBe(500);
    await expect(call('GET', '/rows?count=20000&fail=true')).rejects.toThrow();
  });

  it('wait for a client that does not read, and end with it', async () => {
    const socket = connect(port, '127.0.0.1');
    socket.write('GET /rows?count=100000000 HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(socket, 'readable');
    for (let before = -1; before !== source.taken; ) {
      before = source.taken;
      for (let turns = 0; turns < 30; turns += 1) await call('GET', '/healthz');
    }
    expect(source).toEqual({ taken: expect.any(Number), isClosed: false });
    expect(source.taken).toBeLessThan(10_000_000);
    socket.destroy();
    while (!source.isClosed) await call('GET', '/healthz');
  });
});

describe('a call that waits', () => {
  it('ends when its client closes the connection', async () => {
    ended = '';
    const socket = connect(port, '127.0.0.1');
    socket.write('GET /wait HTTP/1.1\r\nHost: x\r\n\r\n');
    await call('GET', '/healthz');
    socket.end();
    while (ended === '') await call('GET', '/healthz');
    expect(ended).toBe(ClientGoneError.name);
  });

  it('is answered when the service stops, and the connection is closed', async () => {
    const waiting = [1, 2, 3].map(() => raw(port, 'GET /wait HTTP/1.1\r\nHost: x\r\n\r\n'));
    await call('GET', '/healthz');
    stopping.abort();
    for (const answer of await Promise.all(waiting)) {
      expect(answer).toMatch(/^Connection: close\r$/m);
      expect(answer).toContain(`{"ended":"${StoppingError.name}"}`);
    }
    expect((await call('GET', '/readyz')).status).toBe(503);
  });
});
