/**
 * Makes generated/ from the vendored contract and our overlays: the document that the server loads, its types, and the
 * facts of its operations. With `--check` it writes nothing and fails where generated/ is not what it would write.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import openapiTS, { astToString } from 'openapi-typescript';
import { parse } from 'yaml';
import { isObject, type JsonObject } from './json.ts';
import { operationsModule } from './operations.ts';
import { applyOverlay } from './overlay.ts';
import { addCallerParameters, renameSchemes } from './security.ts';

const here = (path: string): URL => new URL(path, import.meta.url);

function read(path: string): JsonObject {
  const parsed: unknown = parse(readFileSync(here(path), 'utf8'));
  if (!isObject(parsed)) throw new Error(`openapi/${path} is not a JSON or YAML object`);
  return parsed;
}

/** The contract with every overlay applied, in the order of their names. */
function served(): JsonObject {
  const overlays = readdirSync(here('overlays')).sort();
  const overlaid = overlays.reduce(
    (document, file) => applyOverlay(document, read(`overlays/${file}`), `openapi/overlays/${file}`),
    read('openapi.json'),
  );
  return addCallerParameters(renameSchemes(overlaid));
}

async function generate(): Promise<Map<string, string>> {
  const document = served();
  const json = `${JSON.stringify(document, null, 2)}\n`;
  // Properties with a default stay optional: the handler states the default.
  const types = await openapiTS(json, { defaultNonNullable: false, immutable: true });
  return new Map([
    ['openapi.json', json],
    ['api.d.ts', `// Made by \`npm run generate\` from openapi/. Never edited.\n${astToString(types)}`],
    ['operations.ts', operationsModule(document)],
  ]);
}

const target = here('../generated/');

/** The files of generated/ that are not what `files` says, or that nothing makes. */
function stale(files: ReadonlyMap<string, string>): readonly string[] {
  const present = readdirSync(target);
  const changed = [...files].filter(
    ([name, text]) => !present.includes(name) || readFileSync(new URL(name, target), 'utf8') !== text,
  );
  return [...changed.map(([name]) => name), ...present.filter((name) => !files.has(name))];
}

function write(files: ReadonlyMap<string, string>): void {
  for (const name of readdirSync(target))
    if (!files.has(name)) rmSync(new URL(name, target), { recursive: true });
  for (const [name, text] of files) writeFileSync(new URL(name, target), text);
}

try {
  const files = await generate();
  mkdirSync(target, { recursive: true });
  const differing = stale(files);
  if (!process.argv.includes('--check')) {
    write(files);
  } else if (differing.length > 0) {
    process.stderr.write(`generated/ is stale (${differing.join(', ')}): run \`npm run generate\`\n`);
    process.exitCode = 1;
  }
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
