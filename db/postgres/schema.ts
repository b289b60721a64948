import type { Knex } from 'knex';

interface Table {
  readonly name: string;
  readonly comment: string | null;
}

interface Column {
  readonly table: string;
  readonly name: string;
  readonly type: string;
  readonly isNullable: boolean;
  readonly default: string | null;
  readonly comment: string | null;
}

/** A constraint or an index, with its definition as PostgreSQL prints it. */
interface Definition {
  readonly table: string;
  readonly name: string;
  readonly definition: string;
}

/** Knex's own tables are left out. */
const TABLES = `
SELECT relname AS name, obj_description(oid, 'pg_class') AS comment
FROM pg_class
WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') AND relname NOT LIKE 'knex%'
ORDER BY relname`;

const COLUMNS = `
SELECT relname AS "table", attname AS name, format_type(atttypid, atttypmod) AS type, NOT attnotnull AS "isNullable",
  pg_get_expr(adbin, adrelid) AS "default", col_description(attrelid, attnum) AS comment
FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
WHERE relnamespace = current_schema()::regnamespace AND attnum > 0 AND NOT attisdropped
ORDER BY relname, attnum`;

/** PostgreSQL 18 also names each NOT NULL. Here it stands at the column. */
const CONSTRAINTS = `
SELECT relname AS "table", conname AS name, pg_get_constraintdef(pg_constraint.oid) AS definition
FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid
WHERE connamespace = current_schema()::regnamespace AND contype IN ('p', 'u', 'f', 'c', 'x')
ORDER BY relname, position(contype::text IN 'pufcx'), conname`;

/** Indexes that belong to no constraint. */
const INDEXES = `
SELECT pg_class.relname AS "table", index.relname AS name, pg_get_indexdef(indexrelid) AS definition
FROM pg_index JOIN pg_class ON pg_class.oid = indrelid JOIN pg_class AS index ON index.oid = indexrelid
WHERE pg_class.relnamespace = current_schema()::regnamespace
  AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u', 'x'))
ORDER BY 1, 2`;

/** The schema as SQL, in one form for all versions of PostgreSQL: tables by name, columns in their order. */
export async function describeSchema(db: Knex): Promise<string> {
  const tables = await db.raw<{ rows: Table[] }>(TABLES);
  const columns = await db.raw<{ rows: Column[] }>(COLUMNS);
  const constraints = await db.raw<{ rows: Definition[] }>(CONSTRAINTS);
  const indexes = await db.raw<{ rows: Definition[] }>(INDEXES);
  const statements = tables.rows.map((table) => {
    const isOfTable = (part: { readonly table: string }) => part.table === table.name;
    return describeTable(table, {
      columns: columns.rows.filter(isOfTable),
      constraints: constraints.rows.filter(isOfTable),
      indexes: indexes.rows.filter(isOfTable),
    });
  });
  return `${statements.join('\n\n')}\n`;
}

interface Parts {
  readonly columns: readonly Column[];
  readonly constraints: readonly Definition[];
  readonly indexes: readonly Definition[];
}

function describeTable(table: Table, { columns, constraints, indexes }: Parts): string {
  const lines = [
    ...columns.map(describeColumn),
    ...constraints.map(({ name, definition }) => `CONSTRAINT ${name} ${definition}`),
  ];
  return [
    `CREATE TABLE ${table.name} (\n${lines.map((line) => `  ${line}`).join(',\n')}\n);`,
    ...(table.comment === null ? [] : [`COMMENT ON TABLE ${table.name} IS ${quoted(table.comment)};`]),
    ...columns.flatMap(({ name, comment }) =>
      comment === null ? [] : [`COMMENT ON COLUMN ${table.name}.${name} IS ${quoted(comment)};`],
    ),
    ...indexes.map(({ definition }) => `${definition.replace(/ ON \w+\./, ' ON ')};`),
  ].join('\n');
}

const describeColumn = ({ name, type, isNullable, default: value }: Column): string =>
  `${name} ${type}${isNullable ? '' : ' NOT NULL'}${value === null ? '' : ` DEFAULT ${value}`}`;

const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;
