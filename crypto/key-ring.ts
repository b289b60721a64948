import { createHash } from 'node:crypto';
import { BLOCK_BYTES, type Ciphertext, createSealer, FernetKeyError, openToken, parseKey } from './fernet.ts';
import { drawRandom } from './random.ts';
import { createSigner, type Signer } from './signing.ts';

/** An encrypted text, with the name of the key that opens it. */
export interface Sealed {
  readonly ciphertext: Ciphertext;
  /** The key's fingerprint. */
  readonly key: string;
}

/** Seals a text with the first key. @throws TypeError for a lone surrogate, which UTF-8 cannot hold */
export type Seal = (text: string) => Sealed;

/** The keys of a vault. */
export interface KeyRing extends Signer {
  readonly seal: Seal;
  /** Opens a ciphertext with any of the keys. @throws DecryptError */
  open(ciphertext: string): string;
  /** The fingerprints of the keys, in their order. */
  fingerprints(): readonly string[];
  /** Replaces the keys. @throws FernetKeyError, and the earlier keys stay */
  replace(keys: readonly string[]): void;
}

/**
 * A public name for a key: 12 hexadecimal digits of a hash, stored beside each ciphertext of the key. The name tells
 * nothing of the key, which has 256 random bits.
 */
export const fingerprint = (key: string): string =>
  createHash('sha256').update(`tokenhold key fingerprint ${key}`).digest('hex').slice(0, 12);

/**
 * Makes a key ring. The first key seals and every key opens, so rotation is "put the new key in front".
 * @param keys each 32 bytes as base64url with padding
 * @throws FernetKeyError
 */
export function createKeyRing(keys: readonly string[]): KeyRing {
  let current = parseKeys(keys);
  return {
    seal: (text) => ({
      ciphertext: current.sealText(text, Date.now(), drawRandom(BLOCK_BYTES)),
      key: current.primary,
    }),
    open: (ciphertext) => openToken(current.keys, ciphertext),
    sign: (purpose, content) => current.signer.sign(purpose, content),
    isSigned: (purpose, content, signature) => current.signer.isSigned(purpose, content, signature),
    fingerprints: () => current.fingerprints,
    replace(others) {
      current = parseKeys(others);
    },
  };
}

function parseKeys(texts: readonly string[]) {
  const keys = texts.map(parseKey);
  const fingerprints = texts.map(fingerprint);
  const [first] = keys;
  const [primary] = fingerprints;
  if (first === undefined || primary === undefined) throw new FernetKeyError('at least one key is needed');
  if (new Set(texts).size < texts.length) throw new FernetKeyError('a key is there twice');
  return { keys, fingerprints, primary, sealText: createSealer(first), signer: createSigner(texts) };
}
