/**
 * Makes generated/ from the vendored contract and our overlays: the document that the server loads, its types, and the
 * facts of its operations. With `--check` it writes nothing and fails where generated/ is not what it would write.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import openapiTS, { astToString } from 'openapi-typescript';
import { parse } from 'yaml';
import { formats } from '../oauth/provider.ts';
import { documentProblems } from '../server/document.ts';
import { VALUE_LIMITS } from '../server/max-values.ts';
import { compileAll } from '../server/operations.ts';
import { changes } from './changes.ts';
import { isObject, type JsonObject, objectAt } from './json.ts';
import { addFragment, pruned } from './merge.ts';
import { operationsModule } from './operations.ts';
import { applyOverlay } from './overlay.ts';
import { refusals } from './refuse.ts';
import { addCallerParameters, renameSchemes } from './security.ts';
import { keepSiblings } from './siblings.ts';

const here = (path: string): URL => new URL(path, import.meta.url);

function read(path: string): JsonObject {
  const parsed: unknown = parse(readFileSync(here(path), 'utf8'));
  if (!isObject(parsed)) throw new Error(`openapi/${path} is not a JSON or YAML object`);
  return parsed;
}

const filesOf = (folder: string): readonly string[] =>
  readdirSync(here(folder))
    .sort()
    .map((file) => `${folder}/${file}`);

/** The contract with our operations added and every overlay applied, in the order of their names. */
function served(): JsonObject {
  const whole = filesOf('paths').reduce(
    (document, file) => addFragment(document, read(file), `openapi/${file}`),
    read('openapi.json'),
  );
  const overlaid = filesOf('overlays').reduce(
    (document, file) => applyOverlay(document, read(file), `openapi/${file}`),
    whole,
  );
  return addCallerParameters(renameSchemes(pruned(objectAt(keepSiblings(overlaid)))));
}

/** @throws Error with a line for everything in the document that would be passed over in silence */
async function requireServed(document: JsonObject): Promise<void> {
  const text = JSON.stringify(document);
  const invalid = await documentProblems(JSON.parse(text));
  if (invalid.length > 0)
    throw new Error(`the document is not valid OpenAPI 3.1:\n- ${invalid.join('\n- ')}`);
  const unserved = refusals(document);
  if (unserved.length > 0)
    throw new Error(`the document says what is not served:\n- ${unserved.join('\n- ')}`);
  await compileAll(JSON.parse(text), { formats, valueLimits: VALUE_LIMITS });
}

async function generate(): Promise<Map<string, string>> {
  const document = served();
  await requireServed(document);
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
  const files = await generate();
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
