/** Requests to other servers: allowed addresses, limits of time and size, and their metrics and spans. */
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';
import { createAddressRules, isAllowEntry } from '../outbound/addresses.ts';
import type { OutboundError } from '../outbound/errors.ts';
import type { OutboundObservation } from '../outbound/observe.ts';
import { createOutbound, type OutboundParts } from '../outbound/outbound.ts';
import type { OutboundRequest } from '../outbound/request.ts';
import { createMetrics } from '../server/metrics.ts';
import { loadConfig } from '../service/config.ts';

const PUBLIC = '93.184.215.14';

let server: Server;
let port: number;
let seen: {
  method: string | undefined;
  url: string | undefined;
  headers: NodeJS.Dict<unknown>;
  body: string;
}[] = [];
let requests = 0;

const answers: Readonly<Record<string, RequestListener>> = {
  '/redirect': (_, response) => response.writeHead(302, { Location: `http://127.0.0.1:${port}/ok` }).end(),
  '/large': (_, response) => response.end('x'.repeat(2_000)),
  '/announced': (_, response) => response.writeHead(200, { 'Content-Length': 2_000 }).flushHeaders(),
  '/endless': (_, response) => {
    const more = (): void =>
      void (response.destroyed || setImmediate(() => response.write('x'.repeat(99), more)));
    more();
  },
  '/drip': (_, response) => {
    const timer = setInterval(() => response.write('x'), 20);
    response.on('close', () => clearInterval(timer));
  },
  '/silent': () => undefined,
  '/reset': (request) => request.socket.destroy(),
  '/gzip': (_, response) => response.writeHead(200, { 'Content-Encoding': 'gzip' }).end(gzipSync('fine')),
  '/bomb': (_, response) =>
    response.writeHead(200, { 'Content-Encoding': 'gzip' }).end(gzipSync('x'.repeat(1_000_000))),
  '/brotli': (_, response) => response.writeHead(200, { 'Content-Encoding': 'br' }).end('x'),
  '/garbage': (request) => request.socket.end('this is not HTTP\r\n\r\n'),
};

beforeAll(async () => {
  server = createServer(async (request, response) => {
    requests += 1;
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const { method, url, headers } = request;
    seen.push({ method, url, headers, body: Buffer.concat(chunks).toString() });
    const answer = answers[url ?? ''] ?? ((_, ok) => ok.end('fine'));
    answer(request, response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  port = Number((server.address() as AddressInfo).port);
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const inDevelopment = createAddressRules([], true);
const inProduction = createAddressRules([], false);
const outbound = (parts: Partial<OutboundParts> = {}) => createOutbound({ rules: inDevelopment, ...parts });
const here = (path: string) => `http://127.0.0.1:${port}${path}`;
const ask = (url: string, given: Partial<OutboundRequest> = {}, parts: Partial<OutboundParts> = {}) =>
  outbound(parts).request({ purpose: 'token', url, ...given });
const failure = (...given: Parameters<typeof ask>): Promise<OutboundError> =>
  ask(...given).then(
    () => Promise.reject(new Error('it was answered')),
    (error) => error,
  );

describe('a request', () => {
  it('is sent as given, and asks for no compression', async () => {
    seen = [];
    const given = { method: 'POST', body: 'a=1', headers: { accept: 'application/json' } } as const;
    expect(await ask(here('/token?x=1'), given)).toMatchObject({ status: 200, text: 'fine' });
    expect(seen).toMatchObject([{ method: 'POST', url: '/token?x=1', body: 'a=1' }]);
    expect(seen[0]?.headers).toMatchObject({ accept: 'application/json', 'accept-encoding': 'identity' });
  });

  it('follows no redirect', async () => {
    expect(await ask(here('/redirect'))).toMatchObject({ status: 302 });
  });

  it('reads an answer that is compressed against its wish', async () => {
    expect(await ask(here('/gzip'))).toMatchObject({ text: 'fine' });
  });

  it.each([
    ['a large answer', '/large', 'too-large'],
    ['an answer that is announced as large', '/announced', 'too-large'],
    ['an endless answer', '/endless', 'too-large'],
    ['an answer that inflates', '/bomb', 'too-large'],
    ['an encoding that it does not know', '/brotli', 'unreadable'],
    ['what is not HTTP', '/garbage', 'unreadable'],
    ['a connection that is reset', '/reset', 'unreachable'],
  ])('ends at %s, and may have arrived', async (_, path, kind) => {
    expect(await failure(here(path), { maxBytes: 1_000 })).toMatchObject({ kind, mayHaveArrived: true });
  });

  it.each([
    ['silence', '/silent'],
    ['a drip', '/drip'],
  ])('ends in time at %s', async (_, path) => {
    expect(await failure(here(path), { timeoutMs: 300 })).toMatchObject({
      kind: 'timeout',
      mayHaveArrived: true,
    });
  });

  it('ends when our side gives it up', async () => {
    const signal = AbortSignal.timeout(50);
    expect(await failure(here('/silent'), { signal })).toMatchObject({ kind: 'cancelled' });
  });

  it('has not arrived where nothing listens', async () => {
    const closed = createServer().listen(0, '127.0.0.1');
    await once(closed, 'listening');
    const { port: free } = closed.address() as AddressInfo;
    closed.close();
    await once(closed, 'close');
    expect(await failure(`http://127.0.0.1:${free}/`)).toMatchObject({
      kind: 'unreachable',
      mayHaveArrived: false,
    });
  });

  it('has not arrived while its name resolves', async () => {
    const resolve = () => new Promise<never>(() => undefined);
    expect(await failure('https://slow.example/', { timeoutMs: 100 }, { resolve })).toMatchObject({
      kind: 'timeout',
      mayHaveArrived: false,
    });
  });

  it('has not arrived while all connections are taken', async () => {
    const { request } = outbound();
    const taken = new AbortController();
    const others = Array.from({ length: 32 }, () =>
      request({ purpose: 'token', url: here('/silent'), signal: taken.signal }).catch(() => undefined),
    );
    const before = requests;
    const error = await request({ purpose: 'token', url: here('/ok'), timeoutMs: 300 }).catch((e) => e);
    expect(error).toMatchObject({ kind: 'timeout', mayHaveArrived: false });
    taken.abort();
    await Promise.all(others);
    expect(seen.slice(before).filter(({ url }) => url === '/ok')).toEqual([]);
  });
});

it('one organization has a share of the requests in flight, and others have theirs', async () => {
  const { requestFor } = outbound();
  const [greedy, other] = ['greedy', 'other'].map(requestFor);
  const taken = new AbortController();
  const silent = { purpose: 'token', url: here('/silent'), signal: taken.signal } as const;
  const ok = { purpose: 'token', url: here('/ok').replace('127.0.0.1', 'localhost') } as const;
  const others = Array.from({ length: 100 }, () => greedy?.(silent).catch(() => undefined));
  await expect(greedy?.(ok)).rejects.toMatchObject({ kind: 'busy', mayHaveArrived: false });
  expect(await other?.(ok)).toMatchObject({ status: 200 });
  taken.abort();
  await Promise.all(others);
  expect(await greedy?.(ok)).toMatchObject({ status: 200 });
});

describe('an address', () => {
  it.each([
    ['http elsewhere', 'http://example.com/'],
    ['another scheme', 'ftp://example.com/'],
    ['no URL', 'example.com'],
    ['user info', 'https://user:secret@example.com/'],
    ['this machine', 'https://127.0.0.1/'],
    ['this machine, by http', 'http://127.0.0.1/'],
    ['this machine, in decimal', 'https://2130706433/'],
    ['this machine, in octal', 'https://0177.0.0.1/'],
    ['this machine, shortened', 'https://127.1/'],
    ['this machine, full-width', 'https://①②⑦.⓪.⓪.①/'],
    ['this machine, IPv6', 'https://[::1]/'],
    ['this machine, IPv4-mapped', 'https://[::ffff:127.0.0.1]/'],
    ['this machine, IPv4-compatible', 'https://[::127.0.0.1]/'],
    ['this machine, by NAT64', 'https://[64:ff9b::7f00:1]/'],
    ['the unspecified address', 'https://0.0.0.0/'],
    ['a private network', 'https://10.0.0.1/'],
    ['a private network, IPv6', 'https://[fd00::1]/'],
    ['cloud metadata', 'https://169.254.169.254/'],
    ['carrier-grade NAT', 'https://100.64.0.1/'],
    ['a broadcast', 'https://255.255.255.255/'],
  ])('is refused when it is %s', async (_, url) => {
    const error = await failure(url, {}, { rules: inProduction });
    expect(error).toMatchObject({ kind: 'refused', mayHaveArrived: false });
    expect(error.message).toBe('this address is not allowed');
  });

  it.each([
    ['one private address', ['10.0.0.1']],
    ['a public and a private address', [PUBLIC, '10.0.0.1']],
    ['an IPv4-mapped address', ['::ffff:192.168.0.1']],
  ])('is refused when the name has %s', async (_, addresses) => {
    const resolve = async () =>
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
    expect(await failure('https://provider.example/', {}, { rules: inProduction, resolve })).toMatchObject({
      kind: 'refused',
      mayHaveArrived: false,
    });
  });

  it('is the one that was checked, whatever the name resolves to afterwards (DNS rebinding)', async () => {
    const asked: string[] = [];
    const before = requests;
    const resolve = async (hostname: string) => {
      asked.push(hostname);
      return [{ address: asked.length === 1 ? '127.0.0.2' : '127.0.0.1', family: 4 }];
    };
    const { request } = outbound({ rules: createAddressRules(['127.0.0.2'], false), resolve });
    const kinds = [];
    for (let attempt = 0; attempt < 3; attempt++) {
      const url = `https://rebinding.example:${port}/`;
      kinds.push(await request({ purpose: 'token', url }).catch((error) => error.kind));
    }
    expect(kinds).toEqual(['unreachable', 'refused', 'refused']);
    expect(asked).toHaveLength(3); // one look-up for one connection
    expect(requests).toBe(before);
  });

  it('is unreachable, and not refused, when its name does not resolve', async () => {
    const resolve = () => Promise.reject(new Error('ENOTFOUND'));
    expect(await failure('https://unknown.example/', {}, { resolve })).toMatchObject({ kind: 'unreachable' });
  });
});

describe('OUTBOUND_ALLOW', () => {
  const allows = (allow: string, host: string): Promise<boolean> => {
    const resolve = async () => [{ address: '127.0.0.1', family: 4 }];
    const rules = createAddressRules(allow.split(','), false);
    return failure(`https://${host}:${port}/`, {}, { rules, resolve }).then(({ kind }) => kind !== 'refused');
  };

  it.each([
    ['a network', '127.0.0.0/24', '127.0.0.1'],
    ['an address', '10.0.0.1, 127.0.0.1', '127.0.0.1'],
    ['an IPv6 network', '::/64', '[::1]'],
  ])('lists %s', async (_, allow, host) => {
    expect(await allows(allow.replace(' ', ''), host)).toBe(true);
    expect(await allows('192.168.0.0/16,fd00::/8', host)).toBe(false);
  });

  it('lists host names, whose addresses are then not checked', async () => {
    expect(await allows('login.corp.example', 'login.corp.example')).toBe(true);
    expect(await allows('login.corp.example', 'evil.login.corp.example')).toBe(false);
    expect(await allows('*.corp.example', 'login.corp.example')).toBe(true);
    expect(await allows('*.corp.example', 'corp.example')).toBe(false);
    expect(await allows('*.corp.example', 'evilcorp.example')).toBe(false);
  });

  it.each(['10.0.0.0/33', '10.0.0', '300.1.1.1', 'https://corp.example', 'a b', '*', '', '-x'])(
    'takes no %p',
    (entry) => {
      expect(isAllowEntry(entry)).toBe(false);
    },
  );
});

describe('what is told of a request', () => {
  it('is one observation, by purpose and outcome, of which metrics are made', async () => {
    const observed: OutboundObservation[] = [];
    const metrics = createMetrics({
      grants: async () => ({ states: {}, dying: 0, oldestLeaseSeconds: null }),
      waiters: () => 0,
      pool: () => ({ used: 0, free: 0, waiting: 0 }),
      keys: async () => [],
    });
    const observe = (observation: OutboundObservation) => {
      observed.push(observation);
      metrics.observeOutbound(observation);
    };
    await ask(here('/ok'), {}, { observe });
    await failure(here('/silent'), { timeoutMs: 50, purpose: 'metadata' }, { observe });
    await failure('https://10.0.0.1/', {}, { observe, rules: inProduction });
    expect(observed).toMatchObject([
      { purpose: 'token', outcome: '2xx' },
      { purpose: 'metadata', outcome: 'timeout' },
      { purpose: 'token', outcome: 'refused' },
    ]);
    expect(await metrics.registry.metrics()).toContain(
      'tokenhold_outbound_request_duration_seconds_count{purpose="metadata",outcome="timeout"} 1',
    );
  });

  it('is one span, without path, query, header or body', async () => {
    const exporter = new InMemorySpanExporter();
    const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
    provider.register();
    const given = { method: 'POST', body: 'hush', headers: { authorization: 'hush' } } as const;
    await ask(here('/hush?token=hush'), given);
    await failure(`http://127.0.0.1:1/hush?token=hush`, given);
    const spans = exporter.getFinishedSpans();
    expect(spans.map(({ name, attributes }) => ({ name, attributes }))).toEqual([
      {
        name: 'POST token',
        attributes: {
          'http.request.method': 'POST',
          'server.address': '127.0.0.1',
          'http.response.status_code': 200,
        },
      },
      {
        name: 'POST token',
        attributes: {
          'http.request.method': 'POST',
          'server.address': '127.0.0.1',
          'error.type': 'unreachable',
        },
      },
    ]);
    await provider.shutdown();
  });
});

describe('the settings', () => {
  it.each([
    [{}, 'http://127.0.0.1:8124'],
    [{ HOST: '::1', PORT: '80' }, 'http://[::1]:80'],
    [{ HOST: '0.0.0.0', PUBLIC_URL: 'https://vault.example/path/' }, 'https://vault.example/path'],
  ])('%j give the public URL %s', (settings, publicUrl) => {
    expect(loadConfig(settings).publicUrl).toBe(publicUrl);
  });

  it.each([
    [{ HOST: '0.0.0.0' }, /PUBLIC_URL is required, since HOST is not a loopback address/],
    [{ PUBLIC_URL: 'https://user@vault.example' }, /PUBLIC_URL must be an http\(s\) URL/],
    [{ PUBLIC_URL: 'https://vault.example/?x' }, /PUBLIC_URL must be an http\(s\) URL/],
    [{ OUTBOUND_ALLOW: '10.0.0.0/8,https://corp.example' }, /OUTBOUND_ALLOW must be a list/],
  ])('%j are refused', (settings, message) => {
    expect(() => loadConfig(settings)).toThrow(message);
  });
});
