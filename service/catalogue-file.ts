import { readFileSync } from 'node:fs';
import { type Catalogue, CatalogueError, createCatalogue } from '../oauth/catalogue/catalogue.ts';
import { type Config, ConfigError } from './config.ts';

/**
 * The well-known providers, with the operator's entries of PROVIDER_CATALOGUE_FILE.
 * @throws ConfigError
 */
export function loadCatalogue({ providerCatalogueFile }: Pick<Config, 'providerCatalogueFile'>): Catalogue {
  if (providerCatalogueFile === undefined) return createCatalogue();
  try {
    return createCatalogue(JSON.parse(readFileSync(providerCatalogueFile, 'utf8')));
  } catch (error) {
    const problems = error instanceof CatalogueError ? error.problems : [unread(error)];
    throw new ConfigError(problems.map((problem) => `PROVIDER_CATALOGUE_FILE: ${problem}`));
  }
}

function unread(error: unknown): string {
  if (error instanceof SyntaxError) return 'is not JSON';
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : 'unusable';
  return `cannot be read (${code})`;
}
