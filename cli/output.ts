type Value = string | number | boolean | null | readonly unknown[] | Readonly<Record<string, unknown>>;
export type Row = Readonly<Record<string, Value>>;

/** Writes a command's result on stdout: exactly one JSON value with `--json`, otherwise lines for a person. */
export function print(result: Row | readonly Row[], { json }: { json?: boolean | undefined }): void {
  process.stdout.write(`${json === true ? JSON.stringify(result) : readable(result)}\n`);
}

const text = (value: Value | undefined): string =>
  typeof value === 'string' ? value : JSON.stringify(value ?? null);

function readable(result: Row | readonly Row[]): string {
  if (!isList(result))
    return Object.entries(result)
      .map(([name, value]) => `${name}: ${text(value)}`)
      .join('\n');
  const names = Object.keys(result[0] ?? {});
  const lines = [names, ...result.map((row) => names.map((name) => text(row[name])))];
  const widths = names.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return result.length === 0
    ? '(none)'
    : lines
        .map((line) =>
          line
            .map((cell, column) => cell.padEnd(widths[column] ?? 0))
            .join('  ')
            .trimEnd(),
        )
        .join('\n');
}

const isList = (result: Row | readonly Row[]): result is readonly Row[] => Array.isArray(result);
