/** The text of our SQL has no form that Citus refuses. Statements are read from the sources, as they are written there. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';

const FOLDER = new URL('../db/', import.meta.url);
const sources = readdirSync(FOLDER)
  .filter((file) => file.endsWith('.ts'))
  .map((file) => ({ file, text: readFileSync(new URL(file, FOLDER), 'utf8') }));

const REFUSED = [
  ['FOR UPDATE in a CTE', /\bFOR (NO KEY )?UPDATE\s*\)/],
  ['EXISTS without a column', /EXISTS\s*\(\s*SELECT\s+FROM\b/i],
  ['now() inside coalesce', /coalesce\([^()]*\bnow\(\)/i],
  ['a sub-select inside coalesce', /coalesce\(\s*\(\s*SELECT\b/i],
] as const;

describe('a statement', () => {
  it.each(REFUSED)('has no %s', (_, pattern) => {
    expect(sources.length).toBeGreaterThan(20);
    expect(sources.filter(({ text }) => pattern.test(text)).map(({ file }) => file)).toEqual([]);
  });
});
