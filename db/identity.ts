import type { Knex } from 'knex';
import { hasCitus } from './postgres/sharding.ts';

/** Identifies the PostgreSQL and the database in it. A restored dump or a clone is another one. */
const HERE = `SELECT system_identifier::text AS "systemIdentifier", pg_database.oid::text AS "databaseOid"
FROM pg_control_system(), pg_database WHERE datname = current_database()`;

const HAS_COORDINATOR = 'SELECT 1 FROM pg_dist_node WHERE groupid = 0';

/** Each node of a cluster has its own identifiers. The coordinator's identify the cluster, from every node. */
const OF_COORDINATOR = `SELECT split_part(result, ' ', 1) AS "systemIdentifier", split_part(result, ' ', 2) AS "databaseOid"
FROM run_command_on_coordinator($$SELECT system_identifier || ' ' || pg_database.oid
  FROM pg_control_system(), pg_database WHERE datname = current_database()$$)
WHERE success`;

/** The SQLSTATE. A request that needs the answer gets 503. */
const CONNECTION_FAILURE = '08006';

const KNOWN = `SELECT system_identifier AS "systemIdentifier", database_oid AS "databaseOid" FROM vault_identity`;

const ADOPT = `
INSERT INTO vault_identity (system_identifier, database_oid) VALUES (:systemIdentifier, :databaseOid)
ON CONFLICT (system_identifier, database_oid) DO NOTHING`;

interface Identity {
  readonly systemIdentifier: string;
  readonly databaseOid: string;
}

export type IdentityRepository = ReturnType<typeof identityRepository>;

/**
 * The database that the vault lives in. In a copy nothing is refreshed or revoked, because a copy would redeem refresh
 * tokens that the original redeems too.
 */
export function identityRepository(db: Knex) {
  const read = async (sql: string): Promise<readonly Identity[]> =>
    (await db.raw<{ rows: Identity[] }>(sql)).rows;
  const hasCoordinator = async (): Promise<boolean> =>
    (await hasCitus(db)) && (await db.raw<{ rows: unknown[] }>(HAS_COORDINATOR)).rows.length > 0;

  async function readHere(): Promise<Identity> {
    const [here] = await read((await hasCoordinator()) ? OF_COORDINATOR : HERE);
    if (here === undefined)
      throw Object.assign(new Error('the coordinator of the cluster does not answer'), {
        code: CONNECTION_FAILURE,
      });
    return here;
  }

  const write = async (): Promise<void> => {
    await db.raw(ADOPT, { ...(await readHere()) });
  };

  async function isWrittenDown(known: readonly Identity[]): Promise<boolean> {
    const here = await readHere();
    return known.some(
      ({ systemIdentifier, databaseOid }) =>
        systemIdentifier === here.systemIdentifier && databaseOid === here.databaseOid,
    );
  }

  return {
    /** Whether the vault was begun or adopted in this database, or has not begun yet. */
    async isOwn(): Promise<boolean> {
      const known = await read(KNOWN);
      return known.length === 0 || (await isWrittenDown(known));
    },

    /** Records the database at the vault's first start. */
    async settle(): Promise<void> {
      if ((await read(KNOWN)).length === 0) await write();
    },

    /** Makes this database, and no other, the vault's. @returns false: it was already */
    async adopt(): Promise<boolean> {
      if (await isWrittenDown(await read(KNOWN))) return false;
      await db.raw('DELETE FROM vault_identity');
      await write();
      return true;
    },
  };
}
