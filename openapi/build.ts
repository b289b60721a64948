/** Builds the files of generated/ from the published document, our own operations and the overlays. */
import openapiTS, { astToString } from 'openapi-typescript';
import { formats } from '../oauth/provider.ts';
import { VALUE_LIMITS } from '../server/max-values.ts';
import { compileAll } from '../server/operations.ts';
import { type JsonObject, objectAt } from './json.ts';
import { addFragment, pruned } from './merge.ts';
import { operationsModule } from './operations.ts';
import { applyOverlay } from './overlay.ts';
import { refusals } from './refuse.ts';
import { addOurParameters, renameSchemes } from './security.ts';
import { keepSiblings } from './siblings.ts';
import { documentProblems } from './valid.ts';

export interface Sources {
  /** The published document. */
  readonly published: JsonObject;
  /** Our document of the companion operations, by file name, in the order in which it is added. */
  readonly fragments: ReadonlyMap<string, JsonObject>;
  /** By file name, in the order in which they apply. */
  readonly overlays: ReadonlyMap<string, JsonObject>;
}

/**
 * The files of generated/, by name: the document, its types, and the facts of its operations.
 * @throws Error that names every part of the sources that cannot be served
 */
export async function build(sources: Sources): Promise<ReadonlyMap<string, string>> {
  const document = served(sources);
  await requireValid(document);
  const facts = operationsModule(document);
  await requireServed(document);
  const json = `${JSON.stringify(document, null, 2)}\n`;
  // Properties with a default stay optional: the handler states the default.
  const types = await openapiTS(json, { defaultNonNullable: false, immutable: true });
  return new Map([
    ['openapi.json', json],
    ['api.d.ts', `// Made by \`npm run generate\` from openapi/. Never edited.\n${astToString(types)}`],
    ['operations.ts', facts],
  ]);
}

/** The published document with our operations added and every overlay applied. */
function served({ published, fragments, overlays }: Sources): JsonObject {
  const whole = [...fragments].reduce(
    (document, [name, fragment]) => addFragment(document, fragment, name),
    published,
  );
  const overlaid = [...overlays].reduce(
    (document, [name, overlay]) => applyOverlay(document, overlay, name),
    whole,
  );
  return addOurParameters(renameSchemes(pruned(objectAt(keepSiblings(overlaid)))));
}

async function requireValid(document: JsonObject): Promise<void> {
  const invalid = await documentProblems(JSON.parse(JSON.stringify(document)));
  if (invalid.length > 0)
    throw new Error(`the document is not valid OpenAPI 3.1:\n- ${invalid.join('\n- ')}`);
}

/** @throws Error with a line for each part of the document that the service would silently ignore */
async function requireServed(document: JsonObject): Promise<void> {
  const unserved = refusals(document);
  if (unserved.length > 0)
    throw new Error(`the document says what is not served:\n- ${unserved.join('\n- ')}`);
  await compileAll(JSON.parse(JSON.stringify(document)), { formats, valueLimits: VALUE_LIMITS });
}
