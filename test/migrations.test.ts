/** Migrations: up from every earlier version, side by side with other processes, and never down. */
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Knex } from 'knex';
import { generateKey } from '../crypto/fernet.ts';
import { createKeyRing } from '../crypto/key-ring.ts';
import { isAdditive, MIGRATIONS, type Migration } from '../db/migrations/index.ts';
import { isMigrated, migrate, NewerDatabaseError } from '../db/postgres/migrate.ts';
import { openDatabase } from '../db/postgres/pool.ts';
import { describeSchema } from '../db/postgres/schema.ts';
import { providerRepository } from '../db/providers.ts';
import { tokenRepository } from '../db/tokens.ts';
import { createDatabase } from './support/postgres.ts';
import { startVault } from './support/vault.ts';

let database: Awaited<ReturnType<typeof createDatabase>>;
let db: Knex;

beforeEach(async () => {
  database = await createDatabase('empty');
  db = openDatabase({
    connectionString: database.connectionString,
    poolMax: 4,
    statementTimeoutSeconds: 10,
    acquireTimeoutSeconds: 10,
  });
});

afterEach(async () => {
  await db.destroy();
  await database.drop();
});

const up = (migrations?: readonly Migration[]) => migrate(database.connectionString, migrations);

const organizationId = '01890000-0000-7000-8000-000000000001';
const tokenId = '01890000-0000-7000-8000-000000000002';
const keyRing = createKeyRing([generateKey()]);
const sealed = (text: string): string => keyRing.seal(text).ciphertext;

/** Writes a row into every table, as the version with this many migrations would. */
async function fill(version: number): Promise<void> {
  const own = { organization_id: organizationId };
  const keysAreKept = version >= 3; // else a row would have no column for the fingerprint
  await db('organizations').insert({ ...own, name: 'acme' });
  await db('workspaces').insert({ ...own, workspace_id: organizationId, name: 'default' });
  await db('api_keys').insert({
    ...own,
    api_key_id: 'abcdef',
    key_hash: Buffer.alloc(32),
    workspace_id: organizationId,
    user_id: 'alice',
    role: 'admin',
  });
  await db('oauth_providers').insert({
    ...own,
    id: organizationId,
    provider_id: 'slack',
    name: 'Slack',
    client_id: 'client',
    client_secret: sealed('hush'),
    ...(keysAreKept && { client_secret_key: '' }),
    auth_url: 'https://slack.com/a',
    token_url: 'https://slack.com/t',
  });
  await db('oauth_tokens').insert({
    ...own,
    id: tokenId,
    user_id: 'alice',
    provider_id: 'slack',
    workspace_id: organizationId,
    access_token: sealed('xoxb'),
    refresh_token: sealed('xoxe'),
    ...(keysAreKept && { refresh_token_key: '' }),
    scopes: ['chat:write'],
  });
  await db('default_tokens').insert({ ...own, user_id: 'alice', provider_id: 'slack', token_id: tokenId });
  await db('audit_records').insert({
    ...own,
    id: tokenId,
    user_id: 'alice',
    credential: 'api-key:abcdef',
    action: 'token.import',
    object_id: tokenId,
  });
}

describe('the newest schema', () => {
  const golden = readFileSync(new URL('../db/schema.sql', import.meta.url), 'utf8');

  it('is the one that db/schema.sql shows; `npm run schema` writes it', async () => {
    await up();
    expect(golden).toContain(await describeSchema(db));
  });

  it.each(MIGRATIONS.map(({ name }, index) => [name, index + 1] as const))(
    'is reached from %s, with all that was stored there',
    async (_, version) => {
      await up(MIGRATIONS.slice(0, version));
      await fill(version);
      await up();
      expect(golden).toContain(await describeSchema(db));
      const providers = [];
      for await (const { providerId } of providerRepository(db).list(organizationId))
        providers.push(providerId);
      expect(providers).toEqual(['slack']);
      for await (const listed of tokenRepository(db).list(organizationId, 'alice')) {
        expect(listed).toMatchObject({ id: tokenId, scopes: ['chat:write'], isDefault: true });
      }
      expect.assertions(8);
      const token = await tokenRepository(db).inspect(organizationId, tokenId);
      expect(keyRing.open(token?.accessToken ?? '')).toBe('xoxb');
      expect(keyRing.open(token?.refreshToken ?? '')).toBe('xoxe');
      const { client_secret } = await db('oauth_providers').first('client_secret');
      expect(keyRing.open(client_secret)).toBe('hush');
      expect(await db('api_keys').first('api_key_id')).toEqual({ api_key_id: 'abcdef' });
      const records = await db('audit_records').orderBy('id').pluck('action');
      expect(records).toEqual(['token.import', 'token.inspect']);
    },
  );
});

describe('a migration', () => {
  const later = MIGRATIONS.slice(4);

  it('says from 0005 on whether processes of the version before go on working', () => {
    for (const { name } of later) expect(name).toMatch(/^\d{4}_[a-z_]+\.(additive|breaking)$/);
  });

  it('stands in the order of its number', () => {
    const names = MIGRATIONS.map(({ name }) => name);
    expect(names).toEqual(names.toSorted());
    expect(new Set(names.map((name) => name.slice(0, 4))).size).toBe(names.length);
  });
});

describe('a migration over tables that Citus has distributed', () => {
  it('is one statement per call, with one constraint per ALTER TABLE and none inside ADD COLUMN', async () => {
    const statements: string[] = [];
    const recorded = MIGRATIONS.slice(4).map(({ name, up }) => ({
      name,
      up(knex: Knex) {
        knex.on('query', ({ sql }: { sql: string }) => statements.push(sql.replace(/'[^']*'/g, "''")));
        return up(knex);
      },
    }));
    await up([...MIGRATIONS.slice(0, 4), ...recorded]);
    expect(statements.length).toBeGreaterThan(0);
    for (const statement of statements.filter((sql) => !/^\s*DO\b/i.test(sql))) {
      expect(statement).not.toMatch(/;\s*\S/);
      expect(statement).not.toMatch(/ADD COLUMN.*\b(CHECK|UNIQUE|REFERENCES)\b/is);
      expect(statement.match(/\b(ADD|DROP) CONSTRAINT\b/gi)?.length ?? 0).toBeLessThanOrEqual(1);
      expect(statement).not.toMatch(/CONSTRAINT\b.*,\s*(ADD|DROP|ALTER)\b|,\s*(ADD|DROP) CONSTRAINT\b/is);
    }
  });
});

describe('several processes that start at once', () => {
  it('migrate an empty database once', async () => {
    const ran = await Promise.all([up(), up(), up()]);
    expect(ran.map((names) => names.length).sort()).toEqual([0, 0, MIGRATIONS.length]);
    expect(await isMigrated(db)).toBe(true);
  });

  it('take turns by a lock that ends with its transaction, so that no pooler keeps it', async () => {
    const holders: { state: string }[] = [];
    const look = async (knex: Knex) => {
      const { rows } = await knex.raw(
        `SELECT state FROM pg_locks JOIN pg_stat_activity USING (pid)
         WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
      );
      holders.push(...rows);
    };
    await up([...MIGRATIONS, { name: '9999_look.additive', up: look }]);
    expect(holders).toEqual([{ state: 'idle in transaction' }]);
  });

  it('go on where a killed process left the lock of Knex behind', async () => {
    await up(MIGRATIONS.slice(0, 2));
    await db('knex_migrations_lock').update({ is_locked: 1 });
    await up();
    expect(await isMigrated(db)).toBe(true);
  });
});

describe('a newer version', () => {
  const additive: Migration = {
    name: '9998_colour.additive',
    up: async (knex) => {
      await knex.raw('ALTER TABLE workspaces ADD COLUMN colour text');
    },
  };
  const breaking: Migration = {
    name: '9999_no_names.breaking',
    up: async (knex) => {
      await knex.raw('ALTER TABLE workspaces DROP COLUMN name');
    },
  };

  it('may be ahead by additive migrations: this one is ready, and starts', async () => {
    await up([...MIGRATIONS, additive]);
    expect(await isMigrated(db)).toBe(true);
    expect(await up()).toEqual([]);
  });

  it('leaves a process of this one ready as long as it migrates additively', async () => {
    const vault = await startVault();
    const readiness = async () => (await fetch(`${vault.url}/readyz`)).status;
    const migrateTo = (name: string) =>
      vault.db('knex_migrations').insert({ name, batch: 99, migration_time: new Date() });
    await migrateTo(additive.name);
    expect(await readiness()).toBe(200);
    await migrateTo(breaking.name);
    while ((await readiness()) === 200); // a check is shared for a second
    expect(await readiness()).toBe(503);
    await vault.close();
  });

  it('may not be ahead by a breaking one: this one is not ready, and refuses to start', async () => {
    await up([...MIGRATIONS, additive, breaking]);
    expect(await isMigrated(db)).toBe(false);
    await expect(up()).rejects.toThrow(NewerDatabaseError);
  });

  it('finds a database of this one not ready until it is migrated', async () => {
    await up();
    expect(await isMigrated(db, [...MIGRATIONS, additive])).toBe(false);
    expect(await up([...MIGRATIONS, additive])).toEqual([additive.name]);
    expect(await isMigrated(db, [...MIGRATIONS, additive])).toBe(true);
  });

  it('that is unknown and says nothing of its kind counts as breaking', () => {
    expect(isAdditive('0042_unknown')).toBe(false);
  });
});
