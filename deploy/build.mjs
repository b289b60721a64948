/**
 * Makes dist/ from the sources. `npm start` and `npm run tokenhold` come here first, with the argument `keep`: where the
 * compiler is not installed (`npm ci --omit=dev`) they run the dist/ that is there.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync } from 'node:fs';
import { createRequire } from 'node:module';

const MAIN = 'dist/cli/main.js';

function findCompiler() {
  try {
    return createRequire(import.meta.url).resolve('typescript/bin/tsc');
  } catch {
    return undefined;
  }
}

function build(compiler) {
  const { status } = spawnSync(process.execPath, [compiler, '-p', 'tsconfig.build.json'], {
    stdio: 'inherit',
  });
  if (status !== 0) return status ?? 1;
  cpSync('generated', 'dist/generated', { recursive: true });
  return 0;
}

function keep() {
  if (process.argv[2] === 'keep' && existsSync(MAIN)) return 0;
  process.stderr.write(
    'tokenhold: dist/ cannot be built, because the development packages are not installed: run `npm ci && npm run build`' +
      ' (then `npm prune --omit=dev`), or install the package that `npm pack` makes\n',
  );
  return 1;
}

const compiler = findCompiler();
process.exitCode = compiler === undefined ? keep() : build(compiler);
