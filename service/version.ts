import { readFileSync } from 'node:fs';

// dist/ lies one directory deeper than the sources.
const manifest = new URL(
  import.meta.url.endsWith('.ts') ? '../package.json' : '../../package.json',
  import.meta.url,
);

/** The version of this package, such as "0.1.0". */
export const VERSION: string = JSON.parse(readFileSync(manifest, 'utf8')).version;
