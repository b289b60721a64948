import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { Environment } from '../../service/config.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Starts `tokenhold`, as `npm test` has built it, as a process of its own, with these settings and no others.
 * @param stderr a file descriptor
 */
export function spawnTokenhold(
  args: readonly string[],
  settings: Environment,
  stderr: 'pipe' | number = 'pipe',
): ChildProcess {
  const { PATH, HOME } = process.env;
  return spawn(process.execPath, ['dist/cli/main.js', ...args], {
    cwd: ROOT,
    env: { PATH, HOME, ...settings },
    stdio: ['pipe', 'pipe', stderr],
  });
}

export interface Finished {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one command to its end. */
export async function tokenhold(
  args: readonly string[],
  settings: Environment = {},
  input: string | Uint8Array = '',
): Promise<Finished> {
  const child = spawnTokenhold(args, settings);
  child.stdin?.end(input);
  const [stdout, stderr] = await Promise.all([output(child, 'stdout'), output(child, 'stderr'), exit(child)]);
  return { status: child.exitCode, stdout, stderr };
}

export async function exit(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return child.exitCode;
}

export async function output(child: ChildProcess, name: 'stdout' | 'stderr'): Promise<string> {
  const stream = child[name];
  return stream === null ? '' : text(stream);
}

/** Reads stdout until it matches. @throws Error with all that the process said, if it ends before */
export async function printed(child: ChildProcess, pattern: RegExp): Promise<string> {
  let seen = '';
  for await (const chunk of child.stdout?.iterator({ destroyOnReturn: false }) ?? []) {
    seen += String(chunk);
    if (pattern.test(seen)) return seen;
  }
  const [said] = await Promise.all([output(child, 'stderr'), exit(child)]);
  throw new Error(
    `ended with ${child.exitCode ?? child.signalCode} before it printed ${pattern}: ${seen}${said}`,
  );
}
