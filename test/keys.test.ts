/** Rotation of the Fernet keys while a service goes on importing. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { generateKey } from '../crypto/fernet.ts';
import { createKeyRing, fingerprint } from '../crypto/key-ring.ts';
import { OPERATOR } from '../db/audit.ts';
import { exit, printed, spawnTokenhold, tokenhold } from './support/process.ts';
import { openQuietVault, type QuietVault, startVault, type Tenant, type TestVault } from './support/vault.ts';

const [OLD, NEW] = [generateKey(), generateKey()];
/** Fewer than a listening socket's backlog. */
const AT_ONCE = 250;

let vault: TestVault;
let tenant: Tenant;

/** Each test has a vault of its own, because commands count and rotate all that is stored. */
function withVault(): void {
  beforeEach(async () => {
    vault = await startVault({ FERNET_KEYS: OLD, TOKENS_PER_USER_AND_PROVIDER_MAX: '0' });
    tenant = await vault.newTenant();
  });

  afterEach(() => vault.close());
}

const settings = (keys: string) => ({ DATABASE_URL: vault.connectionString, FERNET_KEYS: keys });

const keys = async (command: 'status' | 'rotate', ring: string) => {
  const { status, stdout, stderr } = await tokenhold(['keys', command, '--json'], settings(ring));
  return { status, stderr, result: stdout === '' ? undefined : JSON.parse(stdout) };
};

async function store(count: number): Promise<void> {
  for (let left = count; left > 0; left -= AT_ONCE) {
    const answers = await Promise.all(
      Array.from({ length: Math.min(left, AT_ONCE) }, () =>
        vault.import(tenant.apiKey, { provider_id: 'slack', access_token: 'xoxb', refresh_token: 'xoxe' }),
      ),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  }
}

/** Every ciphertext of the vault, opened with these keys only. */
async function opened(ring: readonly string[]): Promise<string[]> {
  const keyRing = createKeyRing(ring);
  const tokens = await vault.db('oauth_tokens').select('access_token', 'refresh_token');
  return tokens.flatMap((row) => [keyRing.open(row.access_token), keyRing.open(row.refresh_token)]);
}

describe('keys status', () => {
  withVault();

  it('tells how many ciphertexts each key protects, by column', async () => {
    await store(3);
    const row = (column: string) => ({ column, key: fingerprint(OLD), state: 'other', rows: 3 });
    expect((await keys('status', `${NEW},${OLD}`)).result).toEqual([
      row('oauth_tokens.access_token'),
      row('oauth_tokens.refresh_token'),
    ]);
  });
});

describe('keys rotate', () => {
  withVault();

  it('seals everything with the first key, after which the others may go', async () => {
    await store(3);
    await vault.db('oauth_providers').update({
      client_secret: vault.keyRing.seal('hush').ciphertext,
      client_secret_key: fingerprint(OLD),
    });
    expect(await keys('rotate', `${NEW},${OLD}`)).toMatchObject({
      status: 0,
      result: { key: fingerprint(NEW), rotated: 7, left: 0, unreadable: 0, missing_keys: [] },
    });
    expect(await opened([NEW])).toEqual(['xoxb', 'xoxe', 'xoxb', 'xoxe', 'xoxb', 'xoxe']);
    expect(
      await vault.db('audit_records').where({ action: 'keys.rotate' }).select('organization_id', 'object_id'),
    ).toEqual([{ organization_id: tenant.organizationId, object_id: fingerprint(NEW) }]);
    const { client_secret } = await vault.db('oauth_providers').first('client_secret');
    expect(createKeyRing([NEW]).open(client_secret)).toBe('hush');
    expect(await keys('rotate', NEW)).toMatchObject({ status: 0, result: { rotated: 0, left: 0 } });
  });

  it('takes what was sealed before fingerprints were kept', async () => {
    await store(1);
    await vault.db('oauth_tokens').update({ access_token_key: '', refresh_token_key: '' });
    expect((await keys('rotate', OLD)).result).toMatchObject({ rotated: 2, left: 0 });
  });

  it('may run twice at once', async () => {
    await store(200);
    const both = await Promise.all([keys('rotate', `${NEW},${OLD}`), keys('rotate', `${NEW},${OLD}`)]);
    expect(both.map(({ status, result }) => [status, result.left])).toEqual([
      [0, 0],
      [0, 0],
    ]);
    expect(both.reduce((sum, { result }) => sum + result.rotated, 0)).toBe(400);
    expect(await opened([NEW])).toHaveLength(400);
  });

  it('reports what no key opens, leaves it as it is, and goes on', async () => {
    await store(3);
    const broken: { id: string } = await vault.db('oauth_tokens').first('id');
    await vault.db('oauth_tokens').where(broken).update({ access_token: 'gAAAAbroken' });
    const { status, result } = await keys('rotate', `${NEW},${OLD}`);
    expect({ status, result }).toEqual({
      status: 1,
      result: {
        key: fingerprint(NEW),
        rotated: 5,
        left: 1,
        unreadable: 1,
        missing_keys: [],
        samples: [
          { column: 'oauth_tokens.access_token', organization_id: tenant.organizationId, id: broken.id },
        ],
      },
    });
    expect(await vault.row(broken.id)).toMatchObject({ access_token: 'gAAAAbroken' });
  });

  it('whose old key is missing tells its fingerprint, and ten samples of what stays', async () => {
    await store(12);
    const { status, result } = await keys('rotate', NEW);
    expect({ status, result }).toMatchObject({
      status: 1,
      result: { rotated: 0, left: 24, unreadable: 24, missing_keys: [fingerprint(OLD)] },
    });
    expect(result.samples).toHaveLength(10);
  });

  it('loses and fails nothing beside a service that imports, its own kill included', async () => {
    await store(3_000);
    vault.keyRing.replace([NEW, OLD]);
    let isRotated = false;
    const importing = (async () => {
      let made = 0;
      for (; !isRotated; made += 20) await store(20);
      return made;
    })();
    const killed = spawnTokenhold(['keys', 'rotate', '--json'], settings(`${NEW},${OLD}`));
    const rotated = async () => {
      const row = await vault
        .db('oauth_tokens')
        .where({ access_token_key: fingerprint(NEW) })
        .first('id');
      return row !== undefined;
    };
    while (!(await rotated()));
    killed.kill('SIGKILL');
    await exit(killed);
    expect(await keys('rotate', `${NEW},${OLD}`)).toMatchObject({
      status: 0,
      result: { left: 0, unreadable: 0, missing_keys: [] },
    });
    isRotated = true;
    const imported = 3_000 + (await importing);
    expect(await opened([NEW])).toHaveLength(2 * imported);
  });
});

describe('a ring without a key that still protects something', () => {
  withVault();

  it('stops the start, and tells how much that key protects', async () => {
    await store(2);
    const { status, stdout, stderr } = await tokenhold(['serve'], { ...settings(NEW), PORT: '0' });
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toContain(
      `the key with the fingerprint ${fingerprint(OLD)} is missing, which protects 2 ciphertexts of oauth_tokens.access_token`,
    );
    expect(stderr).not.toContain(NEW.slice(0, 8));
  });

  it('stops the start also where fingerprints were not kept yet', async () => {
    await store(2);
    await vault.db('oauth_tokens').update({ access_token_key: '', refresh_token_key: '' });
    const { status, stderr } = await tokenhold(['serve'], { ...settings(NEW), PORT: '0' });
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: expect.stringContaining(
        'none of the keys opens the 2 ciphertexts of oauth_tokens.access_token',
      ),
    });
  });
});

describe('a test for other keys', () => {
  let quiet: QuietVault;
  let own: string;

  beforeAll(async () => {
    quiet = await openQuietVault();
    const { organizationId, workspaceId } = await quiet.newTenant();
    const sealed = quiet.keyRing.seal('xoxb');
    own = sealed.key;
    const token = {
      organizationId,
      workspaceId,
      userId: 'alice',
      providerId: 'slack',
      scopes: [],
      metadata: null,
    };
    const secrets = { accessToken: sealed, refreshToken: sealed, expiresInSeconds: null, isDefault: true };
    await quiet.imports.store({ ...token, ...secrets }, OPERATOR);
  });

  afterAll(() => quiet.close());

  it.each(['', '111111111111', '555555555555', 'ffffffffffff'])(
    'finds one ciphertext of "%s" among those of known keys, in any organization',
    async (other) => {
      const { organizationId } = await quiet.newTenant();
      const provider = () => quiet.db('oauth_providers').where({ organization_id: organizationId });
      await provider().update({ client_secret: 'sealed', client_secret_key: other });
      const known = ['222222222222', own, '888888888888'];
      expect(await quiet.ciphertexts.areAllOf(known)).toBe(false);
      expect(await quiet.ciphertexts.areAllOf([...known, other])).toBe(true);
      expect(await quiet.ciphertexts.areAllOf([])).toBe(false);
      await provider().update({ client_secret: null, client_secret_key: null });
    },
  );

  it('finds a revocation that outlives its organization', async () => {
    const owed = {
      organization_id: '01890000-0000-7000-8000-000000000000',
      id: '01890000-0000-7000-8000-000000000000',
      provider_id: 'slack',
      access_token: 'sealed',
      access_token_key: 'ffffffffffff',
      client_id: 'client',
      auth_url: 'https://provider.example/authorize',
      token_url: 'https://provider.example/token',
      token_endpoint_auth_method: 'none',
      user_id: 'alice',
      credential: 'operator',
    };
    await quiet.db('revocations').insert({ ...owed, next_attempt_at: '2100-01-01' });
    expect(await quiet.ciphertexts.areAllOf([own])).toBe(false);
  });
});

describe('a key file', () => {
  withVault();

  let directory: string;
  let file: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'tokenhold-keys-'));
    file = join(directory, 'keys');
  });

  afterEach(() => rmSync(directory, { recursive: true }));

  const inFile = () => ({ DATABASE_URL: vault.connectionString, FERNET_KEYS_FILE: file });

  it('is read again on SIGHUP, and only taken if it opens all that is stored', async () => {
    writeFileSync(file, `${OLD}\n`);
    await store(1);
    const server = spawnTokenhold(['serve'], { ...inFile(), PORT: '0' });
    const url = /http:\S+/.exec(await printed(server, /listening on http:\S+/))?.[0];
    const logged = async (message: string) => {
      for await (const chunk of server.stderr?.iterator({ destroyOnReturn: false }) ?? []) {
        if (String(chunk).includes(message)) return String(chunk);
      }
      return '';
    };
    const sealedBy = async () => {
      const answer = await fetch(`${url}/v2/auth/tokens/import`, {
        method: 'POST',
        headers: { 'X-Api-Key': tenant.apiKey, 'Content-Type': 'application/json' },
        body: '{"provider_id":"slack","access_token":"x"}',
      });
      const { token_id: id } = JSON.parse(await answer.text());
      return (await vault.row(id))['access_token_key'];
    };
    expect(await sealedBy()).toBe(fingerprint(OLD));
    writeFileSync(file, NEW);
    server.kill('SIGHUP');
    expect(await logged('keys not reloaded')).toContain(fingerprint(OLD));
    expect(await sealedBy()).toBe(fingerprint(OLD));
    writeFileSync(file, `${NEW}\n${OLD}\n`);
    server.kill('SIGHUP');
    expect(await logged('keys reloaded')).toContain(fingerprint(NEW));
    expect(await sealedBy()).toBe(fingerprint(NEW));
    server.kill();
    expect(await exit(server)).toBe(0);
  });
});
