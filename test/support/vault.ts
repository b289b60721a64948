import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { Knex } from 'knex';
import { generateKey } from '../../crypto/fernet.ts';
import { OPERATOR } from '../../db/audit.ts';
import { openDatabase } from '../../db/postgres/pool.ts';
import { findSharding } from '../../db/postgres/sharding.ts';
import { createApp } from '../../server/app.ts';
import { createHttpServer } from '../../server/http.ts';
import { createLogger } from '../../server/log.ts';
import { assemble } from '../../service/assemble.ts';
import { type Environment, loadConfig } from '../../service/config.ts';
import { startConsentWork } from '../../service/consent.ts';
import { settlePort } from '../../service/port.ts';
import { openCommandVault, openServerVault, type Vault } from '../../service/repositories.ts';
import { createDatabase } from './postgres.ts';

export const IMPORT = '/v2/auth/tokens/import';

export interface Tenant {
  readonly organizationId: string;
  readonly workspaceId: string;
  /** An admin's API key. */
  readonly apiKey: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
  readonly text: string;
}

export interface RequestOptions {
  readonly key?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: unknown;
  readonly body?: string | Uint8Array<ArrayBuffer>;
}

/** A vault that no process serves. */
export interface QuietVault extends Vault {
  /** A new organization with an admin's key and a provider `slack`. */
  newTenant(): Promise<Tenant>;
  newKey(
    tenant: Tenant,
    owner?: {
      userId?: string;
      role?: 'admin' | 'member';
      actsFor?: 'user' | 'organization';
      expiresInSeconds?: number;
    },
  ): Promise<string>;
  newProvider(organizationId: string, providerId: string): Promise<void>;
  row(tokenId: string): Promise<TokenRow>;
}

export interface TestVault extends QuietVault {
  readonly url: string;
  readonly port: number;
  call(method: string, path: string, options?: RequestOptions): Promise<Answer>;
  /** POST to the import with the key. */
  import(key: string, json: unknown, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  /** What Prometheus would scrape. */
  metrics(): Promise<string>;
  /** A pool of the test's own on the vault's database. */
  outside(): Knex;
}

export interface TokenRow {
  readonly [column: string]: unknown;
  readonly access_token: string;
  readonly refresh_token: string | null;
}

let sharding: Awaited<ReturnType<typeof findSharding>>;

/** From now on vaults of this file use the statements for distributed tables, in two lanes, though the tables are not. */
export function asIfSharded(): void {
  sharding = {
    nodes: 2,
    nodeOf: async (organizationId) => Number.parseInt(organizationId.slice(-1), 16) % 2,
  };
}

/** The parts on a database of their own. No server and no background work touches it. */
export async function openQuietVault(): Promise<QuietVault> {
  const database = await createDatabase();
  const settings = { DATABASE_URL: database.connectionString, FERNET_KEYS: generateKey() };
  const vault = await openCommandVault(loadConfig(settings));
  return {
    ...vault,
    ...arrangements(vault),
    async close() {
      await vault.close();
      await database.drop();
    },
  };
}

/** The application on a real server, port and database of its own. */
export async function startVault(settings: Environment = {}): Promise<TestVault> {
  const database = await createDatabase();
  const config = await settlePort(
    loadConfig({
      DATABASE_URL: database.connectionString,
      FERNET_KEYS: generateKey(),
      LOG_LEVEL: 'silent',
      PORT: '0',
      ...settings,
    }),
  );
  const vault = await openServerVault(config, async (db) => sharding ?? findSharding(db));
  const stopping = new AbortController();
  const parts = assemble(config, vault, createLogger(config.logLevel), stopping.signal);
  const app = await createApp(parts);
  const stopConsentWork = startConsentWork(vault, parts);
  const stopRefreshing = parts.refreshing.start();
  const stopRevoking = parts.revoker.start();
  const server = createHttpServer(app, config.limits).listen(config.port, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const url = `http://127.0.0.1:${address.port}`;
  return {
    ...vault,
    ...requests(url),
    ...arrangements(vault),
    url,
    port: address.port,
    metrics: () => parts.metrics.registry.metrics(),
    outside: () =>
      openDatabase({
        connectionString: database.connectionString,
        poolMax: 2,
        statementTimeoutSeconds: 60,
        acquireTimeoutSeconds: 60,
      }),
    async close() {
      stopping.abort();
      server.closeAllConnections();
      server.close();
      await stopConsentWork();
      await stopRefreshing();
      await stopRevoking();
      await vault.close();
      await database.drop();
    },
  };
}

function requests(url: string) {
  const call: TestVault['call'] = async (method, path, { key, headers, json, body } = {}) => {
    const content = json === undefined ? body : JSON.stringify(json);
    const response = await fetch(url + path, {
      method,
      headers: {
        ...(key === undefined ? {} : { 'X-Api-Key': key }),
        ...(json === undefined ? {} : { 'Content-Type': 'application/json' }),
        ...headers,
      },
      ...(content === undefined ? {} : { body: content }),
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      text,
      body:
        text !== '' && response.headers.get('content-type') === 'application/json'
          ? JSON.parse(text)
          : undefined,
    };
  };
  const importToken: TestVault['import'] = (key, json, headers = {}) =>
    call('POST', IMPORT, { key, json, headers });
  return { call, import: importToken };
}

function arrangements(vault: Vault) {
  const newProvider = async (organizationId: string, providerId: string) => {
    await vault.providers.create(
      organizationId,
      {
        providerId,
        name: providerId,
        clientId: 'client',
        clientSecret: null,
        authUrl: 'https://provider.example/authorize',
        tokenUrl: 'https://provider.example/token',
        providerType: null,
      },
      OPERATOR,
    );
  };
  const newKey: TestVault['newKey'] = async ({ organizationId, workspaceId }, given = {}) => {
    const { userId = 'user', role = 'member', actsFor, expiresInSeconds = null } = given;
    const owner = { organizationId, workspaceId, userId, role, actsFor, expiresInSeconds };
    return (await vault.apiKeys.create(owner, OPERATOR)).apiKey;
  };
  return {
    newProvider,
    newKey,
    async newTenant(): Promise<Tenant> {
      const created = await vault.organizations.create(randomUUID());
      if (created === undefined) throw new Error('a random name was taken');
      await newProvider(created.organizationId, 'slack');
      const apiKey = await newKey({ ...created, apiKey: '' }, { userId: 'alice', role: 'admin' });
      return { organizationId: created.organizationId, workspaceId: created.workspaceId, apiKey };
    },
    row: (tokenId: string) => storedToken(vault.db, tokenId),
  };
}

async function storedToken(db: Knex, id: string): Promise<TokenRow> {
  const row: TokenRow | undefined = await db('oauth_tokens').where({ id }).first();
  if (row === undefined) throw new Error('no such token');
  return row;
}
