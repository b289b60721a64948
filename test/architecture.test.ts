/** The rooms of the house: which folder may import which, no circles, no long files. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const MOST_LINES = 250;

/** A folder imports itself and the folders of the rows below its own. */
const ROWS = [
  ['cli', 'bench', 'test'],
  ['service'],
  ['handlers', 'openapi'],
  ['vault', 'server'],
  ['db', 'oauth', 'security'],
  ['crypto', 'outbound'],
];
/** The generator makes data and types, which these folders read. The examples are programs of their own. */
const READS_GENERATED = ['server', 'handlers', 'vault', 'test'];
const ALONE = ['examples'];

const rowOf = (room: string): number => ROWS.findIndex((row) => row.includes(room));
const roomOf = (file: string): string => file.slice(0, file.indexOf('/'));

const sources = [...ROWS.flat(), ...ALONE]
  .filter((room) => existsSync(join(ROOT, room)))
  .flatMap((room) => readdirSync(join(ROOT, room), { recursive: true }).map((file) => `${room}/${file}`))
  .filter((file) => file.endsWith('.ts') && !file.includes('node_modules'));

interface Import {
  readonly from: string;
  readonly to: string;
}

const IMPORT = /(?:\bfrom|\bimport|\bimport\()\s*'(\.[^']*)'/g;

/** The relative imports of a text. Types count too, because a type from above is knowledge from above. */
const importsOf = (from: string, text: string): readonly Import[] =>
  [...text.matchAll(IMPORT)].map(([, path = '']) => ({ from, to: normalize(join(dirname(from), path)) }));

function isAllowed({ from, to }: Import): boolean {
  const [room, other] = [roomOf(from), roomOf(to)];
  if (room === other || room === 'test') return true;
  if (other === 'generated') return READS_GENERATED.includes(room);
  return rowOf(room) >= 0 && rowOf(room) < rowOf(other);
}

/** A path of imports from a file back to itself. Undefined: there is none. */
function findCircle(imports: readonly Import[]): readonly string[] | undefined {
  const next = new Map<string, Import[]>();
  for (const one of imports) next.set(one.from, [...(next.get(one.from) ?? []), one]);
  const done = new Set<string>();
  const walk = (file: string, way: readonly string[]): readonly string[] | undefined => {
    if (way.includes(file)) return [...way.slice(way.indexOf(file)), file];
    if (done.has(file)) return undefined;
    for (const { to } of next.get(file) ?? []) {
      const circle = walk(to, [...way, file]);
      if (circle !== undefined) return circle;
    }
    done.add(file);
    return undefined;
  };
  for (const file of next.keys()) {
    const circle = walk(file, []);
    if (circle !== undefined) return circle;
  }
  return undefined;
}

const text = (file: string): string => readFileSync(join(ROOT, file), 'utf8');
const all = sources.flatMap((file) => importsOf(file, text(file)));

describe('the sources', () => {
  it('import in one direction', () => {
    expect(sources.length).toBeGreaterThan(80);
    expect(all.filter((one) => !isAllowed(one))).toEqual([]);
  });

  it('import in no circle', () => {
    expect(findCircle(all)).toBeUndefined();
  });

  it(`have no file over ${MOST_LINES} lines, tests apart`, () => {
    const long = sources
      .filter((file) => roomOf(file) !== 'test')
      .filter((file) => text(file).split('\n').length - 1 > MOST_LINES);
    expect(long).toEqual([]);
  });
});

describe('the check of directions', () => {
  it.each([
    ["import type { Vault } from '../service/repositories.ts';", 'db/tokens.ts'],
    ["const { serve } = await import('../service/serve.ts');", 'server/app.ts'],
    ["export { render } from '../server/pages.ts';", 'vault/keys.ts'],
    ["import '../generated/operations.ts';", 'db/tokens.ts'],
    ["import { x } from '../test/support/raw.ts';", 'cli/main.ts'],
  ])('refuses %s in %s', (line, file) => {
    expect(importsOf(file, line).map(isAllowed)).toEqual([false]);
  });

  it('finds a circle of three', () => {
    const circle = [
      { from: 'a', to: 'b' },
      { from: 'b', to: 'c' },
      { from: 'c', to: 'a' },
    ];
    expect(findCircle(circle)).toEqual(['a', 'b', 'c', 'a']);
    expect(findCircle(circle.slice(1))).toBeUndefined();
  });
});
