/** Two roles: an owner that migrates, and one that serves and cannot change audit records. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { generateKey } from '../crypto/fernet.ts';
import { createDatabase, onServer } from './support/postgres.ts';
import { exit, printed, spawnTokenhold, tokenhold } from './support/process.ts';

const [OWNER, SERVICE] = ['owner', 'service'].map((name) => `${name}_${process.pid}_${Date.now()}`);
const PASSWORD = 'of-a-test';
const FERNET_KEYS = generateKey();

let database: Awaited<ReturnType<typeof createDatabase>>;
let settings: Readonly<Record<'DATABASE_URL' | 'FERNET_KEYS', string>>;
let withOwner: Readonly<Record<string, string>>;

function as(role: string | undefined): string {
  const url = new URL(database.connectionString);
  url.username = role ?? '';
  url.password = PASSWORD;
  return url.href;
}

beforeAll(async () => {
  database = await createDatabase('empty');
  const name = new URL(database.connectionString).pathname.slice(1);
  for (const role of [OWNER, SERVICE]) await onServer(`CREATE ROLE ${role} LOGIN PASSWORD '${PASSWORD}'`);
  await onServer(`ALTER DATABASE ${name} OWNER TO ${OWNER}`);
  settings = { DATABASE_URL: as(SERVICE), FERNET_KEYS };
  withOwner = { ...settings, MIGRATE_DATABASE_URL: as(OWNER) };
});

afterAll(async () => {
  await database.drop();
  for (const role of [OWNER, SERVICE]) await onServer(`DROP ROLE ${role}`);
});

describe('the role that serves', () => {
  it('cannot migrate, and a start says who can', async () => {
    const { status, stderr } = await tokenhold(['serve'], settings);
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: expect.stringContaining('MIGRATE_DATABASE_URL'),
    });
  });

  it('serves what the owner has migrated, without the password of the owner', async () => {
    expect(await tokenhold(['migrate'], withOwner)).toMatchObject({ status: 0 });
    const made = await tokenhold(
      [
        'setup',
        '--organization',
        'acme',
        '--from',
        'github',
        '--client-id',
        'c',
        '--client-secret-stdin',
        '--json',
      ],
      settings,
      'hush',
    );
    const { api_key: key } = JSON.parse(made.stdout);
    const server = spawnTokenhold(['serve'], { ...settings, PORT: '0', LOG_LEVEL: 'silent' });
    const url = /http:\S+/.exec(await printed(server, /listening on http:\S+/))?.[0] ?? '';
    const call = async (method: string, path: string, json?: object) => {
      const answer = await fetch(`${url}/v2/auth/${path}`, {
        method,
        headers: { 'X-Api-Key': key, 'Content-Type': 'application/json' },
        ...(json !== undefined && { body: JSON.stringify(json) }),
      });
      return answer.status;
    };
    const provider = {
      provider_id: 'slack',
      name: 'Slack',
      client_id: 'client',
      client_secret: 'hush',
      auth_url: 'https://slack.com/a',
      token_url: 'https://slack.com/t',
    };
    expect([
      await call('POST', 'providers', provider),
      await call('POST', 'tokens/import', { provider_id: 'slack', access_token: 'x' }),
      await call('GET', 'tokens'),
      await call('DELETE', 'providers/slack'),
      (await fetch(`${url}/readyz`)).status,
    ]).toEqual([200, 200, 200, 200, 200]);
    server.kill();
    await exit(server);
  });

  it('adds and reads audit records, and can neither change nor delete them nor give itself the right', async () => {
    const client = new pg.Client({ connectionString: as(SERVICE) });
    await client.connect();
    const { rows } = await client.query('SELECT action FROM audit_records');
    expect(rows.length).toBeGreaterThan(0);
    for (const change of [
      "UPDATE audit_records SET action = ''",
      'DELETE FROM audit_records',
      'TRUNCATE audit_records',
      'DROP TABLE audit_records',
      'ALTER TABLE audit_records DISABLE TRIGGER ALL',
      'CREATE TABLE public.mine ()',
      `SET ROLE ${OWNER}`,
    ]) {
      await expect(client.query(change)).rejects.toMatchObject({ code: '42501' });
    }
    await client.query(`GRANT DELETE ON audit_records TO ${SERVICE}`).catch(() => undefined); // a warning in some versions
    await expect(client.query('DELETE FROM audit_records')).rejects.toMatchObject({ code: '42501' });
    await client.end();
  });
});

describe('the owner', () => {
  it('may migrate again and again, and the rights stay', async () => {
    expect(await tokenhold(['migrate'], withOwner)).toMatchObject({ status: 0, stdout: 'up to date\n' });
  });

  it('may not serve too: then the trail could be changed', async () => {
    const { status, stderr } = await tokenhold(['migrate'], { ...withOwner, DATABASE_URL: as(OWNER) });
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: expect.stringContaining('neither the owner, nor a member of it'),
    });
  });
});
