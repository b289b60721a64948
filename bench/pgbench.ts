import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createKeyRing } from '../crypto/key-ring.ts';
import type { BenchVault } from './database.ts';
import { type Load, type LoadOptions, summary } from './loads.ts';

const run = promisify(execFile);

/** Whether PostgreSQL's own benchmark is installed. The embedded PostgreSQL lacks it. */
export const hasPgbench = (): Promise<boolean> =>
  run('pgbench', ['--version']).then(
    () => true,
    () => false,
  );

/**
 * One import in the form that PostgreSQL runs fastest: one row, plain columns, nothing to parse. No constant may hold a colon
 * before a letter, because pgbench would read a variable.
 */
function script({ callers, fernetKey }: BenchVault): string {
  const organization = callers[0]?.organizationId;
  const keyRing = createKeyRing([fernetKey]);
  const [access, refresh] = [keyRing.seal('x'.repeat(57)), keyRing.seal('x'.repeat(79))];
  return `\\set wanted random(0, 1)
WITH given AS MATERIALIZED (
  SELECT provider.organization_id, gen_random_uuid() AS id, 'user-' || :client_id::text AS user_id, provider.provider_id
  FROM oauth_providers AS provider WHERE organization_id = '${organization}' AND provider_id = 'slack'
), stored AS (
  INSERT INTO oauth_tokens (organization_id, id, user_id, provider_id, workspace_id,
    access_token, access_token_key, refresh_token, refresh_token_key, scopes, metadata, expires_at)
  SELECT organization_id, id, user_id, provider_id, organization_id, '${access.ciphertext}', '${access.key}',
    '${refresh.ciphertext}', '${refresh.key}',
    '{chat.write,channels.read,users.read}', '{"team":{"id":"T1","name":"Acme"},"bot_user_id":"U012AB3CD"}',
    now() + make_interval(secs => 43200)
  FROM given
), made_default AS (
  INSERT INTO default_tokens (organization_id, user_id, provider_id, token_id)
  SELECT organization_id, user_id, provider_id, id FROM given WHERE :wanted = 1
  ON CONFLICT (organization_id, user_id, provider_id) DO UPDATE SET token_id = excluded.token_id
), audited AS (
  INSERT INTO audit_records (organization_id, id, user_id, credential, action, object_id, request_id)
  SELECT organization_id, gen_random_uuid(), user_id, 'bearer', 'token.import', id, gen_random_uuid() FROM given
)
SELECT id FROM given;
`;
}

/** The physical limit: \`pgbench -M prepared\` with a single-row import. */
export async function pgbenchLoad(
  vault: BenchVault,
  directory: string,
  { connections, seconds }: LoadOptions,
): Promise<Load> {
  const file = join(directory, 'import.sql');
  writeFileSync(file, script(vault));
  const url = new URL(vault.connectionString);
  // The embedded PostgreSQL listens on a socket. The URL has its directory in place of the host.
  const connection = {
    PGHOST: decodeURIComponent(url.hostname),
    PGPORT: url.port || '5432',
    PGUSER: url.username,
  };
  const syncs = await vault.walSyncs();
  const options = [
    '-n',
    '-M',
    'prepared',
    '-c',
    String(connections),
    '-j',
    '2',
    '-T',
    String(seconds),
    '-f',
    file,
  ];
  await run(
    'pgbench',
    [...options, '--log', `--log-prefix=${join(directory, 'pgbench')}`, url.pathname.slice(1)],
    {
      env: { ...process.env, ...connection, PGPASSWORD: decodeURIComponent(url.password) },
    },
  );
  return summary(takeLatencies(directory), seconds * 1000, (await vault.walSyncs()) - syncs);
}

/** The third field of each line of pgbench's log is a transaction's time in microseconds. */
function takeLatencies(directory: string): number[] {
  const latencies: number[] = [];
  for (const name of readdirSync(directory).filter((entry) => entry.startsWith('pgbench'))) {
    const path = join(directory, name);
    for (const line of readFileSync(path, 'utf8').trimEnd().split('\n'))
      latencies.push(Number(line.split(' ')[2]) / 1000);
    rmSync(path);
  }
  return latencies;
}
