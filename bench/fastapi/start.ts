import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { BenchVault } from '../database.ts';
import type { Service, Usage } from '../start.ts';

const run = promisify(execFile);
const PYTHON = process.env['BENCH_PYTHON'] ?? 'python3';
/** Python is not built, so the path leads from the built file back to the source. */
const DIRECTORY = fileURLToPath(new URL('../../../bench/fastapi', import.meta.url));

/** The versions of FastAPI and Python. Undefined: they, or other packages that the reference needs, are not installed. */
export const fastApiVersion = (): Promise<string | undefined> =>
  run(PYTHON, [
    '-c',
    `import platform, asyncpg, cryptography, fastapi, httptools, pydantic, uvicorn, uvloop
print(f"FastAPI {fastapi.__version__}, pydantic {pydantic.VERSION}, Python {platform.python_version()}", end="")`,
  ]).then(
    ({ stdout }) => stdout,
    () => undefined,
  );

/** The reference in a process of its own, on a free port. */
export async function startFastApi({ connectionString, fernetKey }: BenchVault): Promise<Service> {
  const options = ['--port', '0', '--loop', 'uvloop', '--http', 'httptools', '--no-access-log'];
  const child = spawn(PYTHON, ['-m', 'uvicorn', 'app:app', '--app-dir', DIRECTORY, ...options], {
    env: {
      PATH: process.env['PATH'],
      PYTHONDONTWRITEBYTECODE: '1',
      DATABASE_URL: connectionString,
      FERNET_KEYS: fernetKey,
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  let url: string | undefined;
  for await (const chunk of child.stderr.iterator({ destroyOnReturn: false })) {
    log += chunk;
    url = /running on (http:\S+)/.exec(log)?.[1];
    if (url !== undefined) break;
  }
  if (url === undefined) throw new Error(`the FastAPI reference did not start: ${log}`);
  child.stderr.resume();
  return {
    url,
    async usage() {
      const used = await (await fetch(`${url}/usage`)).json();
      if (!isUsage(used)) throw new Error('the FastAPI reference did not tell what it uses');
      return used;
    },
    async stop() {
      const exited = once(child, 'exit');
      child.kill();
      await exited;
    },
  };
}

const isUsage = (value: unknown): value is Usage =>
  typeof value === 'object' && value !== null && 'cpuMicroseconds' in value && 'residentBytes' in value;
