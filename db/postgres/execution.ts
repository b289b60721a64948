import pg from 'pg';

/** A prepared statement with texts as its values. */
export interface TextStatement {
  readonly name: string;
  readonly text: string;
  readonly values: string[];
}

interface Column {
  readonly name: string;
  readonly parse: (text: string) => unknown;
}

/** How the columns of each prepared statement are read, by its name. One text gives the same columns on every connection. */
export type KnownColumns = Map<string, readonly Column[]>;

/** Of the type that pg gives to rows. */
type Rows = pg.QueryResult['rows'];

interface Settle {
  readonly resolve: (rows: Rows) => void;
  readonly reject: (error: unknown) => void;
}

/** The connection as pg gives it to a query: it knows which statements are prepared on it. */
type Connection = pg.Connection & { readonly parsedStatements: Readonly<Record<string, string | undefined>> };

const NO_MORE = false;

/**
 * One execution of a prepared statement, as a query of pg's own kind. The result is described once for each statement, where
 * `pg.Query` has PostgreSQL describe it each time, and prepares to read it anew.
 */
export function execution({ name, text, values }: TextStatement, known: KnownColumns, settle: Settle) {
  const rows: Rows = [];
  let columns = known.get(name);
  return {
    // Once it is parsed, pg notes these two in `parsedStatements`.
    name,
    text,
    submit(connection: Connection): void {
      connection.stream.cork(); // one packet
      if (connection.parsedStatements[name] === undefined) {
        connection.parse({ name, text, types: [] }, NO_MORE);
      }
      connection.bind({ statement: name, values }, NO_MORE);
      if (columns === undefined) connection.describe({ type: 'P' }, NO_MORE);
      connection.execute(null, NO_MORE);
      connection.sync();
      connection.stream.uncork();
    },
    handleRowDescription({ fields }: { readonly fields: readonly pg.FieldDef[] }): void {
      columns = fields.map(({ name: column, dataTypeID }) => ({
        name: column,
        parse: pg.types.getTypeParser(dataTypeID, 'text'),
      }));
      known.set(name, columns);
    },
    handleDataRow({ fields }: { readonly fields: readonly (string | null)[] }): void {
      const row: Record<string, unknown> = {};
      for (const [at, column] of (columns ?? []).entries()) {
        const value = fields[at] ?? null;
        row[column.name] = value === null ? null : column.parse(value);
      }
      rows.push(row);
    },
    handleCommandComplete(): void {},
    handleReadyForQuery: () => settle.resolve(rows),
    handleError: settle.reject,
  };
}
