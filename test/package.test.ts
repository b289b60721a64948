/** The tarball that `npm pack` makes, and a checkout without the development packages. */
import { execFile, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const run = promisify(execFile);

let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'tokenhold-package-'));
});

afterAll(() => rmSync(directory, { recursive: true }));

describe('the packed package', () => {
  const installed = () => join(directory, 'package');
  let files: readonly string[];

  beforeAll(async () => {
    const pack = ['pack', '--json', '--ignore-scripts', `--pack-destination=${directory}`];
    const { stdout } = await run('npm', pack, { cwd: ROOT });
    const [packed]: { filename: string; files: { path: string }[] }[] = JSON.parse(stdout);
    files = packed?.files.map(({ path }) => path) ?? [];
    await run('tar', ['-xzf', packed?.filename ?? '', '-C', directory], { cwd: directory });
    symlinkSync(join(ROOT, 'node_modules'), join(directory, 'node_modules'));
  });

  it('holds what runs, and neither tests nor secrets', () => {
    for (const file of ['dist/cli/main.js', 'dist/db/embedded/owner.js', 'dist/generated/openapi.json']) {
      expect(files).toContain(file);
    }
    expect(
      files.filter((file) => /^(test|bench|dist\/(test|bench))\/|keys$|password$|\.ts$/.test(file)),
    ).toEqual(['dist/generated/api.d.ts', 'dist/generated/operations.ts']);
  });

  it('runs where nothing else of the checkout is', async () => {
    const { stdout } = await run(process.execPath, [join(installed(), 'dist/cli/main.js'), '--version'], {
      cwd: directory,
    });
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

describe('a checkout without the compiler', () => {
  const start = (...args: string[]) =>
    spawnSync(process.execPath, ['deploy/build.mjs', ...args], {
      cwd: join(directory, 'checkout'),
      encoding: 'utf8',
    });

  beforeAll(() => {
    mkdirSync(join(directory, 'checkout', 'deploy'), { recursive: true });
    cpSync(join(ROOT, 'deploy/build.mjs'), join(directory, 'checkout/deploy/build.mjs'));
    // Outside of the tarball's directory there is no node_modules.
    rmSync(join(directory, 'node_modules'), { force: true });
  });

  it('says what to run', () => {
    expect(start('keep')).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/^tokenhold: dist\/ cannot be built.*npm ci && npm run build.*\n$/),
    });
  });

  it('runs the dist/ that is there', () => {
    mkdirSync(join(directory, 'checkout/dist/cli'), { recursive: true });
    writeFileSync(join(directory, 'checkout/dist/cli/main.js'), '');
    expect(start('keep')).toMatchObject({ status: 0, stderr: '' });
    expect(start()).toMatchObject({ status: 1 });
  });
});
