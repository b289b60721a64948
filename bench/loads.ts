import { randomBytes, randomUUID } from 'node:crypto';
import autocannon from 'autocannon';
import pg from 'pg';
import { createKeyRing } from '../crypto/key-ring.ts';
import { importStatement } from '../db/import-statement.ts';
import type { BenchCaller, BenchVault } from './database.ts';
import type { Service } from './start.ts';

/** Without a limit of tokens per user, as the service is started here: a load has few users. */
const IMPORT = importStatement({ tokensMax: 0 });

/** The result of a load. Times are in milliseconds, of one import. */
export interface Load {
  readonly imports: number;
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly errors: number;
  readonly syncsPerImport: number;
  /** Of the service's process. Absent: there is none. */
  readonly cpuMicroseconds?: number;
  readonly residentMiB?: number;
}

export interface LoadOptions {
  readonly connections: number;
  readonly seconds: number;
  /** False: the server stores nothing. */
  readonly isStored?: boolean;
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

const ANSWER = /^\{"token_id":"([0-9a-f-]{36})"\}$/;

/** Imports over HTTP. Throws if a 200 was not a row in the database, unless the server stores nothing. */
export async function serviceLoad(service: Service, vault: BenchVault, options: LoadOptions): Promise<Load> {
  const { callers } = vault;
  const acknowledged: string[] = [];
  const request: autocannon.Request = {
    method: 'POST',
    path: '/v2/auth/tokens/import',
    setupRequest(given) {
      const caller = callers[sent % callers.length];
      given.headers = { 'content-type': 'application/json', 'x-api-key': caller?.apiKey };
      given.body = JSON.stringify(body(sent++));
      return given;
    },
  };
  const [syncs, before, start] = [await vault.walSyncs(), await service.usage(), performance.now()];
  const { connections, seconds, isStored = true } = options;
  const result = await autocannon({
    url: service.url,
    connections,
    duration: seconds,
    requests: [request],
    verifyBody(text) {
      const id = ANSWER.exec(String(text))?.[1];
      if (id !== undefined) acknowledged.push(id);
      return id !== undefined;
    },
  });
  const [elapsed, after] = [performance.now() - start, await service.usage()];
  const synced = (await vault.walSyncs()) - syncs;
  if (isStored) await requireDurable(vault, acknowledged);
  const imports = acknowledged.length;
  return {
    imports,
    perSecond: (imports / elapsed) * 1000,
    p50: result.latency.p50,
    p99: result.latency.p99,
    errors: result.errors + result.non2xx,
    syncsPerImport: synced / imports,
    cpuMicroseconds: (after.cpuMicroseconds - before.cpuMicroseconds) / imports,
    residentMiB: after.residentBytes / 2 ** 20,
  };
}

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
      await client.query({ name: 'import', text: IMPORT, values: [JSON.stringify([row])] });
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

export function summary(latencies: number[], elapsed: number, syncs: number): Load {
  latencies.sort((a, b) => a - b);
  const percentile = (share: number) => latencies[Math.floor(latencies.length * share)] ?? 0;
  return {
    imports: latencies.length,
    perSecond: (latencies.length / elapsed) * 1000,
    p50: percentile(0.5),
    p99: percentile(0.99),
    errors: 0,
    syncsPerImport: syncs / latencies.length,
  };
}
