import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { generateApiKey } from '../crypto/api-key.ts';
import { generateKey } from '../crypto/fernet.ts';
import { createKeyRing } from '../crypto/key-ring.ts';
import { startEmbedded } from '../db/embedded/embedded.ts';
import { migrate } from '../db/postgres/migrate.ts';

/** A PostgreSQL to measure on: the embedded one in a directory of its own, or the one of DATABASE_URL. */
export interface Server {
  readonly version: string;
  readonly settings: Readonly<Record<string, string>>;
  /** For logs; removed at the end. */
  readonly directory: string;
  createVault(organizations: number): Promise<BenchVault>;
  stop(): Promise<void>;
}

/** A migrated database with organizations, each with one provider, `slack`, and keys for their users. */
export interface BenchVault {
  readonly connectionString: string;
  readonly client: pg.Client;
  /** The Fernet key of all that is stored. */
  readonly fernetKey: string;
  readonly callers: readonly BenchCaller[];
  /** How often PostgreSQL has made its log durable so far. */
  walSyncs(): Promise<number>;
}

export interface BenchCaller {
  readonly organizationId: string;
  readonly userId: string;
  readonly apiKey: string;
}

/** Every connection has a user of its own, unless there are more organizations than that. */
const USERS = 64;
const SHOWN = ['fsync', 'synchronous_commit', 'shared_buffers', 'max_wal_size'];

/** @param parent where the directory of the embedded one is made */
export async function openServer(databaseUrl: string | undefined, parent = tmpdir()): Promise<Server> {
  const directory = mkdtempSync(join(parent, 'tokenhold-bench-'));
  const embedded = databaseUrl === undefined ? await startEmbedded(join(directory, 'data')) : undefined;
  const serverUrl = databaseUrl ?? embedded?.connectionString ?? '';
  const admin = await connect(serverUrl);
  const vaults: { name: string; client: pg.Client }[] = [];
  const settings: Record<string, string> = {};
  for (const name of SHOWN) settings[name] = String((await admin.query(`SHOW ${name}`)).rows[0]?.[name]);
  return {
    directory,
    version: String((await admin.query('SHOW server_version')).rows[0]?.server_version),
    settings,
    async createVault(organizations) {
      const name = `bench_${process.pid}_${vaults.length}`;
      await admin.query(`CREATE DATABASE ${name}`);
      const url = new URL(serverUrl);
      url.pathname = `/${name}`;
      const client = await connect(url.href);
      vaults.push({ name, client });
      return fill(client, url.href, organizations);
    },
    async stop() {
      for (const { name, client } of vaults) {
        await client.end();
        if (embedded === undefined) await admin.query(`DROP DATABASE ${name} WITH (FORCE)`);
      }
      await admin.end();
      await embedded?.stop();
      rmSync(directory, { recursive: true });
    },
  };
}

async function connect(connectionString: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString });
  client.on('error', () => undefined); // an outage cuts it; a query fails with the same error
  await client.connect();
  return client;
}

async function fill(client: pg.Client, connectionString: string, organizations: number): Promise<BenchVault> {
  await migrate(connectionString);
  const ids = Array.from({ length: organizations }, () => randomUUID());
  const callers = Array.from({ length: Math.max(USERS, organizations) }, (_, index) => ({
    organizationId: ids[index % organizations] ?? '',
    userId: `user-${index}`,
    key: generateApiKey(),
  }));
  await client.query(
    `WITH organization AS (
       INSERT INTO organizations SELECT id, id::text FROM unnest($1::uuid[]) AS id
     ), workspace AS (
       INSERT INTO workspaces SELECT id, id, 'default' FROM unnest($1::uuid[]) AS id
     ), provider AS (
       INSERT INTO oauth_providers (organization_id, id, provider_id, name, client_id, auth_url, token_url)
       SELECT id, id, 'slack', 'Slack', 'client', 'https://slack.com/a', 'https://slack.com/t' FROM unnest($1::uuid[]) AS id
     )
     INSERT INTO api_keys (api_key_id, key_hash, organization_id, workspace_id, user_id, role)
     SELECT key_id, hash, organization, organization, user_id, 'member'
     FROM unnest($2::text[], $3::bytea[], $4::uuid[], $5::text[]) AS caller (key_id, hash, organization, user_id)`,
    [
      ids,
      callers.map(({ key }) => key.apiKeyId),
      callers.map(({ key }) => Buffer.from(key.keyHash, 'hex')),
      callers.map(({ organizationId }) => organizationId),
      callers.map(({ userId }) => userId),
    ],
  );
  await client.query('ANALYZE organizations, workspaces, oauth_providers, api_keys');
  return {
    connectionString,
    client,
    fernetKey: generateKey(),
    callers: callers.map(({ organizationId, userId, key }) => ({
      organizationId,
      userId,
      apiKey: key.apiKey,
    })),
    walSyncs: () => walSyncs(client),
  };
}

/** The settings of a service on this vault. */
export const settingsOf = ({ connectionString, fernetKey }: BenchVault) => ({
  DATABASE_URL: connectionString,
  FERNET_KEYS: fernetKey,
  TOKENS_PER_USER_AND_PROVIDER_MAX: '0', // a load has few users
});

/** Gives every caller a default token, so that `authenticate` has one to release. */
export async function giveTokens({ client, fernetKey }: BenchVault): Promise<void> {
  const { ciphertext, key } = createKeyRing([fernetKey]).seal('xoxb-released');
  await client.query(
    `WITH token AS (
       INSERT INTO oauth_tokens (organization_id, id, user_id, provider_id, workspace_id, access_token, access_token_key,
         scopes)
       SELECT organization_id, gen_random_uuid(), user_id, 'slack', workspace_id, $1, $2, '{chat:write}' FROM api_keys
       RETURNING organization_id, id, user_id, provider_id
     )
     INSERT INTO default_tokens (organization_id, user_id, provider_id, token_id)
     SELECT organization_id, user_id, provider_id, id FROM token`,
    [ciphertext, key],
  );
  await client.query('VACUUM ANALYZE oauth_tokens, default_tokens');
}

/** The counts of a session are complete once it has ended. So all other sessions are ended; pools open new ones. */
async function walSyncs(client: pg.Client): Promise<number> {
  await client.query(
    `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
     WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()`,
  );
  const version = Number((await client.query('SHOW server_version_num')).rows[0]?.server_version_num);
  const { rows } = await client.query(
    version >= 180000
      ? "SELECT sum(fsyncs)::int AS syncs FROM pg_stat_io WHERE object = 'wal'"
      : 'SELECT wal_sync::int AS syncs FROM pg_stat_wal',
  );
  return Number(rows[0]?.syncs);
}
