/** `Idempotency-Key` on the import (draft-ietf-httpapi-idempotency-key-header-07). */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { generateKey } from '../crypto/fernet.ts';
import { OPERATOR } from '../db/audit.ts';
import { repeatable } from '../db/idempotency-keys.ts';
import { loadConfig } from '../service/config.ts';
import { openServerVault } from '../service/repositories.ts';
import { startVault, type Tenant, type TestVault } from './support/vault.ts';

const FERNET_KEYS = generateKey();

let vault: TestVault;
let tenant: Tenant;

beforeAll(async () => {
  vault = await startVault({ TOKENS_PER_USER_AND_PROVIDER_MAX: '3', FERNET_KEYS });
  tenant = await vault.newTenant();
});

afterAll(() => vault.close());

const TOKEN = { provider_id: 'slack', access_token: 'xoxb-1' };

/** A user of its own for each test, so that none counts another's tokens. */
const newUser = (of: Tenant = tenant) => vault.newKey(of, { userId: crypto.randomUUID() });

const send = (apiKey: string, key: string, json: unknown = TOKEN) =>
  vault.import(apiKey, json, { 'Idempotency-Key': key });

const stored = { status: 200, body: { token_id: expect.any(String) } };
const finding = (error: string) => ({
  status: 422,
  body: {
    detail: [
      {
        loc: ['header', 'idempotency-key'],
        msg: `Value error, ${error}`,
        type: 'value_error',
        ctx: { error },
      },
    ],
  },
});
const REUSED = finding('the key was used for another request within 24 hours');
const TOO_SOON = {
  status: 409,
  body: { detail: 'A request with this Idempotency-Key is under way' },
};

const countTokens = async (apiKey: string): Promise<number> => {
  const { body } = await vault.call('GET', '/v2/auth/tokens', { key: apiKey });
  return Array.isArray(body) ? body.length : Number.NaN;
};

const age = (interval: string) =>
  vault.db.raw(
    // In UTC, where PostgreSQL computes alike for every session: Citus refuses other forms in an UPDATE.
    `UPDATE idempotency_keys SET expires_at = (expires_at AT TIME ZONE 'UTC' - '${interval}'::interval) AT TIME ZONE 'UTC'
    WHERE organization_id = ?`,
    [tenant.organizationId],
  );

describe('a repeated import', () => {
  it('answers the id of the first and stores nothing', async () => {
    const user = await newUser();
    const first = await send(user, '"k"');
    expect(first).toMatchObject(stored);
    expect((await send(user, '"k"')).text).toBe(first.text);
    expect(await countTokens(user)).toBe(1);
  });

  it('leaves one audit record', async () => {
    const user = await newUser();
    const first = await send(user, '"k"');
    await send(user, '"k"');
    const { token_id: id } = JSON.parse(first.text);
    expect(await vault.db('audit_records').where({ object_id: id })).toHaveLength(1);
  });

  it('does not make its token the default again', async () => {
    const user = await newUser();
    await send(user, '"k"');
    const second = await vault.import(user, TOKEN);
    await send(user, '"k"');
    const { body } = await vault.call('GET', '/v2/auth/tokens', { key: user });
    expect(body).toContainEqual(
      expect.objectContaining({ id: JSON.parse(second.text).token_id, is_default: true }),
    );
  });

  it('is refused with 422 when the request is another one', async () => {
    const user = await newUser();
    await send(user, '"k"');
    expect(await send(user, '"k"', { ...TOKEN, access_token: 'xoxb-2' })).toMatchObject(REUSED);
    expect(await send(user, '"k"', { ...TOKEN, scopes: ['a'] })).toMatchObject(REUSED);
    expect(await countTokens(user)).toBe(1);
  });

  it('is a first one after 24 hours', async () => {
    const user = await newUser();
    const first = await send(user, '"k"');
    await age('23 hours 59 minutes');
    expect((await send(user, '"k"')).text).toBe(first.text);
    await age('1 minute');
    const second = await send(user, '"k"', { ...TOKEN, access_token: 'xoxb-2' });
    expect(second).toMatchObject(stored);
    expect(second.text).not.toBe(first.text);
  });

  it('answers the same when the user has as many tokens as allowed by now', async () => {
    const user = await newUser();
    const first = await send(user, '"1"');
    await send(user, '"2"');
    await send(user, '"3"');
    expect((await send(user, '"4"')).status).toBe(409);
    expect((await send(user, '"1"')).text).toBe(first.text);
  });
});

describe('a key', () => {
  it('is one of its user: other users and organizations may use the same', async () => {
    const other = await vault.newTenant();
    const answers = await Promise.all(
      [await newUser(), await newUser(), other.apiKey].map((user) => send(user, '"shared"')),
    );
    expect(new Set(answers.map(({ text }) => text)).size).toBe(3);
  });

  it('may lack the quotes, and a quote in it is escaped', async () => {
    const user = await newUser();
    expect((await send(user, 'a:b/c=')).text).toBe((await send(user, '"a:b/c="')).text);
    expect(await send(user, String.raw`"a\"b\\c"`)).toMatchObject(stored);
  });

  it.each([
    ['empty', ''],
    ['an empty string', '""'],
    ['longer than 255', 'x'.repeat(256)],
    ['of two words', 'a b'],
    ['unfinished', '"a'],
    ['with an unescaped quote', '"a"b"'],
    ['sent twice', '"a", "b"'],
    ['with parameters', '"a";b'],
    ['not ASCII', '\u00e9'],
  ])('that is %s is refused', async (_, key) => {
    expect(await send(tenant.apiKey, key)).toMatchObject(
      finding('the key must be 1 to 255 printable ASCII characters in double quotes'),
    );
  });

  it('of a request that was refused may be used again', async () => {
    const user = await newUser();
    expect((await send(user, '"k"', { ...TOKEN, provider_id: 'none' })).status).toBe(404);
    expect((await send(user, '"k"', { provider_id: 'slack' })).status).toBe(422);
    expect(await send(user, '"k"')).toMatchObject(stored);
  });

  it('is not stored, and neither is the request', async () => {
    const user = await newUser();
    await send(user, '"find-me"', { ...TOKEN, access_token: 'find-me-too' });
    const { rows } = await vault.db.raw('SELECT row.*::text AS text FROM idempotency_keys AS row');
    expect(JSON.stringify(rows)).not.toMatch(/find-me/);
  });

  it('that has expired is deleted, any other one stays', async () => {
    const user = await newUser();
    await send(user, '"old"');
    await age('24 hours');
    await send(user, '"new"');
    await vault.idempotencyKeys.sweep();
    expect(await vault.db('idempotency_keys').where({ organization_id: tenant.organizationId })).toHaveLength(
      1,
    );
  });
});

describe('at the same time', () => {
  it('many requests with one key store one token, and all others are told to wait or given its id', async () => {
    const user = await newUser();
    const answers = await Promise.all(Array.from({ length: 20 }, () => send(user, '"k"')));
    const ids = new Set(answers.filter(({ status }) => status === 200).map(({ text }) => text));
    expect(ids.size).toBe(1);
    for (const answer of answers.filter(({ status }) => status !== 200)) {
      expect(answer).toMatchObject(TOO_SOON);
      expect(answer.headers.get('retry-after')).toBe('1');
    }
    expect(await countTokens(user)).toBe(1);
  });

  it('requests with keys, without keys and with refused ones share a statement', async () => {
    const user = await newUser();
    const [known] = [await send(user, '"known"')];
    const answers = await Promise.all([
      send(user, '"known"'),
      send(user, '"known"', { ...TOKEN, access_token: 'other' }),
      send(user, '"fresh"'),
      send(user, '"none"', { ...TOKEN, provider_id: 'none' }),
      vault.import(user, TOKEN),
    ]);
    expect(answers[0].text).toBe(known.text);
    expect(answers.map(({ status }) => status)).toEqual([200, expect.any(Number), 200, 404, 200]);
    expect([409, 422]).toContain(answers[1].status);
  });

  it('a key that another process has claimed and not committed gets 409', async () => {
    const userId = crypto.randomUUID();
    const user = await vault.newKey(tenant, { userId });
    const { keyHash, requestHash } = repeatable(userId, 'k', []);
    const other = vault.outside();
    const transaction = await other.transaction();
    await transaction.raw(
      `INSERT INTO idempotency_keys (organization_id, key_hash, request_hash, token_id, expires_at)
       VALUES (?, decode(?, 'hex'), decode(?, 'hex'), ?, now() + interval '1 day')`,
      [tenant.organizationId, keyHash, requestHash, crypto.randomUUID()],
    );
    const sent = send(user, '"k"');
    expect(await vault.import(user, TOKEN)).toMatchObject(stored);
    expect(await sent).toMatchObject(TOO_SOON);
    await transaction.rollback();
    await other.destroy();
    expect(await send(user, '"k"')).toMatchObject(stored);
  });

  it('of two processes one stores, and the other gives its id from then on', async () => {
    const second = await openServerVault(
      loadConfig({
        DATABASE_URL: vault.connectionString,
        FERNET_KEYS,
        LOG_LEVEL: 'silent',
      }),
    );
    const userId = crypto.randomUUID();
    const token = {
      organizationId: tenant.organizationId,
      workspaceId: tenant.workspaceId,
      userId,
      providerId: 'slack',
      accessToken: vault.keyRing.seal('xoxb'),
      refreshToken: null,
      scopes: [],
      metadata: null,
      expiresInSeconds: null,
      isDefault: true,
    };
    const keys = Array.from({ length: 3 }, (_, index) => repeatable(userId, String(index), []));
    const outcomes = await Promise.all(
      keys.flatMap((key) =>
        [vault, second].map(({ imports }) =>
          imports
            .store(token, OPERATOR, key)
            .catch((error: unknown) => (error instanceof Error ? 'refused' : '')),
        ),
      ),
    );
    const tokens = await vault.db('oauth_tokens').where({ user_id: userId });
    expect(tokens).toHaveLength(3);
    const ids = new Set(outcomes.filter((one) => one !== 'refused'));
    expect(ids).toEqual(new Set(tokens.map(({ id }) => id)));
    await second.close();
  });
});
