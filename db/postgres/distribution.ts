import type { Knex } from 'knex';

/** How Citus keeps a table: sharded by organization, a copy on each node, or on this node only. */
export interface TablePlacement {
  readonly table: string;
  readonly kind: 'distributed' | 'reference' | 'local';
  /** Tables of the same group keep an organization's rows on the same node. Null: a local table. */
  readonly colocation: number | null;
}

export interface ClusterNode {
  /** `host:port` */
  readonly name: string;
  readonly isActive: boolean;
}

export interface Distribution {
  readonly nodes: readonly ClusterNode[];
  readonly tables: readonly TablePlacement[];
}

/** They are read before the organization is known, or belong to none. */
const REFERENCE_TABLES: readonly string[] = [
  'api_keys',
  'vault_identity',
  'knex_migrations',
  'knex_migrations_lock',
];

const NODES = `
SELECT nodename || ':' || nodeport AS name, isactive AS "isActive"
FROM pg_dist_node WHERE noderole = 'primary' ORDER BY groupid`;

/** Referenced tables first: Citus refuses to distribute a table that refers to a local one. */
const TABLES = `
WITH RECURSIVE referring AS (
  SELECT oid, 0 AS depth FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'
  UNION
  SELECT conrelid, depth + 1 FROM referring
  JOIN pg_constraint ON confrelid = referring.oid AND conrelid <> confrelid AND contype = 'f'
)
SELECT relname AS "table", colocationid AS colocation,
  CASE WHEN partmethod = 'h' THEN 'distributed' WHEN repmodel = 't' THEN 'reference' ELSE 'local' END AS kind
FROM pg_class LEFT JOIN pg_dist_partition ON logicalrelid = pg_class.oid
WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'
ORDER BY (SELECT max(depth) FROM referring WHERE referring.oid = pg_class.oid), relname`;

/** Reads the catalogue of Citus, which must be there. */
export async function readDistribution(db: Knex): Promise<Distribution> {
  const nodes = await db.raw<{ rows: ClusterNode[] }>(NODES);
  const tables = await db.raw<{ rows: TablePlacement[] }>(TABLES);
  return { nodes: nodes.rows, tables: tables.rows };
}

/** The statements that mend the distribution. None is missing where no table is distributed. */
export function missingStatements({ tables }: Distribution): readonly string[] {
  const organizations = tables.find(({ table }) => table === 'organizations');
  if (organizations?.kind !== 'distributed') return [];
  return tables.flatMap(({ table, kind, colocation }) => {
    if (REFERENCE_TABLES.includes(table)) {
      return kind === 'reference' ? [] : [`SELECT create_reference_table('${table}');`];
    }
    if (kind !== 'distributed') {
      return [
        `SELECT create_distributed_table('${table}', 'organization_id', colocate_with => 'organizations');`,
      ];
    }
    if (colocation === organizations.colocation) return [];
    return [`SELECT alter_distributed_table('${table}', colocate_with => 'organizations');`];
  });
}
