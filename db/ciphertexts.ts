import type { Knex } from 'knex';
import type { Sealed } from '../crypto/key-ring.ts';
import { OF_SEVERAL, OPERATOR, recordedAs, recording } from './audit.ts';
import { retryDeadlock } from './postgres/errors.ts';

/** The columns of ciphertexts. Beside each stands a column with the suffix `_key`: the fingerprint of its key. */
export const CIPHERTEXT_COLUMNS = [
  { table: 'oauth_tokens', column: 'access_token' },
  { table: 'oauth_tokens', column: 'refresh_token' },
  { table: 'oauth_providers', column: 'client_secret' },
  { table: 'oauth_providers', column: 'registration_token' },
  { table: 'authorizations', column: 'secrets' },
  // After the tokens, because a pair moves from there to here.
  { table: 'token_versions', column: 'access_token' },
  { table: 'token_versions', column: 'refresh_token' },
  { table: 'revocations', column: 'access_token' },
  { table: 'revocations', column: 'refresh_token' },
  { table: 'revocations', column: 'client_secret' },
] as const;

export type CiphertextColumn = (typeof CIPHERTEXT_COLUMNS)[number];

export const nameOf = ({ table, column }: CiphertextColumn): string => `${table}.${column}`;

export interface KeyCount {
  readonly of: CiphertextColumn;
  /** The key's fingerprint; empty: the row is older than fingerprints. */
  readonly key: string;
  readonly rows: number;
}

export interface StoredCiphertext {
  readonly organizationId: string;
  readonly id: string;
  readonly ciphertext: string;
}

export interface Replaced {
  readonly organizationId: string;
  readonly rows: number;
}

/** A page begins behind this row, in the order of organization and id. */
export type PageStart = Pick<StoredCiphertext, 'organizationId' | 'id'>;

const DAY_MS = 86_400_000;
const ZERO = '00000000-0000-0000-0000-000000000000';
export const FIRST_PAGE: PageStart = { organizationId: ZERO, id: ZERO };

/**
 * Whether a column has a ciphertext whose key is between two keys. Each organization costs one descent of the index,
 * however many ciphertexts it has. Revocations may outlive their organization.
 */
const hasKeyBetween = ({ table, column }: CiphertextColumn, { above, below }: Gap): string => `
SELECT 1 FROM ${table === 'revocations' ? '(SELECT DISTINCT organization_id FROM revocations)' : 'organizations'} AS owner
CROSS JOIN LATERAL (
  SELECT 1 FROM ${table} AS sealed
  WHERE sealed.organization_id = owner.organization_id AND sealed.${column}_key >= ''
    ${above === undefined ? '' : `AND sealed.${column}_key > :above`}
    ${below === undefined ? '' : `AND sealed.${column}_key < :below`}
  LIMIT 1
) AS other
LIMIT 1`;

/** The fingerprints between two neighbours, both left out. Undefined: there is no neighbour. */
interface Gap {
  readonly above: string | undefined;
  readonly below: string | undefined;
}

/** The ranges between these fingerprints. Every collation sorts hexadecimal digits as JavaScript does. */
function gapsBetween(keys: readonly string[]): readonly Gap[] {
  const sorted = [...new Set(keys)].sort();
  return [undefined, ...sorted].map((above, index) => ({ above, below: sorted[index] }));
}

type Query = <Row>(sql: string, bindings?: Readonly<Record<string, string | undefined>>) => Promise<Row[]>;

/** Runs statements over whole tables in a transaction. Each may take a day. */
const withoutTimeLimit = <Result>(db: Knex, run: (query: Query) => Promise<Result>): Promise<Result> =>
  db.transaction(async (transaction) => {
    await transaction.raw('SET LOCAL statement_timeout = 0');
    return run(async <Row>(sql: string, bindings = {}) => {
      const result = transaction.raw<{ rows: Row[] }>(sql, bindings).options({ query_timeout: DAY_MS });
      return (await result).rows;
    });
  });

export type CiphertextRepository = ReturnType<typeof ciphertextRepository>;

/** Operators' tasks, over all organizations. */
export const ciphertextRepository = (db: Knex) => ({
  /** Counts the ciphertexts of each key, by column. Reads indexes only, and has no time limit. */
  count(): Promise<KeyCount[]> {
    return withoutTimeLimit(db, async (query) => {
      const counts: KeyCount[] = [];
      for (const of of CIPHERTEXT_COLUMNS) {
        const rows = await query<{ key: string; rows: string }>(
          `SELECT ${of.column}_key AS key, count(*) AS rows FROM ${of.table}
           WHERE ${of.column}_key >= '' GROUP BY 1 ORDER BY 1`,
        );
        counts.push(...rows.map(({ key, rows: count }) => ({ of, key, rows: Number(count) })));
      }
      return counts;
    });
  },

  /** Whether every ciphertext has the fingerprint of one of these keys. Its time grows with the organizations only. */
  areAllOf(keys: readonly string[]): Promise<boolean> {
    return withoutTimeLimit(db, async (query) => {
      for (const of of CIPHERTEXT_COLUMNS) {
        for (const gap of gapsBetween(keys)) {
          const found = await query(hasKeyBetween(of, gap), { ...gap });
          if (found.length > 0) return false;
        }
      }
      return true;
    });
  },

  /** Some ciphertexts of one column and one key. */
  async sample(
    { table, column }: CiphertextColumn,
    key: string,
    size: number,
  ): Promise<readonly StoredCiphertext[]> {
    const { rows } = await db.raw<{ rows: StoredCiphertext[] }>(
      `SELECT organization_id AS "organizationId", id, ${column} AS ciphertext FROM ${table}
       WHERE ${column}_key >= '' AND ${column}_key = :key LIMIT :size`,
      { key, size },
    );
    return rows;
  },

  /** A page of ciphertexts of one column, of every key but one. */
  async page(
    { table, column }: CiphertextColumn,
    notKey: string,
    after: PageStart,
    size: number,
  ): Promise<readonly StoredCiphertext[]> {
    const { rows } = await db.raw<{ rows: StoredCiphertext[] }>(
      `SELECT organization_id AS "organizationId", id, ${column} AS ciphertext FROM ${table}
       WHERE (organization_id, id) > (:organizationId, :id)
         AND ${column}_key <> :notKey
       ORDER BY organization_id, id LIMIT :size`,
      { ...after, notKey, size },
    );
    return rows;
  },

  /**
   * Replaces ciphertexts that have not changed meanwhile, and leaves an audit record in each organization of `unrecorded`
   * that has one.
   * @returns how many were replaced, by organization
   */
  async replace(
    { table, column }: CiphertextColumn,
    replacements: readonly (StoredCiphertext & { readonly sealed: Sealed })[],
    unrecorded: readonly string[],
  ): Promise<readonly Replaced[]> {
    const given = replacements.map(({ organizationId, id, ciphertext, sealed }) => ({
      organization_id: organizationId,
      id,
      old: ciphertext,
      new: sealed.ciphertext,
      key: sealed.key,
    }));
    const organizationIds = [...new Set(replacements.map(({ organizationId }) => organizationId))];
    const { rows } = await retryDeadlock(() =>
      db.raw<{ rows: Replaced[] }>(
        `WITH changed AS (
           UPDATE ${table} SET ${column} = given.new, ${column}_key = given.key
           FROM json_to_recordset(:given::json) AS given (organization_id uuid, id uuid, old text, new text, key text)
           WHERE ${table}.organization_id = ANY (:organizationIds::uuid[])
             AND ${table}.organization_id = given.organization_id AND ${table}.id = given.id
             AND ${table}.${column} = given.old
           RETURNING ${table}.organization_id, given.key
         ), unrecorded AS (
           SELECT DISTINCT organization_id, key FROM changed WHERE organization_id = ANY (:unrecorded::uuid[])
         ), audited AS (
           ${recording('keys.rotate', 'unrecorded', 'key', { organizations: OF_SEVERAL })}
         )
         SELECT organization_id AS "organizationId", count(*)::int AS rows FROM changed GROUP BY organization_id`,
        { given: JSON.stringify(given), organizationIds, unrecorded, ...recordedAs(OPERATOR) },
      ),
    );
    return rows;
  },
});
