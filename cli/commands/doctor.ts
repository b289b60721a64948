import { Command } from 'commander';
import { CIPHERTEXT_COLUMNS, nameOf } from '../../db/ciphertexts.ts';
import { missingStatements, readDistribution } from '../../db/postgres/distribution.ts';
import { isMigrated } from '../../db/postgres/migrate.ts';
import { droppedSettings, requirePreparedStatements } from '../../db/postgres/pooler.ts';
import { hasCitus } from '../../db/postgres/sharding.ts';
import { type Config, loadConfig } from '../../service/config.ts';
import { isInClear } from '../../service/database-url.ts';
import { explain } from '../../service/failure.ts';
import { openCommandVault, type Vault } from '../../service/repositories.ts';
import { canOpen, missingKeys } from '../../vault/keys.ts';
import { print } from '../output.ts';

interface Finding {
  readonly check: string;
  readonly ok: boolean;
  readonly detail: string;
}

const SAMPLE = 100;
const MAX_SKEW_SECONDS = 5;
const SUPPORTED = { from: 15, to: 18 };

async function version({ db }: Vault): Promise<Finding> {
  const { rows } = await db.raw<{ rows: { version: string }[] }>(
    "SELECT current_setting('server_version') AS version",
  );
  const given = rows[0]?.version ?? '';
  const major = Number.parseInt(given, 10);
  const ok = major >= SUPPORTED.from && major <= SUPPORTED.to;
  const supported = `supported: ${SUPPORTED.from} to ${SUPPORTED.to}`;
  return { check: 'database', ok, detail: `reachable, PostgreSQL ${given}${ok ? '' : `; ${supported}`}` };
}

async function durability({ db }: Vault): Promise<Finding> {
  const { rows } = await db.raw<{ rows: { name: string; setting: string }[] }>(
    "SELECT name, setting FROM pg_settings WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit') ORDER BY name",
  );
  const off = rows.filter(({ setting }) => setting === 'off').map(({ name }) => name);
  const detail =
    off.length === 0 ? 'a 200 is on disk' : `off: ${off.join(', ')}; a crash can lose what was answered`;
  return { check: 'durability', ok: off.length === 0, detail };
}

async function prepared({ connectionString }: Vault): Promise<Finding> {
  try {
    await requirePreparedStatements(connectionString);
    return { check: 'prepared', ok: true, detail: 'prepared statements work' };
  } catch (error) {
    return { check: 'prepared', ok: false, detail: explain(error) };
  }
}

const protections =
  (config: Config) =>
  async ({ db }: Vault): Promise<Finding> => {
    const dropped = await droppedSettings(db, config.statementTimeoutSeconds);
    const ok = dropped.length === 0;
    const detail = ok
      ? 'statement timeout and plan settings hold'
      : `a pooler drops settings: run ${dropped.join('; ')}`;
    return { check: 'protections', ok, detail };
  };

async function migrations({ db }: Vault): Promise<Finding> {
  const ok = await isMigrated(db);
  return { check: 'migrations', ok, detail: ok ? 'up to date' : 'another version: run `tokenhold migrate`' };
}

/** A warning, since a network may be trusted. */
function encryption({ databaseUrl }: Config): Finding {
  const isClear = databaseUrl !== undefined && isInClear(databaseUrl, process.env['PGSSLMODE']);
  const detail = isClear
    ? 'warning: the database is on another machine, and the connection is not encrypted: add sslmode=verify-full to DATABASE_URL'
    : 'encrypted, or on this machine';
  return { check: 'encryption', ok: true, detail };
}

async function clock({ db }: Vault): Promise<Finding> {
  const before = Date.now();
  const { rows } = await db.raw<{ rows: { now: Date }[] }>('SELECT clock_timestamp() AS now');
  const halfway = (before + Date.now()) / 2;
  const skew = Math.abs((rows[0]?.now.getTime() ?? 0) - halfway) / 1000;
  const ok = skew < MAX_SKEW_SECONDS;
  return { check: 'clock', ok, detail: `${skew.toFixed(1)} s from the database's` };
}

async function keys(vault: Vault): Promise<Finding> {
  const missing = await missingKeys(vault, vault.keyRing);
  const detail = missing.length === 0 ? 'a key for all that is stored' : missing.join('; ');
  return { check: 'keys', ok: missing.length === 0, detail };
}

async function sample({ ciphertexts, keyRing }: Vault): Promise<Finding> {
  const unreadable: string[] = [];
  let opened = 0;
  for (const { of, key } of await ciphertexts.count()) {
    for (const { id, ciphertext } of await ciphertexts.sample(of, key, SAMPLE)) {
      if (canOpen(keyRing, ciphertext)) opened += 1;
      else unreadable.push(`${nameOf(of)} of ${id}`);
    }
  }
  const few = unreadable.slice(0, CIPHERTEXT_COLUMNS.length).join(', ');
  const detail =
    unreadable.length === 0
      ? `${opened} of ${opened} ciphertexts open`
      : `${unreadable.length} of ${opened + unreadable.length} do not open: ${few}, …`;
  return { check: 'sample', ok: unreadable.length === 0, detail };
}

/** Grants that a person must renew, and answers that may be lost. Both are warnings: the vault itself is sound. */
async function grants({ grantStates }: Vault): Promise<Finding> {
  const troubles = await grantStates.troubles();
  const detail = troubles
    .map(
      ({ grants, state, providerId, organizationId, reason }) =>
        `${grants} ${state} of ${providerId} in ${organizationId} (${reason})`,
    )
    .join('; ');
  return {
    check: 'grants',
    ok: true,
    detail: detail === '' ? 'none dead or orphaned' : `warning: ${detail}`,
  };
}

async function identity({ identity }: Vault): Promise<Finding> {
  const ok = await identity.isOwn();
  const detail = ok
    ? 'this is the database that the vault was begun in'
    : 'the vault was begun in another database: nothing is refreshed here; if that one is gone, run `tokenhold adopt`';
  return { check: 'identity', ok, detail };
}

/** Only where the extension is there. */
async function cluster({ db }: Vault): Promise<readonly Finding[]> {
  if (!(await hasCitus(db))) return [];
  const distribution = await readDistribution(db);
  const { nodes, tables } = distribution;
  const named = (kind: string) =>
    tables
      .filter((one) => one.kind === kind)
      .map(({ table }) => table)
      .join(', ') || 'none';
  const away = nodes.filter(({ isActive }) => !isActive).map(({ name }) => name);
  const missing = missingStatements(distribution);
  const detail = [
    `Citus, nodes: ${nodes.map(({ name }) => name).join(', ') || 'none added'}`,
    ...(away.length > 0 ? [`inactive: ${away.join(', ')}: SELECT citus_activate_node('host', port);`] : []),
    `distributed: ${named('distributed')}`,
    `reference: ${named('reference')}`,
    `local: ${named('local')}`,
    ...(missing.length > 0 ? [`run at the coordinator: ${missing.join(' ')}`] : []),
  ].join('; ');
  return [{ check: 'cluster', ok: away.length === 0 && missing.length === 0, detail }];
}

/** Runs the checks in order. If one throws, it is the last, and its finding says why. */
async function examine(): Promise<Finding[]> {
  const findings: Finding[] = [];
  let vault: Vault | undefined;
  try {
    const config = loadConfig(process.env);
    findings.push({ check: 'settings', ok: true, detail: 'complete' });
    findings.push(encryption(config));
    // An external database is examined as it is, without a migration.
    vault = await openCommandVault(config, config.databaseUrl === undefined ? undefined : async () => {});
    const checks = [
      version,
      prepared,
      protections(config),
      durability,
      migrations,
      clock,
      keys,
      sample,
      identity,
      grants,
    ];
    for (const check of checks) findings.push(await check(vault));
    findings.push(...(await cluster(vault)));
  } catch (error) {
    findings.push({
      check: findings.length === 0 ? 'settings' : 'database',
      ok: false,
      detail: explain(error),
    });
  } finally {
    await vault?.close();
  }
  return findings;
}

export const command = new Command('doctor')
  .option('--json', 'print one JSON value')
  .action(async (options: { json?: boolean }) => {
    const findings = await examine();
    print(
      findings.map((finding) => ({ ...finding })),
      options,
    );
    if (findings.some(({ ok }) => !ok)) process.exitCode = 1;
  });
