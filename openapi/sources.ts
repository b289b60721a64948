/** Reads the sources of generated/ from this folder. */
import { readdirSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';
import type { Sources } from './build.ts';
import { isObject, type JsonObject } from './json.ts';

const here = (path: string): URL => new URL(path, import.meta.url);

/** The published document, and every file of `paths/` and `overlays/` in the order of their names. */
export const readSources = (): Sources => ({
  published: read('openapi.json'),
  fragments: readFolder('paths'),
  overlays: readFolder('overlays'),
});

const readFolder = (folder: string): ReadonlyMap<string, JsonObject> =>
  new Map(
    readdirSync(here(folder))
      .sort()
      .map((file) => [`openapi/${folder}/${file}`, read(`${folder}/${file}`)]),
  );

function read(path: string): JsonObject {
  const parsed: unknown = parse(readFileSync(here(path), 'utf8'));
  if (!isObject(parsed)) throw new Error(`openapi/${path} is not a JSON or YAML object`);
  return parsed;
}
