import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { Arena } from './arena.ts';
import { DELETED_PROVIDER } from './attacks.ts';
import type { Noise } from './noise.ts';

const LISTED = 200_000;
const DELETED = 1_600_000;

/** Gives a user of the hostile organization so many tokens of a provider. */
async function giveTokens({ client, hostile }: Arena, provider: string, count: number): Promise<void> {
  const [caller] = hostile;
  await client.query(
    `INSERT INTO oauth_tokens (organization_id, id, user_id, provider_id, workspace_id, access_token, scopes)
     SELECT $1, gen_random_uuid(), $2, $3, $1, 'sealed', '{chat:write,channels:read,users:read}'
     FROM generate_series(1, $4)`,
    [caller?.organizationId, caller?.userId, provider, count],
  );
  await client.query('VACUUM ANALYZE oauth_tokens');
}

/** A user of the hostile organization gets many tokens, and its callers become admins. */
export async function fillHostile(arena: Arena): Promise<void> {
  const organizationId = arena.hostile[0]?.organizationId;
  await arena.client.query("UPDATE api_keys SET role = 'admin' WHERE organization_id = $1", [organizationId]);
  await giveTokens(arena, 'slack', LISTED);
}

/** A provider whose deletion takes a while. */
async function fillProvider(arena: Arena): Promise<() => Promise<unknown>> {
  const { client, hostile } = arena;
  const organizationId = hostile[0]?.organizationId;
  await client.query(
    `INSERT INTO oauth_providers (organization_id, id, provider_id, name, client_id, auth_url, token_url)
     VALUES ($1, gen_random_uuid(), $2, 'Many', 'client', 'https://slack.com/a', 'https://slack.com/t')`,
    [organizationId, DELETED_PROVIDER],
  );
  await giveTokens(arena, DELETED_PROVIDER, DELETED);
  const isLeft = async () => {
    const left = 'SELECT FROM oauth_tokens WHERE organization_id = $1 AND provider_id = $2 LIMIT 1';
    return (await client.query(left, [organizationId, DELETED_PROVIDER])).rowCount !== 0;
  };
  return async () => {
    while (await isLeft()) await delay(500);
  };
}

/** Another session locks a row until it is let go. */
const locking =
  (sql: string) =>
  async ({ client, hostile }: Arena): Promise<() => Promise<unknown>> => {
    const { host, port, user, password, database } = client;
    const locker = new pg.Client({ host, port, user, password: password ?? undefined, database });
    await locker.connect();
    await locker.query('BEGIN');
    await locker.query(sql, [hostile[0]?.organizationId]);
    return () => locker.end();
  };

export const noises: readonly Noise[] = [
  {
    name: 'imports against a locked provider row',
    attack: 'import-locked',
    keepsAtLeast: 0.9,
    p99Grows: 20,
    prepare: locking('SELECT 1 FROM oauth_providers WHERE organization_id = $1 FOR UPDATE'),
  },
  {
    name: '64 changes of locked token rows at once',
    attack: 'update-locked',
    keepsAtLeast: 0.8,
    prepare: locking('SELECT 1 FROM oauth_tokens WHERE organization_id = $1 LIMIT 100000 FOR UPDATE'),
  },
  {
    name: 'a provider with 1,600,000 tokens is deleted',
    attack: 'delete-provider',
    keepsAtLeast: 0.5,
    prepare: fillProvider,
  },
  { name: '24 clients list 200,000 tokens', attack: 'lists', keepsAtLeast: 0.8, residentMiB: 300 },
  { name: '64 bodies of 500,000 wrong items', attack: 'wrong-items', keepsAtLeast: 0.5, residentMiB: 300 },
  { name: '64 bodies of 90,000 names', attack: 'many-names', keepsAtLeast: 0.5, residentMiB: 300 },
  { name: '64 imports of 1 MB', attack: 'large-bodies', keepsAtLeast: 0.5, residentMiB: 400 },
  { name: '64 connections with invented API keys', attack: 'invented-keys', keepsAtLeast: 0.5 },
  { name: '64 connections with invented workspaces', attack: 'invented-workspaces', keepsAtLeast: 0.5 },
  { name: '64 connections ask for readiness', attack: 'readiness', keepsAtLeast: 0.5 },
  { name: '64 connections with invented states', attack: 'invented-states', keepsAtLeast: 0.5 },
  { name: '64 connections with invented links', attack: 'invented-tickets', keepsAtLeast: 0.5 },
  { name: '64 connections send callback forms', attack: 'callback-forms', keepsAtLeast: 0.5 },
  { name: '64 connections read the document', attack: 'documentation', keepsAtLeast: 0.5 },
  { name: '64 connections with unknown paths', attack: 'unknown-paths', keepsAtLeast: 0.5 },
  { name: '64 connections without credentials', attack: 'no-credentials', keepsAtLeast: 0.5 },
  { name: '64 connections with malformed HTTP', attack: 'malformed', keepsAtLeast: 0.5 },
  { name: '3,000 idle connections', attack: 'idle-connections', keepsAtLeast: 0.5 },
  { name: '3,000 connections with slow headers', attack: 'slow-headers', keepsAtLeast: 0.5 },
  { name: '3,000 connections with slow bodies', attack: 'slow-bodies', keepsAtLeast: 0.5 },
  { name: '3,000 connections with bodies that stop', attack: 'stopped-bodies', keepsAtLeast: 0.5 },
  { name: '3,000 connections with slow imports', attack: 'slow-imports', keepsAtLeast: 0.5 },
  { name: '3,000 connections that leave lists unread', attack: 'unread-lists', keepsAtLeast: 0.5 },
  { name: '3,000 connections that leave documents unread', attack: 'unread-documents', keepsAtLeast: 0.5 },
];
