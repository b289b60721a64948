/**
 * Makes generated/ from the vendored contract and our overlays: the document that the server loads, and its types.
 * With `--check` it writes nothing and fails where generated/ is not what it would write.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { JsonObject, OpenAPIOverlayAction } from 'openapi-format';
import { openapiOverlay, parseFile } from 'openapi-format';
import openapiTS, { astToString } from 'openapi-typescript';

const here = (path: string): URL => new URL(path, import.meta.url);

const isObject = (value: unknown): value is JsonObject => typeof value === 'object' && value !== null;

async function read(path: string): Promise<JsonObject> {
  const parsed = await parseFile(here(path).pathname);
  if (!isObject(parsed) || parsed instanceof Error)
    throw new Error(`openapi/${path} is not a JSON or YAML object`);
  return parsed;
}

const actionsOf = (overlay: JsonObject): OpenAPIOverlayAction[] => {
  const { actions } = overlay;
  if (!Array.isArray(actions)) throw new Error('an overlay needs a list of actions');
  return actions;
};

/** The contract with every overlay applied, in the order of their names (Overlay Specification 1.0). */
async function overlaid(): Promise<JsonObject> {
  let document = await read('openapi.json');
  for (const file of readdirSync(here('overlays')).sort()) {
    const overlay = await read(`overlays/${file}`);
    const { data, resultData } = await openapiOverlay(document, {
      overlaySet: { ...overlay, actions: actionsOf(overlay) },
    });
    const unused = resultData['unusedActions'];
    if (!Array.isArray(unused) || unused.length > 0) {
      throw new Error(`openapi/overlays/${file}: matches nothing in the contract: ${JSON.stringify(unused)}`);
    }
    document = { ...data };
  }
  return document;
}

async function generate(): Promise<Map<string, string>> {
  const json = `${JSON.stringify(await overlaid(), null, 2)}\n`;
  // Properties with a default stay optional: the handler states the default.
  const types = await openapiTS(json, { defaultNonNullable: false, immutable: true });
  return new Map([
    ['openapi.json', json],
    ['api.d.ts', `// Made by \`npm run generate\` from openapi/. Never edited.\n${astToString(types)}`],
  ]);
}

const target = here('../generated/');
const files = await generate();
mkdirSync(target, { recursive: true });
const stray = readdirSync(target).filter((name) => !files.has(name));
if (process.argv.includes('--check')) {
  const present = readdirSync(target);
  const stale = [...files]
    .filter(([name, text]) => !present.includes(name) || readFileSync(new URL(name, target), 'utf8') !== text)
    .map(([name]) => name);
  if (stale.length + stray.length > 0) {
    process.stderr.write(
      `generated/ is stale (${[...stale, ...stray].join(', ')}): run \`npm run generate\`\n`,
    );
    process.exitCode = 1;
  }
} else {
  for (const name of stray) rmSync(new URL(name, target), { recursive: true });
  for (const [name, text] of files) writeFileSync(new URL(name, target), text);
}
