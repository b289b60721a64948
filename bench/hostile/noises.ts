import pg from 'pg';
import type { Arena } from './arena.ts';
import type { Noise } from './noise.ts';

const LISTED = 200_000;

/** A user of the hostile organization with so many tokens, in two providers. */
export async function fillHostile({ client, hostile }: Arena): Promise<void> {
  const [caller] = hostile;
  await client.query(
    `INSERT INTO oauth_tokens (organization_id, id, user_id, provider_id, workspace_id, access_token, scopes)
     SELECT $1, gen_random_uuid(), $2, 'slack', $1, 'sealed', '{chat:write,channels:read,users:read}'
     FROM generate_series(1, $3)`,
    [caller?.organizationId, caller?.userId, LISTED],
  );
  await client.query('VACUUM ANALYZE oauth_tokens');
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
];
