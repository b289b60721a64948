/** Connections: who gives way when there are too many, and clients that do not read, do not send, or send too much at once. */
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import express from 'express';
import { readBody } from '../server/body.ts';
import { ApiError } from '../server/errors.ts';
import { createHttpServer } from '../server/http.ts';
import { request } from './support/raw.ts';
import { startVault, type Tenant, type TestVault } from './support/vault.ts';

const EXISTS = '/v2/auth/tokens/exists?provider_id=slack';
const MAX_CONNECTIONS = 10;

const vaults: TestVault[] = [];
const sockets: Socket[] = [];

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const vault of vaults.splice(0)) await vault.close();
});

async function startCrowded(): Promise<TestVault> {
  const vault = await startVault({ MAX_CONNECTIONS: String(MAX_CONNECTIONS) });
  vaults.push(vault);
  return vault;
}

async function open({ port }: { readonly port: number }): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  sockets.push(socket);
  await once(socket, 'connect');
  return socket;
}

const keptAlive = (line: string, headers: readonly string[] = []) =>
  request(line, headers).replace('Connection: close\r\n', '');

/** @returns the beginning of the answer */
async function ask(socket: Socket, bytes: string): Promise<string> {
  socket.write(bytes);
  return String(await once(socket, 'data'));
}

/** Connections on which a caller was served. */
async function served(vault: TestVault, { apiKey }: Tenant, count: number): Promise<Socket[]> {
  const used = [];
  for (let left = count; left > 0; left--) {
    const socket = await open(vault);
    expect(await ask(socket, keptAlive(`GET ${EXISTS}`, [`X-Api-Key: ${apiKey}`]))).toMatch(/^HTTP\/1.1 200/);
    used.push(socket);
  }
  return used;
}

/** Connections that were asked for the body that they announced. */
async function announced(
  sockets: readonly Socket[],
  line: string,
  headers: readonly string[],
): Promise<void> {
  const head = keptAlive(line, [...headers, 'Content-Length: 9', 'Expect: 100-continue']);
  for (const socket of sockets) expect(await ask(socket, head)).toContain('100 Continue');
}

const closed = (some: readonly Socket[]) => Promise.all(some.map((socket) => once(socket, 'close')));
const areOpen = (some: readonly Socket[]) => some.map((socket) => !socket.closed && socket.writable);

describe('a connection beyond MAX_CONNECTIONS', () => {
  it('closes the oldest without a caller, whether it sends nothing or its body slowly', async () => {
    const vault = await startCrowded();
    const old = [await open(vault), await open(vault)];
    await announced(old.slice(0, 1), 'POST /v2/auth/callback/slack', [
      'Content-Type: application/x-www-form-urlencoded',
    ]);
    const others = await Promise.all(Array.from({ length: MAX_CONNECTIONS - 2 }, () => open(vault)));
    const closing = closed(old);
    await open(vault);
    const last = await open(vault);
    await closing;
    expect(await ask(last, keptAlive('GET /healthz'))).toMatch(/^HTTP\/1.1 200/);
    expect(areOpen(others)).toEqual(others.map(() => true));
  });

  it('leaves those of callers alone while those without one are more', async () => {
    const vault = await startCrowded();
    const tenant = await vault.newTenant();
    const callers = await served(vault, tenant, 2);
    for (let more = 2 * MAX_CONNECTIONS; more > 0; more--) {
      await ask(await open(vault), keptAlive('GET /healthz'));
    }
    for (const socket of callers) {
      expect(await ask(socket, keptAlive(`GET ${EXISTS}`, [`X-Api-Key: ${tenant.apiKey}`]))).toMatch(
        /^HTTP\/1.1 200/,
      );
    }
  });

  it('closes one of the organization that has the most: the longest idle, then one whose body does not come', async () => {
    const vault = await startCrowded();
    const [other, hostile] = [await vault.newTenant(), await vault.newTenant()];
    const others = await served(vault, other, 2);
    const own = await served(vault, hostile, MAX_CONNECTIONS - 2);
    const [arriving, first, second] = [own.slice(0, 6), own.slice(6, 7), own.slice(7)];
    await announced(arriving, 'POST /v2/auth/tokens/import', [
      `X-Api-Key: ${hostile.apiKey}`,
      'Content-Type: application/json',
    ]);
    for (const expected of [first, second, arriving.slice(0, 1)]) {
      const closing = closed(expected);
      await open(vault);
      await closing;
    }
    expect(areOpen([...others, ...arriving.slice(1)])).toEqual(Array(7).fill(true));
  });
});

describe('an organization', () => {
  it('has requests under way on four fifths of all connections at most, and gets 429 beyond them', async () => {
    const vault = await startCrowded();
    const [tenant, other] = [await vault.newTenant(), await vault.newTenant()];
    const { body } = await vault.import(tenant.apiKey, { provider_id: 'slack', access_token: 'x' });
    const locker = vault.outside();
    const lock = await locker.transaction();
    await lock('oauth_tokens').where({ organization_id: tenant.organizationId }).forUpdate().select();
    const deletion = keptAlive(`DELETE /v2/auth/tokens/${Object(body).token_id}`, [
      `X-Api-Key: ${tenant.apiKey}`,
    ]);
    const asking = await Promise.all(Array.from({ length: 9 }, () => open(vault)));
    const first = await Promise.race(asking.map((socket) => ask(socket, deletion)));
    expect(first).toMatch(/^HTTP\/1.1 429/);
    await served(vault, other, 1);
    await lock.rollback();
    await locker.destroy();
  });
});

describe('a client', () => {
  const servers: Server[] = [];

  afterEach(() => {
    for (const server of servers.splice(0)) server.close().closeAllConnections();
  });

  async function listen(server: Server): Promise<{ readonly port: number }> {
    servers.push(server);
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const address = server.address();
    return { port: typeof address === 'object' && address !== null ? address.port : 0 };
  }

  it('that does not read its answer is cut, and not one whose answer takes longer', async () => {
    const responses: ServerResponse[] = [];
    const app = express().use((_, response) => void responses.push(response));
    const address = await listen(
      createHttpServer(app, {
        headerBytes: 16_384,
        headersTimeoutSeconds: 60,
        requestTimeoutSeconds: 60,
        maxConnections: 10,
        keepAliveTimeoutSeconds: 60,
        unreadMs: 50,
      }),
    );
    const [waiting, unread] = [await open(address), await open(address)];
    for (const [index, socket] of [waiting, unread].entries()) {
      socket.write(keptAlive('GET /'));
      while (responses.length === index) await once(servers[0] ?? socket, 'request');
    }
    responses[1]?.end(Buffer.alloc(50_000_000));
    if (responses[1] !== undefined) await once(responses[1], 'close');
    const answer = once(waiting, 'data');
    responses[0]?.end('late');
    expect(String(await answer)).toMatch(/^HTTP\/1.1 200/);
  });

  it('that sends its body too slowly gets 408', async () => {
    const slowest = { bytesPerSecond: 1_000, graceMs: 50 };
    const address = await listen(
      createServer((incoming, response) => {
        readBody(incoming, ['application/json'], 1_000, slowest).catch((error: unknown) => {
          response.end(String(error instanceof ApiError && error.status));
        });
      }),
    );
    expect(await ask(await open(address), request('POST /', ['Content-Length: 900'], ''))).toMatch(/\r\n408/);
  });

  it('that has more than a thousand requests unanswered on a connection is cut', async () => {
    const vault = await startCrowded();
    const socket = await open(vault);
    const closing = once(socket.resume(), 'close');
    socket.write(keptAlive('GET /healthz').repeat(1_100));
    await closing;
  });
});
