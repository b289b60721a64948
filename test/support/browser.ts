import { existsSync } from 'node:fs';
import { describe } from '@jest/globals';
import { type Browser, chromium } from 'playwright-core';

const PATHS = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
  '/snap/bin/chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
];

/** The Chromium that CHROMIUM names, or one in a common place. */
const executable = process.env['CHROMIUM'] || PATHS.find((path) => existsSync(path));

const isCi = (process.env['CI'] ?? '') !== '';

/**
 * A group of tests that need Chromium. Without one the group is skipped, and stderr says so. In CI it is not skipped, and
 * fails.
 */
export function describeInChromium(name: string, tests: () => void): void {
  if (executable !== undefined || isCi) describe(name, tests);
  else {
    process.stderr.write(`Skipped, because Chromium was not found (set CHROMIUM to its path): ${name}\n`);
    describe.skip(name, tests);
  }
}

export function launchChromium(): Promise<Browser> {
  if (executable === undefined) {
    throw new Error('Chromium was not found: install it, or set CHROMIUM to its path');
  }
  return chromium.launch({ executablePath: executable });
}
