/** What an operator reads when a start fails: what is wrong, and what to do. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { generateKey } from '../crypto/fernet.ts';
import { loadConfig } from '../service/config.ts';
import { isInClear } from '../service/database-url.ts';
import { explain } from '../service/failure.ts';
import { openCommandVault } from '../service/repositories.ts';
import { createDatabase, hasOneServer, onServer } from './support/postgres.ts';

const FERNET_KEYS = generateKey();

let directory: string;
let database: Awaited<ReturnType<typeof createDatabase>>;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'tokenhold-failures-'));
  database = await createDatabase();
});

afterAll(async () => {
  await database.drop();
  rmSync(directory, { recursive: true });
});

/** The error that a command prints with these settings. */
async function failure(env: Readonly<Record<string, string>>): Promise<string> {
  try {
    const vault = await openCommandVault(loadConfig(env));
    await vault.close();
    return 'no failure';
  } catch (error) {
    return explain(error);
  }
}

const withParameters = (parameters: string) =>
  failure({
    FERNET_KEYS,
    DATABASE_URL: `${database.connectionString}${database.connectionString.includes('?') ? '&' : '?'}${parameters}`,
  });

describe('DATABASE_URL', () => {
  it.each([
    ['sslmode=bogus', /sslmode must be one of disable, .*verify-full/],
    ['sslrootcert=/no/such/ca.pem', /the file that sslrootcert names cannot be read \(ENOENT\)/],
  ])('with %s', async (parameters, message) => {
    expect(await withParameters(parameters)).toMatch(message);
  });

  const hasNoTls = hasOneServer('a database without TLS', 'Citus switches TLS on');
  (hasNoTls ? it : it.skip)('with sslmode=verify-full, of a database without TLS', async () => {
    expect(await withParameters('sslmode=verify-full')).toMatch(
      /the database has no TLS: switch it on there/,
    );
  });

  it('of a database that does not exist', async () => {
    const url = new URL(database.connectionString);
    url.pathname = '/nothing';
    expect(await failure({ FERNET_KEYS, DATABASE_URL: url.href })).toMatch(
      /does not exist: create it \(3D000\)/,
    );
  });

  it('of a user who may not connect', async () => {
    const role = `locked_out_${process.pid}`;
    await onServer(`CREATE ROLE ${role}`);
    const url = new URL(database.connectionString);
    url.username = role;
    expect(await failure({ FERNET_KEYS, DATABASE_URL: url.href })).toMatch(/refuses the user or password/);
    await onServer(`DROP ROLE ${role}`);
  });

  it('of a server that wants TLS', () => {
    const refusal = (text: string) =>
      Object.assign(new pg.DatabaseError(text, 0, 'error'), { code: '28000' });
    const entry = 'no pg_hba.conf entry for host "10.0.0.1", user "u", database "d"';
    expect(explain(refusal(`${entry}, no encryption`))).toMatch(/add sslmode=verify-full/);
    expect(explain(refusal(`${entry}, SSL encryption`))).toMatch(
      /pg_hba\.conf admits this user from this address: add one/,
    );
  });

  it.each([
    ['postgresql://u@db.example/x', true],
    ['postgresql://u@db.example/x?sslmode=disable', true],
    ['postgresql://u@db.example/x?sslmode=verify-full', false],
    ['postgresql://u@127.0.0.1/x', false],
    ['postgresql://u@%2Frun%2Fpostgresql/x', false],
  ])('tells whether it is sent in clear over a network: %s', (url, isClear) => {
    expect(isInClear(url, undefined)).toBe(isClear);
  });
});

describe('the certificate of the database', () => {
  it.each(['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'SELF_SIGNED_CERT_IN_CHAIN', 'ERR_TLS_CERT_ALTNAME_INVALID'])(
    'that fails with %s asks for sslrootcert',
    (code) => {
      expect(explain(Object.assign(new Error('hush'), { code }))).toMatch(/sslrootcert=.*\(/);
    },
  );
});

describe('DATA_DIR', () => {
  it('that is a file, or lies below one', async () => {
    const file = join(directory, 'file');
    writeFileSync(file, '');
    expect(await failure({ DATA_DIR: file })).toBe(
      `${file} is a file, and should be a directory: set DATA_DIR to another one (EEXIST)`,
    );
    expect(await failure({ DATA_DIR: join(file, 'below') })).toMatch(/lies below a file.*ENOTDIR/);
  });

  it('is not made by settings that are refused', async () => {
    const dataDir = join(directory, 'untouched');
    await failure({ DATA_DIR: dataDir, PORT: 'x' });
    expect(existsSync(dataDir)).toBe(false);
  });
});

describe('TRUST_PROXY', () => {
  it.each(['0.0.0.0/0', '10.0.0.0/33', '10.0.0.0/8/8', 'fe80::1%eth0', 'loopback, proxy.example'])(
    'of %s is refused',
    (value) => {
      expect(() => loadConfig({ TRUST_PROXY: value })).toThrow(
        '- TRUST_PROXY must be off, a number of proxies',
      );
    },
  );
});

describe('HEADERS_TIMEOUT_SECONDS', () => {
  it('is refused above REQUEST_TIMEOUT_SECONDS, since the headers are a part of the request', () => {
    expect(() => loadConfig({ HEADERS_TIMEOUT_SECONDS: '6', REQUEST_TIMEOUT_SECONDS: '5' })).toThrow(
      '- HEADERS_TIMEOUT_SECONDS must be a whole number from 1 to 5',
    );
  });

  it('is REQUEST_TIMEOUT_SECONDS where that is less than its default', () => {
    expect(loadConfig({ REQUEST_TIMEOUT_SECONDS: '5' }).limits.headersTimeoutSeconds).toBe(5);
  });
});
