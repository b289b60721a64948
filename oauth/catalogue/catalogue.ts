import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js';
import type { CatalogueEntry } from '../catalogue-entry.ts';
import { isProviderUrl } from '../provider.ts';
import { A_TO_F } from './a-f.ts';
import { G_TO_M } from './g-m.ts';
import { N_TO_S } from './n-s.ts';
import { entrySchema } from './schema.ts';
import { T_TO_Z } from './t-z.ts';

export interface Catalogue {
  /** In the order of their names. */
  readonly entries: readonly CatalogueEntry[];
  named(name: string): CatalogueEntry | undefined;
  /** The entry for a token URL, by its host. Undefined: there is none, and the RFCs hold. */
  find(tokenUrl: string): CatalogueEntry | undefined;
}

/** Names every problem of the operator's entries. It repeats none of their values. */
export class CatalogueError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}

export const BUILT_IN: readonly CatalogueEntry[] = [...A_TO_F, ...G_TO_M, ...N_TO_S, ...T_TO_Z];

/**
 * The well-known providers and the operator's own.
 * @param own a list of entries. An entry with the name of a built-in one changes that: a field replaces the built-in field,
 *   and null removes it. For the same host, an entry of the operator precedes a built-in one.
 * @throws CatalogueError
 */
export function createCatalogue(own?: unknown): Catalogue {
  const changed = own === undefined ? [] : operatorEntries(own);
  const names = new Set(changed.map(({ name }) => name));
  const ordered = [...changed, ...BUILT_IN.filter(({ name }) => !names.has(name))];
  const byHost = new Map<string, CatalogueEntry>();
  for (const entry of ordered) {
    for (const host of entry.match) if (!byHost.has(host)) byHost.set(host, entry);
  }
  return {
    entries: ordered.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    named: (name) => ordered.find((entry) => entry.name === name),
    find(tokenUrl) {
      if (!URL.canParse(tokenUrl)) return undefined;
      const { host } = new URL(tokenUrl);
      return patterns(host)
        .map((pattern) => byHost.get(pattern))
        .find((entry) => entry !== undefined);
    },
  };
}

/** Compiled for the operator's entries only, because it takes a tenth of a second. Tests check the built-in ones. */
const compileEntry = () =>
  new Ajv2020({
    allErrors: true,
    verbose: true,
    discriminator: true,
    formats: { 'provider-url': isProviderUrl },
  }).compile<CatalogueEntry>(entrySchema);

/** The patterns that a host matches, the closest first: a.b.c, *.b.c, *.c. */
const patterns = (host: string): readonly string[] => {
  const labels = host.split('.');
  return [host, ...labels.slice(1).map((_, index) => `*.${labels.slice(index + 1).join('.')}`)];
};

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function operatorEntries(own: unknown): readonly CatalogueEntry[] {
  if (!Array.isArray(own)) throw new CatalogueError(['must be a list of entries']);
  const isEntry = compileEntry();
  const problems: string[] = [];
  const hosts = new Map<string, string>();
  const names = new Set<string>();
  const entries = own.flatMap((given: unknown, index) => {
    const entry = isObject(given) ? merged(given) : given;
    if (!isEntry(entry)) {
      problems.push(...(isEntry.errors ?? []).map((error) => `entry ${index}${worded(error)}`));
      return [];
    }
    if (names.has(entry.name)) problems.push(`entry ${index}: its name is used twice`);
    for (const host of entry.match) {
      if (hosts.has(host)) problems.push(`entry ${index}: a host of its match is used twice`);
      hosts.set(host, entry.name);
    }
    names.add(entry.name);
    return [entry];
  });
  if (problems.length > 0) throw new CatalogueError([...new Set(problems)]);
  return entries;
}

/** The built-in entry of the same name with the operator's fields (as RFC 7396 does at the top level). */
function merged(given: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const builtIn = BUILT_IN.find(({ name }) => name === given['name']);
  const fields = Object.entries({ sources: [], ...builtIn, ...given });
  return Object.fromEntries(fields.filter(([, value]) => value !== null));
}

/** The place of the problem in the entry, and the problem. */
function worded({ instancePath, keyword, message, params, parentSchema }: ErrorObject): string {
  const place = instancePath.replaceAll('/', '.');
  const wrong: Readonly<Record<string, string>> = {
    additionalProperties: `has no field ${JSON.stringify(params['additionalProperty'])}`,
    discriminator: `needs a known ${JSON.stringify(params['tag'])}`,
    enum: `must be one of ${JSON.stringify(params['allowedValues'])}`,
    format: 'must be an https URL without user info or fragment',
    minItems: 'must not be empty',
    minLength: 'must not be empty',
    pattern: `must be ${parentSchema?.['description']}`,
    required: `needs the field ${JSON.stringify(params['missingProperty'])}`,
  };
  return `${place}: ${wrong[keyword] ?? message}`;
}
