import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { detail, raw, request, statuses } from './support/raw.ts';
import { IMPORT, startVault, type Tenant, type TestVault } from './support/vault.ts';

let vault: TestVault;
let tenant: Tenant;

beforeAll(async () => {
  vault = await startVault();
  tenant = await vault.newTenant();
});

afterAll(() => vault.close());

const BODY = '{"provider_id":"slack","access_token":"x"}';

const send = (bytes: string | Buffer) => raw(vault.port, bytes);

const authorized = (...headers: string[]) => [
  `X-Api-Key: ${tenant.apiKey}`,
  'Content-Type: application/json',
  ...headers,
];

describe('a path', () => {
  it.each([
    '/nope',
    '/v2/auth/tokens/import/',
    '//v2/auth/tokens/import',
    '/V2/auth/tokens/import',
    '/v2/auth/tokens/%69mport',
    '/v2/auth/tokens/import%00',
    '/v2/auth/tokens/import%',
    '/v2/auth/tokens/../tokens/import',
    '/v2/auth/tokens/import#x',
    '/v2\\auth\\tokens\\import',
    'http://x/v2/auth/tokens/import',
  ])('other than exactly the operation’s gets 404 without a redirect: %s', async (path) => {
    const answer = await send(request(`POST ${path}`, authorized(), BODY));
    expect(statuses(answer)).toEqual([404]);
    expect(detail(answer)).toBe('Not Found');
    expect(answer).not.toMatch(/location/i);
  });

  it('may have a query, which nothing looks at', async () => {
    expect(
      statuses(await send(request(`POST ${IMPORT}?access_token=y&a=%&#\\`, authorized(), BODY))),
    ).toEqual([200]);
  });
});

describe('a method', () => {
  it.each(['GET', 'PUT', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND'])(
    'that no operation has gets 405 and what is allowed: %s',
    async (method) => {
      const answer = await send(request(`${method} ${IMPORT}`));
      expect(statuses(answer)).toEqual([405]);
      expect(answer).toMatch(/^Allow: POST, DELETE\r$/m);
      expect(detail(answer)).toBe('Method Not Allowed');
    },
  );

  it('that the path lacks falls through to the path with a parameter', async () => {
    const answer = await send(request(`DELETE ${IMPORT}`, authorized()));
    expect(statuses(answer)).toEqual([404]);
    expect(detail(answer)).toBe('OAuth token not found');
  });

  it('HEAD gets 405 without a body', async () => {
    const answer = await send(request(`HEAD ${IMPORT}`));
    expect(statuses(answer)).toEqual([405]);
    expect(answer.endsWith('\r\n\r\n')).toBe(true);
  });
});

describe('credential headers', () => {
  it.each([
    ['X-Api-Key', 401],
    ['Authorization', 401],
    ['X-Tenant-Id', 403],
  ])('may come once: a repeated %s gets %i', async (name, status) => {
    const value =
      name === 'X-Api-Key' ? tenant.apiKey : name === 'X-Tenant-Id' ? tenant.workspaceId : 'Bearer a.b.c';
    const others = name === 'X-Api-Key' ? [] : [`X-Api-Key: ${tenant.apiKey}`];
    const repeated = [`${name}: ${value}`, `${name}: ${value}`];
    const answer = await send(
      request(`POST ${IMPORT}`, [...others, ...repeated, 'Content-Type: application/json'], BODY),
    );
    expect(statuses(answer)).toEqual([status]);
  });
});

describe('a body', () => {
  it.each(['gzip', 'identity, gzip', 'br', 'x'])(
    'with the content coding %s gets 415 and the codings that are taken',
    async (coding) => {
      const answer = await send(request(`POST ${IMPORT}`, authorized(`Content-Encoding: ${coding}`), BODY));
      expect(statuses(answer)).toEqual([415]);
      expect(answer).toMatch(/^Accept-Encoding: identity\r$/m);
    },
  );

  it('with the content coding identity is taken', async () => {
    const answer = await send(request(`POST ${IMPORT}`, authorized('Content-Encoding: Identity'), BODY));
    expect(statuses(answer)).toEqual([200]);
  });

  it('of a mebibyte is taken, of a byte more gets 413 and a closed connection', async () => {
    const sized = (bytes: number) => `${BODY.slice(0, -2)}${'x'.repeat(bytes - BODY.length)}"}`;
    expect(statuses(await send(request(`POST ${IMPORT}`, authorized(), sized(1_048_576))))).toEqual([200]);
    const answer = await send(request(`POST ${IMPORT}`, authorized(), sized(1_048_577)));
    expect(statuses(answer)).toEqual([413]);
    expect(answer).toMatch(/^Connection: close\r$/m);
  });

  it('that is too large in chunks gets 413, which the sender can read', async () => {
    const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`;
    const head = request(`POST ${IMPORT}`, authorized('Transfer-Encoding: chunked'));
    expect(statuses(await send(`${head}${chunk.repeat(64)}0\r\n\r\n`))).toEqual([413]);
  });

  it('in chunks that split characters is joined first', async () => {
    const bytes = Buffer.from('{"provider_id":"slack","access_token":"😀é"}');
    const chunks = [...bytes].map((byte) =>
      Buffer.concat([Buffer.from('1\r\n'), Buffer.from([byte]), Buffer.from('\r\n')]),
    );
    const head = Buffer.from(request(`POST ${IMPORT}`, authorized('Transfer-Encoding: chunked')));
    const answer = await send(Buffer.concat([head, ...chunks, Buffer.from('0\r\n\r\n')]));
    const { token_id } = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4));
    expect(vault.keyRing.open((await vault.row(token_id)).access_token)).toBe('😀é');
  });

  it.each([
    ['Content-Length', [`Content-Length: ${BODY.length}`], BODY],
    [
      'Transfer-Encoding',
      ['Transfer-Encoding: chunked'],
      `${BODY.length.toString(16)}\r\n${BODY}\r\n0\r\n\r\n`,
    ],
  ])('that comes later than its %s is waited for', async (_, framing, body) => {
    const socket = connect(vault.port, '127.0.0.1');
    socket.write(request(`POST ${IMPORT}`, authorized(...framing)));
    await once(socket, 'connect');
    // An import on another connection tells that the server waits for the body of the first.
    await vault.import(tenant.apiKey, JSON.parse(BODY));
    socket.write(body);
    expect(statuses(await text(socket))).toEqual([200]);
  });

  it('that the client cuts short stores nothing, and the server lives on', async () => {
    const key = await vault.newKey(tenant, { userId: 'cut-short' });
    const cut = request(
      `POST ${IMPORT}`,
      [`X-Api-Key: ${key}`, 'Content-Type: application/json'],
      BODY,
    ).slice(0, -5);
    const socket = connect(vault.port, '127.0.0.1').end(cut);
    await once(socket.resume(), 'close');
    expect(await vault.db('oauth_tokens').where({ user_id: 'cut-short' })).toEqual([]);
    expect(await vault.import(key, { provider_id: 'slack', access_token: 'x' })).toMatchObject({
      status: 200,
    });
  });

  it('is asked for with 100 Continue', async () => {
    expect(statuses(await send(request(`POST ${IMPORT}`, authorized('Expect: 100-continue'), BODY)))).toEqual(
      [100, 200],
    );
  });
});

describe('a connection', () => {
  it('may carry several requests, answered in order, each on its own merits', async () => {
    const keepAlive = (headers: readonly string[]) =>
      request(`POST ${IMPORT}`, headers, BODY).replace('Connection: close\r\n', '');
    const answer = await send(
      keepAlive([]) +
        keepAlive(authorized()) +
        keepAlive(authorized('Content-Encoding: gzip')) +
        request(`POST ${IMPORT}`, authorized(), BODY),
    );
    expect(statuses(answer)).toEqual([401, 200, 415, 200]);
  });

  const keepAlive = () => request(`POST ${IMPORT}`, authorized(), BODY).replace('Connection: close\r\n', '');

  it.each([
    ['garbage', () => 'garbage\r\n\r\n', 400],
    ['headers that are too large', () => request('GET /healthz', [`X-Big: ${'x'.repeat(17_000)}`]), 431],
    [
      'a body in broken chunks',
      () => request(`POST ${IMPORT}`, authorized('Transfer-Encoding: chunked'), 'zz\r\n'),
      400,
    ],
    ['half a request', () => keepAlive().slice(0, -5), 400],
  ])('answers in order what came whole before %s, and then refuses that', async (_, malformed, status) => {
    const socket = connect(vault.port, '127.0.0.1');
    socket.end(keepAlive() + keepAlive() + malformed());
    const answer = await text(socket);
    expect(statuses(answer)).toEqual([200, 200, status]);
    expect(answer.match(/"token_id"/g)).toHaveLength(2);
  });

  it('whose client has ended its side carries every answer', async () => {
    const socket = connect(vault.port, '127.0.0.1');
    socket.end(keepAlive().repeat(20));
    expect(statuses(await text(socket))).toEqual(Array(20).fill(200));
  });
});

describe('a request that is not HTTP as we speak it', () => {
  it.each([
    ['has both lengths', () => request(`POST ${IMPORT}`, ['Transfer-Encoding: chunked'], BODY), 400],
    ['has no Host', () => `GET ${IMPORT} HTTP/1.1\r\nConnection: close\r\n\r\n`, 400],
    ['has two Hosts', () => request('GET /healthz', ['Host: y']), 400],
    ['has headers over 16 KiB', () => request('GET /healthz', [`X-Big: ${'x'.repeat(17_000)}`]), 431],
    ['has an unknown expectation', () => request('GET /healthz', ['Expect: miracles']), 417],
    ['is garbage', () => '\u0000\u0001\u0002\r\n\r\n', 400],
  ])('is refused in the form of all answers: it %s', async (_, bytes, status) => {
    const answer = await send(bytes());
    expect(statuses(answer)).toEqual([status]);
    expect(answer).toMatch(/^Cache-Control: no-store\r$/m);
    expect(answer).toMatch(/^X-Content-Type-Options: nosniff\r$/m);
    expect(answer).toMatch(/^X-Request-Id: \S+\r$/m);
    expect(detail(answer)).toEqual(expect.any(String));
  });
});

describe('every answer', () => {
  it.each(['/healthz', '/readyz', '/nope', IMPORT])(
    'forbids storing and sniffing, and does not tell what made it: %s',
    async (path) => {
      const { headers } = await vault.call('GET', path);
      expect(Object.fromEntries(headers)).toMatchObject({
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
        'content-type': 'application/json',
      });
      expect(headers.get('x-powered-by')).toBeNull();
      expect(headers.get('etag')).toBeNull();
    },
  );

  it('carries the request id of the caller where it is harmless, and otherwise a new one', async () => {
    const idFor = async (given: string) =>
      (await vault.call('GET', '/healthz', { headers: { 'X-Request-Id': given } })).headers.get(
        'x-request-id',
      );
    expect(await idFor('A.b_c-9')).toBe('A.b_c-9');
    for (const harmful of ['', 'a b', 'x'.repeat(129), '"'])
      expect(await idFor(harmful)).toMatch(/^[0-9a-f-]{36}$/);
  });
});

describe('health', () => {
  it.each(['/healthz', '/readyz'])('is told without credentials: %s', async (path) => {
    const { status, body } = await vault.call('GET', path);
    expect({ status, body }).toEqual({ status: 200, body: { status: 'ok' } });
  });

  it('is told to no other method', async () => {
    const { status, headers } = await vault.call('POST', '/healthz');
    expect({ status, allow: headers.get('allow') }).toEqual({ status: 405, allow: 'GET, HEAD' });
  });
});

describe('the contract for people', () => {
  it('is a page that loads nothing from another host, and may not', async () => {
    const page = await fetch(`${vault.url}/docs`);
    const html = await page.text();
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'; script-src 'self'");
    const loaded = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path ?? '');
    expect(loaded.length).toBeGreaterThan(3);
    for (const path of loaded) {
      expect(path).toMatch(/^docs\/[\w.-]+$/);
      expect((await fetch(`${vault.url}/${path}`)).status).toBe(200);
    }
  });

  it('is the document itself, for tools', async () => {
    const generated = readFileSync(new URL('../generated/openapi.json', import.meta.url), 'utf8');
    expect((await vault.call('GET', '/openapi.json')).body).toEqual(JSON.parse(generated));
  });

  it.each([
    ['/', 'docs'],
    ['/docs/', '../docs'],
  ])('is where %s leads', async (path, location) => {
    const answer = await fetch(vault.url + path, { redirect: 'manual' });
    expect({ status: answer.status, location: answer.headers.get('location') }).toEqual({
      status: 307,
      location,
    });
    expect(new URL(location, vault.url + path).pathname).toBe('/docs');
  });

  it.each(['/docs', '/openapi.json', '/docs/start.js'])('is to be read only: %s', async (path) => {
    expect((await vault.call('HEAD', path)).status).toBe(200);
    const { status, headers } = await vault.call('POST', path);
    expect([status, headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  });
});
