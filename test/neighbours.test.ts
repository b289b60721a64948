/** Others are served, whatever one organization, or a caller without credentials, holds. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { newId } from '../crypto/uuid.ts';
import { isOneServer } from './support/postgres.ts';
import { request } from './support/raw.ts';
import { IMPORT, startVault, type Tenant, type TestVault } from './support/vault.ts';

const MEBIBYTE = 1_048_576;
const LIST = '/v2/auth/tokens';
const EXISTS = '/v2/auth/tokens/exists?provider_id=slack';
const TOKEN = { provider_id: 'slack', access_token: 'x' };
/** More than the buffers of a connection hold. */
const [TOKENS, SCOPES, SCOPE_CHARACTERS] = [24, 500, 1_000];

let vault: TestVault;
let hostile: Tenant;
let other: Tenant;
const sockets: Socket[] = [];

beforeAll(async () => {
  vault = await startVault({ DATABASE_POOL_MAX: '4', TRUST_PROXY: '1' });
  [hostile, other] = await Promise.all([vault.newTenant(), vault.newTenant()]);
  const scopes = Array.from({ length: SCOPES }, (_, index) => `${index}`.padEnd(SCOPE_CHARACTERS, 'x'));
  await vault.db('oauth_tokens').insert(
    Array.from({ length: TOKENS }, () => ({
      organization_id: hostile.organizationId,
      id: newId(),
      user_id: 'alice',
      provider_id: 'slack',
      workspace_id: hostile.workspaceId,
      access_token: 'sealed',
      scopes,
    })),
  );
});

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});

afterAll(() => vault.close());

/** A connection that sends this. */
async function send(bytes: string, port = vault.port): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  sockets.push(socket);
  await once(socket, 'connect');
  socket.write(bytes);
  return socket;
}

const asking = (line: string, { apiKey }: Tenant, ...headers: string[]) =>
  request(line, [`X-Api-Key: ${apiKey}`, ...headers]);

const status = async (answer: Promise<{ readonly status: number }>) => (await answer).status;

/** Reads the first bytes of an answer, and no more. */
async function begun(socket: Socket): Promise<Socket> {
  await once(socket, 'readable');
  return socket;
}

describe('lists of any length', () => {
  it('are sent whole and in order, however large their rows are', async () => {
    const { body } = await vault.call('GET', LIST, { key: hostile.apiKey });
    const ids = Array.isArray(body) ? body.map(({ id }) => String(id)) : [];
    expect(ids).toHaveLength(TOKENS);
    expect(ids).toEqual([...ids].sort());
  });

  it('wait for their turn behind two of the same organization that nobody reads, and for no other', async () => {
    const unread = await Promise.all(
      [1, 2].map(async () => begun(await send(asking(`GET ${LIST}`, hostile)))),
    );
    const third = vault.call('GET', LIST, { key: hostile.apiKey });
    const isFirst = await Promise.race([
      third.then(() => 'the third list'),
      status(vault.call('GET', LIST, { key: other.apiKey })),
    ]);
    expect(isFirst).toBe(200);
    unread[0]?.destroy();
    expect(await status(third)).toBe(200);
  });
});

describe('statements that wait for a lock', () => {
  const label = { provider_account_label: 'x' };
  it.each([
    ['changes', 'PATCH', (id: string) => `/v2/auth/tokens/${id}/metadata`, () => label],
    ['deletions', 'DELETE', (id: string) => `/v2/auth/tokens/${id}`, () => undefined],
    ['connections', 'POST', () => '/v2/auth/agents/a/connections', (id: string) => ({ oauth_token_id: id })],
  ])('of %s leave connections of the pool to other organizations', async (_, method, path, json) => {
    const { body } = await vault.import(hostile.apiKey, TOKEN);
    const { token_id: id } = Object(body);
    const locker = vault.outside();
    const lock = await locker.transaction();
    await lock('oauth_tokens').where({ organization_id: hostile.organizationId, id }).forUpdate().first();
    const blocked = Array.from({ length: 12 }, () =>
      vault.call(method, path(id), { key: hostile.apiKey, json: json(id) }),
    );
    const isFirst = await Promise.race([
      ...blocked.map((answer) => answer.then(() => 'a blocked one')),
      status(vault.call('GET', EXISTS, { key: other.apiKey })),
    ]);
    await lock.rollback();
    await locker.destroy();
    expect(isFirst).toBe(200);
    const answers = await Promise.all(blocked.map(status));
    // On a cluster, the lock_timeout of the role ends a wait.
    const allowed = isOneServer() ? [] : [503];
    expect(answers.filter((one) => one >= 500 && !allowed.includes(one))).toEqual([]);
  });

  it('end soon if they start consents, and take none of other organizations with them', async () => {
    const locker = vault.outside();
    const lock = await locker.transaction();
    await lock('oauth_providers').where({ organization_id: hostile.organizationId }).forUpdate().select();
    const start = ({ apiKey }: Tenant) =>
      status(
        vault.call('POST', '/v2/auth/authenticate', {
          key: apiKey,
          json: { provider: 'slack', scopes: [], force_new: true },
        }),
      );
    const statuses = await Promise.all([start(hostile), start(other)]);
    await lock.rollback();
    await locker.destroy();
    expect(statuses).toEqual([503, 200]);
  });
});

describe('bodies that are announced and do not come', () => {
  it('make only the large bodies of their own organization wait', async () => {
    const announced = await Promise.all(
      Array.from({ length: 2 }, () =>
        send(
          asking(
            `POST ${IMPORT}`,
            hostile,
            'Content-Type: application/json',
            'Expect: 100-continue',
            `Content-Length: ${MEBIBYTE}`,
          ),
        ),
      ),
    );
    // Each is asked for its body as soon as it has a turn, or waits for one.
    await Promise.all(announced.map((socket) => once(socket, 'data')));
    const large = { ...TOKEN, metadata: { text: 'x'.repeat(100_000) } };
    const own = vault.import(hostile.apiKey, large);
    const isFirst = await Promise.race([
      own.then(() => 'its own'),
      status(vault.import(other.apiKey, large)),
    ]);
    expect(isFirst).toBe(200);
    expect(await status(vault.import(hostile.apiKey, TOKEN))).toBe(200);
    for (const socket of announced) socket.destroy();
    expect(await status(own)).toBe(200);
  });

  it('without credentials make only those of their own network wait', async () => {
    const path = '/v2/auth/callback/slack';
    const form = (network: string, ...headers: string[]) => [
      `X-Forwarded-For: ${network}`,
      'Content-Type: application/x-www-form-urlencoded',
      ...headers,
    ];
    const announced = await Promise.all(
      Array.from({ length: 72 }, (_, index) =>
        send(
          request(
            `POST ${path}`,
            form(`2001:db8::${index}`, 'Expect: 100-continue', 'Content-Length: 60000'),
          ),
        ),
      ),
    );
    await Promise.all(announced.map((socket) => once(socket, 'data')));
    const post = async (network: string) => {
      const socket = await send(request(`POST ${path}`, form(network), 'state=x'));
      return String(await once(socket, 'data')).slice(0, 12);
    };
    const own = post('2001:db8::ffff').catch(() => 'none');
    const isFirst = await Promise.race([own.then(() => 'its own'), post('2001:db8:0:1::1')]);
    expect(isFirst).toBe('HTTP/1.1 303');
    for (const socket of announced) socket.destroy();
    expect(await own).toBe('HTTP/1.1 303');
  });

  it('are small where they are a form, or no credentials come along', async () => {
    const post = async (key: Readonly<Record<string, string>>, body: string) =>
      status(
        vault.call('POST', '/v2/auth/callback/slack', {
          headers: { 'Content-Type': 'application/x-www-form-urlencoded', ...key },
          body,
        }),
      );
    for (const key of [{}, { 'X-Api-Key': hostile.apiKey }]) {
      expect(await post(key, `state=${'x'.repeat(70_000)}`)).toBe(413);
      expect(await post(key, 'a&'.repeat(32_000))).toBe(422);
    }
  });
});

describe('idle connections', () => {
  it('stay open longer than proxies keep theirs', async () => {
    const socket = await send(request('GET /healthz').replace('Connection: close\r\n', ''));
    expect(String(await once(socket, 'data'))).toContain('Keep-Alive: timeout=75');
  });
});
