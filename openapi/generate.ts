/**
 * Writes generated/ from the published contract, our operations and the overlays, and prints what changes. With `--check`
 * it writes nothing, and fails if generated/ differs from what it would write.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { build } from './build.ts';
import { changes } from './changes.ts';
import type { JsonObject } from './json.ts';
import { readSources } from './sources.ts';

const target = new URL('../generated/', import.meta.url);

/** The files of generated/ that differ from `files`, or that nothing makes. */
function stale(files: ReadonlyMap<string, string>): readonly string[] {
  const present = readdirSync(target);
  const changed = [...files].filter(
    ([name, text]) => !present.includes(name) || readFileSync(new URL(name, target), 'utf8') !== text,
  );
  return [...changed.map(([name]) => name), ...present.filter((name) => !files.has(name))];
}

/** The document that generated/ holds. Empty: there is none yet. */
function committed(): JsonObject {
  const file = new URL('openapi.json', target);
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
}

function write(files: ReadonlyMap<string, string>): void {
  for (const name of readdirSync(target))
    if (!files.has(name)) rmSync(new URL(name, target), { recursive: true });
  for (const [name, text] of files) writeFileSync(new URL(name, target), text);
}

try {
  const files = await build(readSources());
  mkdirSync(target, { recursive: true });
  const differing = stale(files);
  if (!process.argv.includes('--check')) {
    for (const change of changes(committed(), JSON.parse(files.get('openapi.json') ?? '{}'))) {
      process.stdout.write(`${change}\n`);
    }
    write(files);
  } else if (differing.length > 0) {
    process.stderr.write(`generated/ is stale (${differing.join(', ')}): run \`npm run generate\`\n`);
    process.exitCode = 1;
  }
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
