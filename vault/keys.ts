import { DecryptError } from '../crypto/fernet.ts';
import type { KeyRing } from '../crypto/key-ring.ts';
import { type CiphertextRepository, nameOf } from '../db/ciphertexts.ts';

interface Parts {
  readonly ciphertexts: CiphertextRepository;
}

/** How many ciphertexts without a fingerprint are tried. */
const SAMPLE = 10;

/** The key ring lacks keys that protect stored ciphertexts. The message names the fingerprint of each in a line. */
export class MissingKeysError extends Error {}

/** Tells an operator the keys that the ring lacks, and what they protect. Empty: the ring opens everything. */
export async function missingKeys({ ciphertexts }: Parts, keyRing: KeyRing): Promise<readonly string[]> {
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

/** Checks that the ring opens every stored ciphertext. Counts them only if a key may be missing. @throws MissingKeysError */
export async function requireKeys(parts: Parts, keyRing: KeyRing): Promise<void> {
  if (await parts.ciphertexts.areAllOf(keyRing.fingerprints())) return;
  const missing = await missingKeys(parts, keyRing);
  if (missing.length === 0) return;
  throw new MissingKeysError(
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
