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
export function importScript({ callers, fernetKey }: BenchVault): string {
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

/** One release in the same form: a select and its record. */
export const releaseScript = ({ callers }: BenchVault): string => `\\set user random(0, 63)
WITH chosen AS (
  SELECT token.organization_id, token.id, token.user_id, token.access_token, token.metadata, token.expires_at
  FROM oauth_providers AS provider
  JOIN default_tokens ON default_tokens.organization_id = provider.organization_id
    AND default_tokens.user_id = 'user-' || :user::text AND default_tokens.provider_id = provider.provider_id
  JOIN oauth_tokens AS token ON token.organization_id = default_tokens.organization_id
    AND token.provider_id = default_tokens.provider_id AND token.user_id = default_tokens.user_id
    AND token.id = default_tokens.token_id
  WHERE provider.organization_id = '${callers[0]?.organizationId}' AND provider.provider_id = 'slack'
), released AS (
  INSERT INTO audit_records (organization_id, id, user_id, credential, action, object_id, request_id)
  SELECT organization_id, gen_random_uuid(), user_id, 'bearer', 'token.release', id, gen_random_uuid() FROM chosen
)
SELECT id, access_token, metadata, expires_at FROM chosen;
`;

/** The physical limit: `pgbench -M prepared` with one of the scripts. */
export async function pgbenchLoad(
  vault: BenchVault,
  directory: string,
  script: string,
  { connections, seconds }: LoadOptions,
): Promise<Load> {
  const file = join(directory, 'script.sql');
  writeFileSync(file, script);
  const url = new URL(vault.connectionString);
  const env = {
    ...process.env,
    PGHOST: decodeURIComponent(url.hostname), // the embedded PostgreSQL listens on a socket, in this directory
    PGPORT: url.port || '5432',
    PGUSER: url.username,
    PGPASSWORD: decodeURIComponent(url.password),
    PGOPTIONS: '-c enable_seqscan=off', // as the service does
  };
  const load = `-n -M prepared -c ${connections} -j 2 -T ${seconds} --log`.split(' ');
  const files = [`--log-prefix=${join(directory, 'pgbench')}`, '-f', file];
  const syncs = await vault.walSyncs();
  await run('pgbench', [...load, ...files, url.pathname.slice(1)], { env });
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
