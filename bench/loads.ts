import { randomBytes, randomUUID } from 'node:crypto';
import autocannon from 'autocannon';
import pg from 'pg';
import { createKeyRing } from '../crypto/key-ring.ts';
import { IMPORT_COLUMNS, importStatement } from '../db/import-statement.ts';
import { valuesOf } from '../db/postgres/rows.ts';
import type { BenchCaller, BenchVault } from './database.ts';
import type { Service } from './start.ts';

/** Without a limit of tokens per user, as the service is started here: a load has few users. */
const IMPORT = importStatement({ isSingle: true, tokensMax: 0 });

/** The result of a load, of imports or of releases. Times are in milliseconds, of one request. */
export interface Load {
  readonly requests: number;
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly errors: number;
  /** Absent: nothing is stored. */
  readonly syncsPerRequest?: number;
  /** Of the service's process. Absent: there is none. */
  readonly cpuMicroseconds?: number;
  readonly residentMiB?: number;
}

export interface LoadOptions {
  readonly connections: number;
  readonly seconds: number;
}

/** Drawn once, so that the load generator takes little of the shared cores. */
const SALT = randomBytes(30).toString('hex');
let sent = 0;

export type ImportBody = ReturnType<typeof body>;

/** A token as Slack gives it, never the same twice. Every other one is to be the default. */
function body(index: number) {
  const number = String(index).padStart(12, '0');
  return {
    provider_id: 'slack',
    access_token: `xoxb-${SALT.slice(20)}${number}`,
    refresh_token: `xoxe-1-${SALT}${number}`,
    expires_in_seconds: 43_200,
    scopes: ['chat:write', 'channels:read', 'users:read'],
    metadata: { team: { id: `T${index}`, name: 'Acme' }, bot_user_id: 'U012AB3CD' },
    is_default: index % 2 === 0,
  };
}

/** What a load sends, and what it takes for an answer. */
interface Exchange {
  readonly path: string;
  readonly body: () => string;
  readonly isAnswer: (text: string) => boolean;
}

/** Sends requests of all callers in turn, each as soon as its connection is free. */
async function httpLoad(
  service: Service,
  vault: BenchVault,
  { connections, seconds }: LoadOptions,
  { path, body, isAnswer }: Exchange,
): Promise<Load> {
  const { callers } = vault;
  const request: autocannon.Request = {
    method: 'POST',
    path,
    setupRequest(given) {
      const apiKey = callers[sent++ % callers.length]?.apiKey;
      given.headers = { 'content-type': 'application/json', 'x-api-key': apiKey };
      given.body = body();
      return given;
    },
  };
  const latencies: number[] = [];
  const [syncs, before, start] = [await vault.walSyncs(), await service.usage(), performance.now()];
  const result = await new Promise<autocannon.Result>((resolve, reject) => {
    const options: autocannon.Options = {
      url: service.url,
      connections,
      duration: seconds,
      requests: [request],
      verifyBody: (text) => isAnswer(String(text)),
    };
    const running = autocannon(options, (error: unknown, ended) => {
      if (error === null || error === undefined) resolve(ended);
      else reject(error);
    });
    // autocannon's own histogram knows whole milliseconds only.
    running.on('response', (_client, status, _bytes, ms) => {
      if (status === 200) latencies.push(ms);
    });
  });
  const [elapsed, after] = [performance.now() - start, await service.usage()];
  return {
    ...summary(latencies, elapsed, (await vault.walSyncs()) - syncs),
    errors: result.errors + result.non2xx + result.mismatches,
    cpuMicroseconds: (after.cpuMicroseconds - before.cpuMicroseconds) / latencies.length,
    residentMiB: after.residentBytes / 2 ** 20,
  };
}

const IMPORTED = /^\{"token_id":"([0-9a-f-]{36})"\}$/;

/** Imports over HTTP. @throws NotDurableError if a 200 was not a row in the database */
export async function importLoad(service: Service, vault: BenchVault, options: LoadOptions): Promise<Load> {
  const acknowledged: string[] = [];
  const load = await httpLoad(service, vault, options, {
    ...IMPORTING,
    isAnswer(text) {
      const id = IMPORTED.exec(text)?.[1];
      if (id !== undefined) acknowledged.push(id);
      return id !== undefined;
    },
  });
  await requireDurable(vault, acknowledged);
  return load;
}

const IMPORTING = { path: '/v2/auth/tokens/import', body: () => JSON.stringify(body(sent)) };

/** The requests of imports to a server that stores nothing. */
export async function bareLoad(service: Service, vault: BenchVault, options: LoadOptions): Promise<Load> {
  const isAnswer = (text: string) => IMPORTED.test(text);
  const { syncsPerRequest: _, ...load } = await httpLoad(service, vault, options, { ...IMPORTING, isAnswer });
  return load;
}

/** Releases over HTTP: `authenticate`, which answers with the caller's default token. */
export const releaseLoad = (service: Service, vault: BenchVault, options: LoadOptions): Promise<Load> =>
  httpLoad(service, vault, options, {
    path: '/v2/auth/authenticate',
    body: () => RELEASE,
    isAnswer: (text) => text.includes('"xoxb-'),
  });

const RELEASE = JSON.stringify({ provider: 'slack', scopes: ['chat:write'] });

export class NotDurableError extends Error {}

async function requireDurable({ client }: BenchVault, ids: readonly string[]): Promise<void> {
  const { rows } = await client.query(
    'SELECT count(*)::int AS stored FROM oauth_tokens WHERE id = ANY ($1::uuid[])',
    [ids],
  );
  if (rows[0]?.stored !== ids.length || new Set(ids).size !== ids.length) {
    throw new NotDurableError(`${ids.length} imports were acknowledged, ${rows[0]?.stored} are stored`);
  }
}

/** The driver's own limit: the service's statement with one row, prepared, through `pg` on as many connections. */
export async function driverLoad(vault: BenchVault, { connections, seconds }: LoadOptions): Promise<Load> {
  const syncs = await vault.walSyncs();
  const keyRing = createKeyRing([vault.fernetKey]);
  const clients = await Promise.all(
    Array.from({ length: connections }, async () => {
      const client = new pg.Client({
        connectionString: vault.connectionString,
        options: '-c enable_seqscan=off', // as the service does
      });
      await client.connect();
      return client;
    }),
  );
  const rows = Array.from({ length: 200 }, (_, index) => {
    const token = body(index);
    return {
      ...token,
      access: keyRing.seal(token.access_token),
      refresh: keyRing.seal(token.refresh_token),
    };
  });
  const latencies: number[] = [];
  const start = performance.now();
  const end = start + seconds * 1000;
  const run = async (client: pg.Client, caller: BenchCaller | undefined, offset: number) => {
    for (let index = offset; performance.now() < end; index++) {
      const token = rows[index % rows.length];
      const row = {
        organizationId: caller?.organizationId,
        id: randomUUID(),
        userId: caller?.userId,
        providerId: 'slack',
        workspaceId: caller?.organizationId,
        accessToken: token?.access.ciphertext,
        accessTokenKey: token?.access.key,
        refreshToken: token?.refresh.ciphertext,
        refreshTokenKey: token?.refresh.key,
        scopes: token?.scopes,
        metadata: token?.metadata,
        expiresInSeconds: token?.expires_in_seconds,
        isDefault: token?.is_default,
        auditId: randomUUID(),
        credential: 'api-key:bench1',
        requestId: randomUUID(),
      };
      const sent = performance.now();
      await client.query({ name: 'import', text: IMPORT, values: valuesOf(IMPORT_COLUMNS, row) });
      latencies.push(performance.now() - sent);
    }
  };
  await Promise.all(
    clients.map((client, index) => run(client, vault.callers[index % vault.callers.length], index)),
  );
  const elapsed = performance.now() - start;
  await Promise.all(clients.map((client) => client.end()));
  return summary(latencies, elapsed, (await vault.walSyncs()) - syncs);
}

/** @param syncs how often PostgreSQL made its log durable meanwhile */
export function summary(latencies: number[], elapsed: number, syncs: number): Load {
  latencies.sort((a, b) => a - b);
  const percentile = (share: number) => latencies[Math.floor(latencies.length * share)] ?? 0;
  return {
    requests: latencies.length,
    perSecond: (latencies.length / elapsed) * 1000,
    p50: percentile(0.5),
    p99: percentile(0.99),
    errors: 0,
    syncsPerRequest: syncs / latencies.length,
  };
}
