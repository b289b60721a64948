import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateKey } from '../crypto/fernet.ts';
import { createKeyRing } from '../crypto/key-ring.ts';
import { type Config, ConfigError } from './config.ts';

/**
 * The Fernet keys of FERNET_KEYS, of the file FERNET_KEYS_FILE, or of the embedded database, whose file is made if need be.
 * @throws ConfigError
 */
export function readKeys({ fernetKeys, fernetKeysFile, dataDir }: Config): readonly string[] {
  return fernetKeys ?? readKeyFile(fernetKeysFile ?? keyFileOf(dataDir));
}

/** Keys separated by blanks, line ends or commas. */
function readKeyFile(path: string): readonly string[] {
  try {
    const keys = readFileSync(path, 'utf8')
      .split(/[\s,]+/)
      .filter((key) => key !== '');
    createKeyRing(keys);
    return keys;
  } catch (error) {
    const what = error instanceof Error && 'code' in error ? `cannot be read (${error.code})` : reason(error);
    throw new ConfigError([
      `the key file ${path}: ${what}; name the right one in FERNET_KEYS_FILE, or restore it from a backup`,
    ]);
  }
}

const reason = (error: unknown): string => (error instanceof Error ? error.message : 'unusable');

function keyFileOf(dataDir: string): string {
  const path = join(dataDir, 'fernet.keys');
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  try {
    writeFileSync(path, `${generateKey()}\n`, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    chmodSync(path, 0o600);
  }
  return path;
}
