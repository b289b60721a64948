import type { Knex } from 'knex';
import { LRUCache } from 'lru-cache';

/** Where Citus keeps the rows of each organization. */
export interface Sharding {
  /** How many nodes hold shards. */
  readonly nodes: number;
  /** The group of the node that holds the organization's rows. It is remembered: after a move of shards, statements are slower. */
  nodeOf(organizationId: string): Promise<number>;
}

/** Null where the extension or the table is missing. */
const HAS_CATALOGUE = `SELECT to_regclass('pg_catalog.pg_dist_partition') IS NOT NULL AS "hasCatalogue"`;

/** Whether Citus is there. */
export async function hasCitus(db: Knex): Promise<boolean> {
  const { rows } = await db.raw<{ rows: { hasCatalogue: boolean }[] }>(HAS_CATALOGUE);
  return rows[0]?.hasCatalogue === true;
}

const NODES = `
SELECT count(DISTINCT placement.groupid)::integer AS nodes
FROM pg_dist_partition AS partition
JOIN pg_dist_shard AS shard ON shard.logicalrelid = partition.logicalrelid
JOIN pg_dist_placement AS placement ON placement.shardid = shard.shardid
WHERE partition.logicalrelid = to_regclass('oauth_tokens') AND partition.partmethod = 'h'`;

const NODE_OF = `
SELECT groupid AS node FROM pg_dist_placement
WHERE shardid = get_shard_id_for_distribution_column('oauth_tokens', :organizationId::uuid)`;

const ORGANIZATIONS_REMEMBERED = 100_000;

/** Asks the database once. Undefined: `oauth_tokens` is an ordinary table of one PostgreSQL. */
export async function findSharding(db: Knex): Promise<Sharding | undefined> {
  if (!(await hasCitus(db))) return undefined;
  const found = await db.raw<{ rows: { nodes: number }[] }>(NODES);
  const nodes = found.rows[0]?.nodes ?? 0;
  if (nodes === 0) return undefined;
  const remembered = new LRUCache<string, number>({
    max: ORGANIZATIONS_REMEMBERED,
    async fetchMethod(organizationId) {
      const { rows } = await db.raw<{ rows: { node: number }[] }>(NODE_OF, { organizationId });
      return rows[0]?.node;
    },
  });
  return { nodes, nodeOf: async (organizationId) => (await remembered.fetch(organizationId)) ?? 0 };
}
