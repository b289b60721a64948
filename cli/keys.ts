import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createCipher, DecryptError, generateKey } from '../crypto/fernet.ts';
import type { KeyRing } from '../crypto/key-ring.ts';
import { nameOf } from '../db/ciphertexts.ts';
import { type Config, ConfigError } from './config.ts';
import { OperatorError } from './failure.ts';
import type { Vault } from './vault.ts';

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
    createCipher(keys);
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

/** What is stored under keys that the ring lacks, in words for an operator; empty: everything can be opened. */
export async function missingKeys(
  { ciphertexts }: Pick<Vault, 'ciphertexts'>,
  keyRing: KeyRing,
): Promise<readonly string[]> {
  const missing: string[] = [];
  for (const { of, key, rows } of await ciphertexts.count()) {
    if (key === '') {
      const sample = await ciphertexts.sample(of, key, SAMPLE);
      if (!sample.some(({ ciphertext }) => canOpen(keyRing, ciphertext))) {
        missing.push(`none of the keys opens the ${rows} ciphertexts of ${nameOf(of)}`);
      }
    } else if (!keyRing.fingerprints().includes(key)) {
      missing.push(
        `the key with the fingerprint ${key} is missing, which protects ${rows} ciphertexts of ${nameOf(of)}`,
      );
    }
  }
  return missing;
}

const SAMPLE = 10;

/** @throws OperatorError when the ring lacks a key that something is stored under */
export async function requireKeys(vault: Pick<Vault, 'ciphertexts'>, keyRing: KeyRing): Promise<void> {
  const missing = await missingKeys(vault, keyRing);
  if (missing.length === 0) return;
  throw new OperatorError(
    [
      'FERNET_KEYS cannot open all that is stored:',
      ...missing.map((line) => `- ${line}`),
      'Put the missing key back, behind the first one, and run `tokenhold keys rotate` before it is removed',
    ].join('\n'),
  );
}

export function canOpen(keyRing: KeyRing, ciphertext: string): boolean {
  try {
    keyRing.open(ciphertext);
    return true;
  } catch (error) {
    if (error instanceof DecryptError) return false;
    throw error;
  }
}
