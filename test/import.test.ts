import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Knex } from 'knex';
import { retryDeadlock } from '../db/postgres/errors.ts';
import { isOneServer } from './support/postgres.ts';
import { IMPORT, startVault, type Tenant, type TestVault } from './support/vault.ts';

const TOKEN_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

let vault: TestVault;
let tenant: Tenant;

beforeAll(async () => {
  vault = await startVault();
  tenant = await vault.newTenant();
});

afterAll(() => vault.close());

/** Imports as the tenant's admin and returns the stored row. */
async function imported(body: Readonly<Record<string, unknown>>) {
  const answer = await vault.import(tenant.apiKey, { provider_id: 'slack', access_token: 'xoxb', ...body });
  expect(answer).toMatchObject({ status: 200, body: { token_id: expect.stringMatching(TOKEN_ID) } });
  return vault.row(JSON.parse(answer.text).token_id);
}

const defaults = (userId: string) =>
  vault
    .db('default_tokens')
    .where({ organization_id: tenant.organizationId, user_id: userId })
    .select('token_id');

describe('a stored token', () => {
  it('answers with the id only', async () => {
    const { status, text } = await vault.import(tenant.apiKey, {
      provider_id: 'slack',
      access_token: 'xoxb',
    });
    expect({ status, body: JSON.parse(text) }).toEqual({
      status: 200,
      body: { token_id: expect.stringMatching(TOKEN_ID) },
    });
  });

  it('is sealed, and opens to exactly what was given', async () => {
    const row = await imported({ access_token: 'xoxb-\u0000"\n😀', refresh_token: '' });
    expect(row.access_token).toMatch(/^gAAAA/);
    expect(vault.keyRing.open(row.access_token)).toBe('xoxb-\u0000"\n😀');
    expect(vault.keyRing.open(row.refresh_token ?? '')).toBe('');
  });

  it('belongs to the caller and came in through the workspace of the key', async () => {
    expect(await imported({})).toMatchObject({
      organization_id: tenant.organizationId,
      workspace_id: tenant.workspaceId,
      user_id: 'alice',
      provider_id: 'slack',
    });
  });

  it('has the defaults of the contract where a field is absent', async () => {
    expect(await imported({})).toMatchObject({
      refresh_token: null,
      scopes: [],
      metadata: null,
      expires_at: null,
    });
  });

  it('takes null for an absent refresh token, expiry and metadata', async () => {
    expect(await imported({ refresh_token: null, expires_in_seconds: null, metadata: null })).toMatchObject({
      refresh_token: null,
      expires_at: null,
      metadata: null,
    });
  });

  it('keeps scopes and metadata as given', async () => {
    const given = {
      scopes: ['a', '', '"{,}\\'],
      metadata: { team: { id: 'T1' }, list: [1, null, true], __proto__: 1, '': '' },
    };
    expect(await imported(given)).toMatchObject(given);
  });

  it('keeps a metadata key named __proto__ as data', async () => {
    const answer = await vault.call('POST', IMPORT, {
      key: tenant.apiKey,
      headers: { 'Content-Type': 'application/json' },
      body: '{"provider_id":"slack","access_token":"x","metadata":{"__proto__":{"a":1}},"__proto__":{"refresh_token":"r"}}',
    });
    const row = await vault.row(JSON.parse(answer.text).token_id);
    expect(JSON.stringify(row['metadata'])).toBe('{"__proto__":{"a":1}}');
    expect(row.refresh_token).toBeNull();
  });

  it.each([
    [0, 0],
    [3600, 3600],
    [250_000_000_000, 250_000_000_000],
  ])('expires %p seconds after the database says now', async (expires_in_seconds, seconds) => {
    const row = await imported({ expires_in_seconds });
    const { rows } = await vault.db.raw(
      'SELECT extract(epoch FROM expires_at - created_at)::float8 AS seconds FROM oauth_tokens WHERE organization_id = ? AND id = ?',
      [tenant.organizationId, String(row['id'])],
    );
    expect(rows).toEqual([{ seconds }]);
  });

  it('is another one when the same token is imported again', async () => {
    const [first, second] = [
      await imported({ access_token: 'same' }),
      await imported({ access_token: 'same' }),
    ];
    expect(first['id']).not.toBe(second['id']);
  });

  it('leaves an audit record of who, what and which request', async () => {
    const { text } = await vault.import(
      tenant.apiKey,
      { provider_id: 'slack', access_token: 'x' },
      { 'X-Request-Id': 'request-1' },
    );
    const records = await vault.db('audit_records').where({ object_id: JSON.parse(text).token_id });
    expect(records).toMatchObject([
      {
        organization_id: tenant.organizationId,
        user_id: 'alice',
        credential: `api-key:${tenant.apiKey.slice(4, 10)}`,
        action: 'token.import',
        request_id: 'request-1',
      },
    ]);
  });

  it('may be 100 kB long', async () => {
    const access_token = 'x'.repeat(100_000);
    expect(vault.keyRing.open((await imported({ access_token })).access_token)).toBe(access_token);
  });
});

describe('the default token', () => {
  it('is the one imported last', async () => {
    const key = await vault.newKey(tenant, { userId: 'default-last' });
    await vault.import(key, { provider_id: 'slack', access_token: 'first' });
    const { text } = await vault.import(key, { provider_id: 'slack', access_token: 'second' });
    expect(await defaults('default-last')).toEqual([{ token_id: JSON.parse(text).token_id }]);
  });

  it('stays when the next import does not want it', async () => {
    const key = await vault.newKey(tenant, { userId: 'default-stays' });
    const { text } = await vault.import(key, { provider_id: 'slack', access_token: 'first' });
    await vault.import(key, { provider_id: 'slack', access_token: 'second', is_default: false });
    expect(await defaults('default-stays')).toEqual([{ token_id: JSON.parse(text).token_id }]);
  });

  it('is one for each user and provider', async () => {
    await vault.newProvider(tenant.organizationId, 'github');
    const key = await vault.newKey(tenant, { userId: 'default-each' });
    await vault.import(key, { provider_id: 'slack', access_token: 'x' });
    await vault.import(key, { provider_id: 'github', access_token: 'x' });
    expect(await defaults('default-each')).toHaveLength(2);
  });

  it('is exactly one after imports side by side, and none of them fails', async () => {
    const key = await vault.newKey(tenant, { userId: 'default-race' });
    const answers = await Promise.all(
      Array.from({ length: 256 }, () => vault.import(key, { provider_id: 'slack', access_token: 'x' })),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(await defaults('default-race')).toHaveLength(1);
  });

  it('cannot be two, whoever writes to the database', async () => {
    const key = await vault.newKey(tenant, { userId: 'default-two' });
    await vault.import(key, { provider_id: 'slack', access_token: 'x' });
    const [row] = await vault.db('default_tokens').where({ user_id: 'default-two' });
    await expect(vault.db('default_tokens').insert(row)).rejects.toMatchObject({ code: '23505' });
  });
});

describe("another tenant's locked row", () => {
  it('holds up nobody else, and its own import only until the lock is gone', async () => {
    const other = await vault.newTenant();
    await vault.import(other.apiKey, { provider_id: 'slack', access_token: 'x' });
    const outside = vault.outside();
    const lock = await outside.transaction();
    await lock('default_tokens').where({ organization_id: other.organizationId }).forUpdate().select();
    const importOf = (key: string) => vault.import(key, { provider_id: 'slack', access_token: 'x' });
    const held = importOf(other.apiKey);
    const neighbours = await Promise.all(Array.from({ length: 20 }, () => importOf(tenant.apiKey)));
    expect(new Set(neighbours.map(({ status }) => status))).toEqual(new Set([200]));
    await lock.rollback();
    expect((await held).status).toBe(200);
    await outside.destroy();
  });
});

describe('an organization whose row is locked, import after import', () => {
  let vault: TestVault;

  beforeAll(async () => {
    vault = await startVault({ TOKENS_PER_USER_AND_PROVIDER_MAX: '0' });
  });

  afterAll(() => vault.close());

  it("takes little of another one's throughput", async () => {
    const [locked, other] = [await vault.newTenant(), await vault.newTenant()];
    const importOf = (key: string) => vault.import(key, { provider_id: 'slack', access_token: 'x' });
    /** Imports a second of the other one. */
    const throughput = async (milliseconds: number, isEnough = () => true) => {
      const start = performance.now();
      let count = 0;
      for (; performance.now() < start + milliseconds || !isEnough(); count++) {
        expect((await importOf(other.apiKey)).status).toBe(200);
      }
      return (count / (performance.now() - start)) * 1_000;
    };
    const quiet = await throughput(1_500);
    const outside = vault.outside();
    const lock = await outside.transaction();
    await lock('oauth_providers').where({ organization_id: locked.organizationId }).forUpdate().select();
    let isOver = false;
    const statuses: number[] = [];
    const member = (async () => {
      while (!isOver) statuses.push((await importOf(locked.apiKey)).status);
    })();
    // In this time imports of the member end, and new ones begin.
    const beside = await throughput(3_000, () => statuses.length > 1).finally(async () => {
      isOver = true;
      await lock.rollback();
      await outside.destroy();
    });
    await member;
    expect(new Set(statuses.slice(0, -1))).toEqual(new Set([503]));
    expect(beside).toBeGreaterThan(quiet / 2); // each of the member's imports would take a second
  });
});

describe('a provider that is not there', () => {
  it.each(['unknown', '', 'SLACK', '../slack', 'x'.repeat(100_000)])(
    'answers 404 and stores nothing',
    async (provider_id) => {
      const key = await vault.newKey(tenant, { userId: 'nothing-stored' });
      const { status, body } = await vault.import(key, { provider_id, access_token: 'x' });
      expect({ status, body }).toEqual({ status: 404, body: { detail: 'OAuth provider not found' } });
      expect(await vault.db('oauth_tokens').where({ user_id: 'nothing-stored' })).toEqual([]);
      expect(await vault.db('audit_records').where({ user_id: 'nothing-stored' })).toEqual([]);
    },
  );

  it("answers alike when it is another organization's", async () => {
    const other = await vault.newTenant();
    await vault.newProvider(other.organizationId, 'secret-project');
    const [foreign, unknown] = await Promise.all(
      ['secret-project', 'no-project'].map((provider_id) =>
        vault.import(tenant.apiKey, { provider_id, access_token: 'x' }),
      ),
    );
    const comparable = (answer: typeof foreign) =>
      answer && [answer.status, answer.text, [...answer.headers.keys()]];
    expect(comparable(foreign)).toEqual(comparable(unknown));
    expect(foreign?.status).toBe(404);
  });

  it('answers 404 while it is deleted and made again', async () => {
    const other = await vault.newTenant();
    let isOver = false;
    const statuses = new Set<number>();
    const importer = async () => {
      while (!isOver) {
        const answer = await vault.import(other.apiKey, { provider_id: 'slack', access_token: 'x' });
        statuses.add(answer.status);
      }
    };
    const importers = Array.from({ length: 8 }, importer);
    const outside = vault.outside();
    for (let round = 0; round < 40; round++) {
      // Held open for a moment, so that imports wait for it; the provider is gone once they go on.
      const remove = async (transaction: Knex.Transaction) => {
        const own = { organization_id: other.organizationId };
        // In the order in which imports lock them. A default that is stored between the two is locked in the other order,
        // so this may be a deadlock victim. A cluster checks foreign keys of each table before the next one.
        if (isOneServer()) await transaction('default_tokens').where(own).delete();
        await transaction('oauth_providers').where(own).delete();
        await transaction.raw('SELECT pg_sleep(0.01)');
      };
      await retryDeadlock(() => outside.transaction(remove));
      await vault.newProvider(other.organizationId, 'slack');
    }
    isOver = true;
    await Promise.all(importers);
    await outside.destroy();
    expect(statuses).toEqual(new Set([200, 404]));
  });

  it('is refused by the database itself', async () => {
    const other = await vault.newTenant();
    await vault.newProvider(other.organizationId, 'theirs');
    const [row] = await vault.db('oauth_tokens').where({ organization_id: tenant.organizationId }).limit(1);
    const stolen = {
      ...row,
      id: '01890000-0000-7000-8000-000000000000',
      provider_id: 'theirs',
      metadata: null,
    };
    await expect(vault.db('oauth_tokens').insert(stolen)).rejects.toMatchObject({ code: '23503' });
  });
});

describe('a user who has many tokens of a provider', () => {
  const FULL = { status: 409, body: { detail: 'The user has too many OAuth tokens of this provider' } };

  it('gets 409 at the limit, for that provider only, and no other user does', async () => {
    const limited = await startVault({ TOKENS_PER_USER_AND_PROVIDER_MAX: '3' });
    const { apiKey, organizationId, workspaceId } = await limited.newTenant();
    await limited.newProvider(organizationId, 'github');
    const store = async (key: string, providerId = 'slack') => {
      const { status, body } = await limited.import(key, { provider_id: providerId, access_token: 'x' });
      return { status, body };
    };
    for (let stored = 0; stored < 3; stored++) expect((await store(apiKey)).status).toBe(200);
    expect(await store(apiKey)).toEqual(FULL);
    expect((await store(apiKey, 'github')).status).toBe(200);
    const other = await limited.newKey({ organizationId, workspaceId, apiKey }, { userId: 'other' });
    const together = await Promise.all([store(apiKey), store(other), store(apiKey), store(other, 'unknown')]);
    expect(together.map(({ status }) => status)).toEqual([409, 200, 409, 404]);
    const records = await limited.db('audit_records').where({ action: 'token.import' });
    expect(records).toHaveLength(5);
    await limited.close();
  });

  it('may have a thousand where nothing else is set', async () => {
    const { apiKey, organizationId, workspaceId } = await vault.newTenant();
    await vault.db.raw(
      `INSERT INTO oauth_tokens (organization_id, id, user_id, provider_id, workspace_id, access_token, scopes)
       SELECT :organizationId, gen_random_uuid(), 'alice', 'slack', :workspaceId, 'x', '{}' FROM generate_series(1, 999)`,
      { organizationId, workspaceId },
    );
    const store = () => vault.import(apiKey, { provider_id: 'slack', access_token: 'x' });
    expect((await store()).status).toBe(200);
    expect((await store()).status).toBe(409);
  });
});
