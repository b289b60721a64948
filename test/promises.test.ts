/** The documents promise what a test holds: docs/promises.md lists the two side by side. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';

const ROOT = join(import.meta.dirname, '..');
const read = (...path: string[]) => readFileSync(join(ROOT, ...path), 'utf8');
const filesOf = (folder: string) => readdirSync(join(ROOT, folder)).filter((name) => name.endsWith('.ts'));
const operations = read('docs/operations.md');

describe('docs/promises.md', () => {
  const rows = read('docs/promises.md')
    .split('\n')
    .filter((line) => /^\| (?!promise |---)/.test(line));

  it('names a test for each promise', () => {
    expect(rows.length).toBeGreaterThan(50);
    expect(rows.filter((row) => !/`[\w-]+` \*[^*]+\*[^|]*\|$/.test(row))).toEqual([]);
  });

  it('names tests that exist', () => {
    const cited = rows.flatMap((row) => [...row.matchAll(/`([\w-]+)` \*([^*]+)\*/g)]);
    const missing = cited.filter(
      ([, file = '', title = '']) => !read('test', `${file}.test.ts`).includes(title),
    );
    expect(missing.map(([citation]) => citation)).toEqual([]);
  });
});

describe('docs/operations.md', () => {
  it('names every setting, and none that there is not', () => {
    const source = filesOf('service')
      .map((file) => read('service', file))
      .join();
    const settings = new Set(
      [...source.matchAll(/'([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|HOST|PORT)'/g)].map(([, name]) => name),
    );
    const chapter = operations.slice(operations.indexOf('## Settings'), operations.indexOf('## Commands'));
    const rows = chapter.split('\n').filter((line) => line.startsWith('| `'));
    const named = rows.flatMap((row) =>
      [...(row.split('|')[1] ?? '').matchAll(/`([A-Z_]+)`/g)].map(([, name]) => name),
    );
    expect(named.length).toBeGreaterThan(40);
    expect(named.filter((name) => !settings.has(name))).toEqual([]);
    // The variables of the OpenTelemetry SDK are its own.
    const ours = [...settings].filter((name) => name?.startsWith('OTEL_') === false);
    expect(ours.filter((name) => !operations.includes(`\`${name}`))).toEqual([]);
  });

  it('names every command', () => {
    const commands = filesOf('cli/commands').map((file) => file.replace('.ts', ''));
    expect(commands.filter((name) => !operations.includes(`| \`${name}`))).toEqual([]);
  });
});
