import pg from 'pg';

/** A prepared statement whose values are texts. */
export interface TextStatement {
  readonly name: string;
  readonly text: string;
  readonly values: string[];
}

interface Column {
  readonly name: string;
  readonly parse: (text: string) => unknown;
}

/** The parsers of the columns of each prepared statement, by its name. A statement has the same columns on every connection. */
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
 * One execution of a prepared statement, in the form that pg takes as a query. PostgreSQL describes the columns once for each
 * statement. `pg.Query` asks for them at each execution, and chooses the parsers anew.
 */
export function execution({ name, text, values }: TextStatement, known: KnownColumns, settle: Settle) {
  const rows: Rows = [];
  let columns = known.get(name);
  return {
    // pg keeps these two in `parsedStatements` once the statement is parsed.
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
