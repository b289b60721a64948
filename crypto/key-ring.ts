import { createHash } from 'node:crypto';
import { type Cipher, type Ciphertext, createCipher } from './fernet.ts';

/** An encrypted text, with the name of the key that opens it. */
export interface Sealed {
  readonly ciphertext: Ciphertext;
  /** The key's fingerprint. */
  readonly key: string;
}

export interface KeyRing {
  /** The first key seals. @throws TypeError for a lone surrogate, which UTF-8 cannot hold */
  seal(text: string): Sealed;
  /** Any key opens. @throws DecryptError */
  open(ciphertext: string): string;
  /** The fingerprints of the keys, in their order. */
  fingerprints(): readonly string[];
  /** Goes on with other keys. @throws FernetKeyError, and keeps those it has */
  replace(keys: readonly string[]): void;
}

/**
 * A public name for a key: 12 hexadecimal digits of a hash. It tells nothing of the key, which has 256 random bits, and is
 * stored beside what the key has sealed.
 */
export const fingerprint = (key: string): string =>
  createHash('sha256').update(`tokenhold key fingerprint ${key}`).digest('hex').slice(0, 12);

/** The keys of a vault: the first one seals, all open, so rotation is "put the new key in front". @throws FernetKeyError */
export function createKeyRing(keys: readonly string[]): KeyRing {
  let cipher: Cipher = createCipher(keys);
  let names = keys.map(fingerprint);
  return {
    seal: (text) => ({ ciphertext: cipher.encrypt(text), key: names[0] ?? '' }),
    open: (ciphertext) => cipher.decrypt(ciphertext),
    fingerprints: () => names,
    replace(others) {
      cipher = createCipher(others);
      names = others.map(fingerprint);
    },
  };
}
