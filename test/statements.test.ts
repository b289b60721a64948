/** The statements of the service, as a vault over distributed tables sends them, against what Citus takes. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { generateKey } from '../crypto/fernet.ts';
import { loadConfig } from '../service/config.ts';
import { openServerVault, type Vault } from '../service/repositories.ts';
import { sendEveryStatement } from './support/every-statement.ts';
import { createDatabase } from './support/postgres.ts';
import { type Judgement, judge } from './support/statement-rules.ts';

/** Operators' tasks and sweeps, which read all organizations. All other statements need one shard. */
const OF_ALL_ORGANIZATIONS: Readonly<Record<string, RegExp>> = {
  'names of organizations': /^SELECT 1 FROM organizations WHERE name/,
  'the organization of a name': /^SELECT organization_id AS "organizationId" FROM organizations WHERE/,
  'the list of organizations': /first_workspace/,
  'counts of keys': /_key AS key, count\(\*\) AS rows FROM/,
  'the look for another key': /AS sealed WHERE/,
  'a sample of ciphertexts': /AS ciphertext FROM \w+ WHERE \w+_key >= ''/,
  'a page of ciphertexts': /AS ciphertext FROM \w+ WHERE \(organization_id, id\) >/,
  'unfinished deletions of providers': /^SELECT .* FROM oauth_providers WHERE deleting_at IS NOT NULL$/,
  'the sweep of idempotency keys': /^WITH expired AS \( SELECT old\.organization_id, old\.key_hash/,
  'the sweep of authorizations': /^WITH deleted AS \( DELETE FROM authorizations USING/,
  'due refreshes': /AS organizations CROSS JOIN LATERAL \( SELECT \* FROM oauth_tokens/,
  'orphaned refreshes': /row_number\(\) OVER \(PARTITION BY organization_id ORDER BY lease_until\)/,
  'counts of grants': /"oldestLeaseSeconds" FROM oauth_tokens AS token GROUP BY/,
  'grants in trouble': /'dead' AS state/,
  'due revocations': /^UPDATE revocations AS owed .* next_attempt_at <= now\(\) - interval/,
};

/** The tables whose rows lie on the nodes of their organizations. */
const deployment = readFileSync(new URL('../deploy/citus.sql', import.meta.url), 'utf8');
const distributed = new Set(
  [...deployment.matchAll(/create_distributed_table\('(\w+)'/g)].map(([, table]) => table),
);
const isDistributed = (table: string): boolean => distributed.has(table);

const statements = new Set<string>();
const called = new Set<string>();
let vault: Vault;
let database: Awaited<ReturnType<typeof createDatabase>>;

function textOf(sent: unknown): string {
  const text = typeof sent === 'object' && sent !== null && 'text' in sent ? sent.text : sent;
  if (typeof text !== 'string' || text === '') throw new Error(`no statement: ${JSON.stringify(sent)}`);
  return text;
}

/** Knex and the hot statements both send by pg. */
function record(): () => void {
  const { query } = pg.Client.prototype;
  Object.assign(pg.Client.prototype, {
    query(this: pg.Client, ...given: unknown[]) {
      statements.add(textOf(given[0]).replace(/\s+/g, ' ').trim());
      return Reflect.apply(query, this, given);
    },
  });
  return () => void Object.assign(pg.Client.prototype, { query });
}

/** The vault, whose repositories note the names of the methods that are called. */
const noting = (watched: Vault): Vault =>
  new Proxy(watched, {
    get(target, repository) {
      const parts: unknown = Reflect.get(target, repository);
      if (!isRepository(parts)) return parts;
      return new Proxy(parts, {
        get(methods, method) {
          called.add(`${String(repository)}.${String(method)}`);
          return Reflect.get(methods, method);
        },
      });
    },
  });

const isRepository = (value: unknown): value is object =>
  typeof value === 'object' &&
  value !== null &&
  Object.values(value).every((part) => typeof part === 'function');

const methodsOf = (watched: Vault): readonly string[] =>
  Object.entries(watched)
    .filter(([name, part]) => isRepository(part) && !['hot', 'keyRing'].includes(name))
    .flatMap(([name, part]) => Object.keys(part).map((method) => `${name}.${method}`))
    .filter((name) => !/\.(close|settle|key|open)$/.test(name));

let judgements: readonly (Judgement & { readonly sql: string })[] = [];

describe('the statements', () => {
  beforeAll(async () => {
    database = await createDatabase();
    const stopRecording = record();
    const settings = {
      DATABASE_URL: database.connectionString,
      FERNET_KEYS: generateKey(),
      LOG_LEVEL: 'silent',
    };
    vault = await openServerVault(loadConfig(settings), async () => ({ nodes: 1, nodeOf: async () => 0 }));
    await sendEveryStatement(noting(vault));
    stopRecording();
    judgements = await Promise.all(
      [...statements].map(async (sql) => ({ sql, ...(await judge(sql, isDistributed)) })),
    );
  });
  afterAll(async () => {
    await vault.close();
    await database.drop();
  });

  it('are those of every method of every repository', () => {
    expect(methodsOf(vault).filter((method) => !called.has(method))).toEqual([]);
    expect(statements.size).toBeGreaterThan(100);
  });

  it('have no form that Citus refuses', () => {
    const refused = judgements.filter((one) => one.refused.length > 0);
    expect(refused.map(({ sql, refused: forms }) => ({ sql, forms }))).toEqual([]);
  });

  it('compare the organization of each distributed table with a parameter, but for operators and sweeps', () => {
    const known = Object.values(OF_ALL_ORGANIZATIONS);
    const unpinned = judgements.filter((one) => one.unpinned.length > 0);
    expect(unpinned.filter(({ sql }) => !known.some((pattern) => pattern.test(sql)))).toEqual([]);
  });

  it('need the node of their organization only, also to insert rows of another CTE, but for ends of revocations', () => {
    const isEnd = (sql: string) => sql.startsWith('WITH ended AS ( DELETE FROM revocations');
    const scattered = judgements.filter((one) => one.scattered.length > 0 && !isEnd(one.sql));
    expect(scattered.map(({ sql, scattered: tables }) => ({ sql, tables }))).toEqual([]);
  });

  it.each(Object.entries(OF_ALL_ORGANIZATIONS))('include %s, over all organizations', (_, pattern) => {
    const matching = judgements.filter(({ sql }) => pattern.test(sql));
    expect(matching.length).toBeGreaterThan(0);
    expect(matching.filter(({ unpinned }) => unpinned.length === 0)).toEqual([]);
  });
});

describe('a judge of statements', () => {
  it.each([
    [
      'rows of a CTE',
      'WITH c AS (SELECT 1) INSERT INTO t (organization_id, id) SELECT organization_id, id FROM c',
      ['t'],
    ],
    [
      'rows of a CTE beside a table',
      'WITH c AS (SELECT 1) INSERT INTO t (organization_id) SELECT c.organization_id FROM t AS u JOIN c ON true',
      ['t'],
    ],
    [
      'rows of a CTE with the organization of a table',
      'WITH c AS (SELECT 1) INSERT INTO t (id, organization_id) SELECT c.id, u.organization_id FROM t AS u JOIN c ON true',
      [],
    ],
    ['values', 'INSERT INTO t (organization_id) VALUES ($1)', []],
  ])('finds the tables that get %s', async (_, sql, expected) => {
    expect((await judge(sql, (table) => table === 't')).scattered).toEqual(expected);
  });

  it.each([
    ['FOR UPDATE in a CTE', 'WITH a AS (SELECT 1 FROM t FOR UPDATE) SELECT 1 FROM a'],
    ['EXISTS without a column', 'SELECT EXISTS (SELECT FROM t)'],
    ['now() or a sub-select inside COALESCE or CASE', 'UPDATE t SET at = coalesce(at, now())'],
    ['an unqualified RETURNING in INSERT ... SELECT', 'INSERT INTO t (id) SELECT 1 RETURNING id'],
    ['now() in RETURNING', 'DELETE FROM t RETURNING now() - t.at'],
    ['an interval added to a column in an UPDATE', "UPDATE t SET at = at + interval '1 day'"],
    [
      'a notification from a statement over tables, which another node would send',
      "SELECT pg_notify('c', id) FROM t",
    ],
  ])('refuses %s', async (form, sql) => {
    expect((await judge(sql, () => false)).refused).toEqual([form]);
  });

  it.each([
    ['no condition', 'SELECT 1 FROM api JOIN t ON true', ['t']],
    ['a condition on another column', 'SELECT 1 FROM t WHERE id = $1', ['t']],
    ['a condition beside OR', 'SELECT 1 FROM t WHERE organization_id = $1 OR id = $2', ['t']],
    [
      'a join with a CTE',
      'WITH c AS (SELECT $1 AS organization_id) SELECT 1 FROM c JOIN t ON t.organization_id = c.organization_id',
      ['t'],
    ],
    [
      'a join with a pinned table',
      'SELECT 1 FROM t JOIN t AS u ON u.organization_id = t.organization_id WHERE t.organization_id = $1',
      [],
    ],
    [
      'a sub-select of its own',
      'DELETE FROM t WHERE organization_id = $1 AND EXISTS (SELECT 1 FROM t AS u WHERE u.id = t.id)',
      ['t'],
    ],
    ['a list of organizations', 'UPDATE t SET a = 1 WHERE organization_id = ANY ($1::uuid[])', []],
    ['an INSERT without its organization', 'INSERT INTO t (id) VALUES ($1)', ['of INSERT']],
  ])('finds the unbound tables of %s', async (_, sql, expected) => {
    expect((await judge(sql, (table) => table === 't')).unpinned).toEqual(expected);
  });
});
