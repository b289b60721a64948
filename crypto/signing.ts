import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';

/** The purpose of a signature. Each has a key of its own, so a signature for one purpose is not valid for another. */
export type Purpose = 'connect ticket' | 'authorization state' | 'connect cookie';

export interface Signer {
  /** HMAC-SHA256 with a key derived from the first key, 32 bytes. */
  sign(purpose: Purpose, content: Uint8Array): Buffer;
  /** Whether any key has signed the content. `signature` may be cut to 16 bytes or more. */
  isSigned(purpose: Purpose, content: Uint8Array, signature: Uint8Array): boolean;
}

const MIN_BYTES = 16;

/** Signs with keys derived from Fernet keys (HKDF, RFC 5869). @param keys as base64url, 32 bytes each; the first signs */
export function createSigner(keys: readonly string[]): Signer {
  const derived = new Map<string, Buffer>();

  function keyFor(key: string, purpose: Purpose): Buffer {
    const name = `${purpose} ${key}`;
    const known = derived.get(name);
    if (known !== undefined) return known;
    const made = Buffer.from(
      hkdfSync('sha256', Buffer.from(key, 'base64url'), '', `tokenhold ${purpose}`, 32),
    );
    derived.set(name, made);
    return made;
  }

  const signed = (key: string, purpose: Purpose, content: Uint8Array) =>
    createHmac('sha256', keyFor(key, purpose)).update(content).digest();

  return {
    sign: (purpose, content) => signed(keys[0] ?? '', purpose, content),
    isSigned(purpose, content, signature) {
      if (signature.length < MIN_BYTES) return false;
      return keys.some((key) => {
        const expected = signed(key, purpose, content).subarray(0, signature.length);
        return expected.length === signature.length && timingSafeEqual(expected, signature);
      });
    },
  };
}
