import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, fchmodSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { isNativeError } from 'node:util/types';
import { generateKey } from '../crypto/fernet.ts';
import { createKeyRing } from '../crypto/key-ring.ts';
import { type Config, ConfigError } from './config.ts';

type Source = Pick<
  Config,
  'fernetKeys' | 'fernetKeysFile' | 'fernetKeysCommand' | 'fernetKeysCommandTimeoutSeconds' | 'dataDir'
>;

/**
 * The Fernet keys: of FERNET_KEYS, of the file FERNET_KEYS_FILE, of the output of FERNET_KEYS_COMMAND, or of the file in
 * the data directory, which is made when there is none.
 * @throws ConfigError
 */
export async function readKeys(source: Source): Promise<readonly string[]> {
  if (source.fernetKeys !== undefined) return source.fernetKeys;
  if (source.fernetKeysCommand !== undefined) {
    return parse(
      await output(source.fernetKeysCommand, source.fernetKeysCommandTimeoutSeconds),
      (reason) => `FERNET_KEYS_COMMAND printed no usable keys: ${reason}`,
    );
  }
  return readKeyFile(source.fernetKeysFile ?? keyFileOf(source.dataDir));
}

/** Whether the keys may have changed since they were read. */
export const areReloadable = ({ fernetKeysFile, fernetKeysCommand }: Source): boolean =>
  fernetKeysFile !== undefined || fernetKeysCommand !== undefined;

/** Keys separated by blanks, line ends or commas. */
function parse(given: string, problem: (reason: string) => string): readonly string[] {
  const keys = given.split(/[\s,]+/).filter((key) => key !== '');
  try {
    createKeyRing(keys);
    return keys;
  } catch (error) {
    throw new ConfigError([problem(error instanceof Error ? error.message : 'unusable')]);
  }
}

function readKeyFile(path: string): readonly string[] {
  const problem = (reason: string) =>
    `the key file ${path}: ${reason}; name the right one in FERNET_KEYS_FILE, or restore it from a backup`;
  return parse(readText(path, problem), problem);
}

function readText(path: string, problem: (reason: string) => string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new ConfigError([
      problem(`cannot be read (${isNativeError(error) && 'code' in error ? error.code : 'unknown'})`),
    ]);
  }
}

/** Runs a command with a shell and returns its stdout. Its stderr is ours. No message holds the command: it may be secret. */
async function output(command: string, timeoutSeconds: number): Promise<string> {
  const child = spawn('/bin/sh', ['-c', command], { stdio: ['ignore', 'pipe', 'inherit'], detached: true });
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    end(child);
    child.stdout.destroy(); // what has left the group may hold the other end
  }, timeoutSeconds * 1000);
  try {
    const printing = text(child.stdout).catch(() => '');
    const [printed, [status, signal]] = await Promise.all([printing, once(child, 'close')]);
    if (isLate) {
      throw new ConfigError([
        `FERNET_KEYS_COMMAND did not end within ${timeoutSeconds} s: see what it waits for, or raise FERNET_KEYS_COMMAND_TIMEOUT_SECONDS`,
      ]);
    }
    if (status !== 0) {
      throw new ConfigError([
        `FERNET_KEYS_COMMAND failed (${signal ?? `exit status ${status}`}): run it by hand as the user of this process to see why`,
      ]);
    }
    if (printed.trim() === '') throw new ConfigError(['FERNET_KEYS_COMMAND printed nothing on its stdout']);
    return printed;
  } finally {
    clearTimeout(timer);
  }
}

/** Ends the shell and what it runs. */
function end({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // The shell has ended, and what it started has left its group.
  }
}

function keyFileOf(dataDir: string): string {
  const path = join(dataDir, 'fernet.keys');
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  try {
    writeFileSync(path, `${generateKey()}\n`, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if (!(isNativeError(error) && 'code' in error && error.code === 'EEXIST')) throw error;
    keepToOneself(path);
  }
  return path;
}

/** Leaves a symbolic link alone: its target may belong to others, who chose its mode. */
function keepToOneself(path: string): void {
  try {
    const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    fchmodSync(file, 0o600);
    closeSync(file);
  } catch {
    // The reading that follows tells what is wrong, if anything.
  }
}
