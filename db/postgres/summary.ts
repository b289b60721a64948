/** The longest summary that the conventions allow. */
const MAX_LENGTH = 255;
const COMMON_TABLE_EXPRESSION = /(\w+)(?:\s*\([^()]*\))? AS (?:(?:NOT )?MATERIALIZED )?\(/gi;
/**
 * The tables that a statement reads or writes. `FOR UPDATE`, `DO UPDATE` and `IS DISTINCT FROM` name no table. A word before
 * a point or a parenthesis is a schema or a function.
 */
const TABLE =
  /\b(INSERT INTO|(?<!\b(?:FOR|KEY|DO) )UPDATE|DELETE FROM|(?<!\bDISTINCT )FROM|JOIN)\s+(?!(?:ROWS|LATERAL)\b)"?(\w+)\b"?(?![.(])/gi;

/**
 * The operations and tables of a statement in their order, such as `INSERT audit_records` or `SELECT oauth_tokens
 * oauth_providers`: `db.query.summary` of OpenTelemetry's semantic conventions. Common table expressions are left out.
 */
export function summarize(sql: string): string {
  const own = new Set([...sql.matchAll(COMMON_TABLE_EXPRESSION)].map(([, name]) => name));
  const words: string[] = [];
  let operation = '';
  for (const [, keyword = '', table = ''] of sql.matchAll(TABLE)) {
    const next = /^(?:INSERT|UPDATE|DELETE)/i.exec(keyword)?.[0].toUpperCase() ?? 'SELECT';
    if (own.has(table)) continue;
    if (next !== operation || next !== 'SELECT') words.push(next);
    words.push(table);
    operation = next;
  }
  return words.length > 0 ? words.join(' ').slice(0, MAX_LENGTH) : (/\w+/.exec(sql)?.[0].toUpperCase() ?? '');
}
