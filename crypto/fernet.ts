import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  type KeyObject,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto';
import { drawRandom } from './random.ts';

declare const sealed: unique symbol;

/** A Fernet token. Only this module makes one, so what is typed so is encrypted. */
export type Ciphertext = string & { readonly [sealed]: true };

/** No key of the ring opens the text. It never tells which check failed. */
export class DecryptError extends Error {}

/** A key that cannot be one; tells which of them, never the key. */
export class FernetKeyError extends Error {}

export interface Cipher {
  /** @throws TypeError for a lone surrogate, which UTF-8 cannot hold */
  encrypt(text: string): Ciphertext;
  /** @throws DecryptError */
  decrypt(token: string): string;
}

interface Key {
  readonly signing: KeyObject;
  readonly encryption: KeyObject;
}

// https://github.com/fernet/spec/blob/master/Spec.md: version, time (8 bytes), IV, ciphertext, HMAC-SHA256
const VERSION = 0x80;
const BLOCK_BYTES = 16;
const IV_AT = 9;
const CIPHERTEXT_AT = 25;
const MAC_BYTES = 32;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * A key ring: the first key encrypts, every key decrypts, so rotation is "put the new key in front".
 * @param keys each 32 bytes as base64url with padding, as Python's `Fernet.generate_key` gives it
 * @throws FernetKeyError
 */
export function createCipher(keys: readonly string[]): Cipher {
  const ring = keys.map(parseKey);
  const [primary] = ring;
  if (primary === undefined) throw new FernetKeyError('at least one key is needed');
  if (new Set(keys).size < keys.length) throw new FernetKeyError('a key stands twice');
  const seal = createSealer(primary);
  return {
    encrypt(text) {
      if (!text.isWellFormed()) throw new TypeError('not well-formed text');
      return seal(text, Date.now(), drawRandom(BLOCK_BYTES));
    },
    decrypt(token) {
      const bytes = decodeBase64url(token);
      if (bytes === undefined || bytes.length < CIPHERTEXT_AT + MAC_BYTES || bytes[0] !== VERSION)
        throw new DecryptError();
      const key = ring.find((candidate) => isAuthentic(candidate, bytes));
      if (key === undefined) throw new DecryptError();
      return open(key, bytes);
    },
  };
}

/** A new key: 32 random bytes as base64url with padding, 44 characters. */
export const generateKey = (): string => encodeBase64url(randomBytes(32));

/**
 * What encrypts with a given time (milliseconds) and IV (16 bytes, never used twice). One cipher serves all texts, because
 * to set one up takes longer than to encrypt a token: CBC goes on from the block that it wrote last, so a first block XORed with
 * that block and the IV comes out as if the cipher had begun with the IV.
 */
export function createSealer({ signing, encryption }: Key) {
  const cipher = createCipheriv('aes-128-cbc', encryption, Buffer.alloc(BLOCK_BYTES)).setAutoPadding(false);
  let written = Buffer.alloc(BLOCK_BYTES);
  return (text: string, now: number, iv: Buffer): Ciphertext => {
    const length = Buffer.byteLength(text);
    const padding = BLOCK_BYTES - (length % BLOCK_BYTES); // PKCS #7
    const signedLength = CIPHERTEXT_AT + length + padding;
    const token = Buffer.allocUnsafe(signedLength + MAC_BYTES);
    token[0] = VERSION;
    token.writeUInt16BE(0, 1);
    token.writeUIntBE(Math.floor(now / 1000), 3, 6);
    token.set(iv, IV_AT);
    token.write(text, CIPHERTEXT_AT);
    token.fill(padding, CIPHERTEXT_AT + length, signedLength);
    for (let at = 0; at < BLOCK_BYTES; at += 4) {
      const word = token.readInt32LE(CIPHERTEXT_AT + at) ^ iv.readInt32LE(at) ^ written.readInt32LE(at);
      token.writeInt32LE(word, CIPHERTEXT_AT + at);
    }
    const ciphertext = cipher.update(token.subarray(CIPHERTEXT_AT, signedLength));
    written = ciphertext.subarray(-BLOCK_BYTES);
    token.set(ciphertext, CIPHERTEXT_AT);
    token.set(createHmac('sha256', signing).update(token.subarray(0, signedLength)).digest(), signedLength);
    return branded(encodeBase64url(token));
  };
}

export function parseKey(text: string, index = 0): Key {
  const bytes = decodeBase64url(text);
  if (bytes?.length !== 32) {
    throw new FernetKeyError(`key ${index + 1} is not 32 bytes as base64url with padding (44 characters)`);
  }
  return { signing: createSecretKey(bytes.subarray(0, 16)), encryption: createSecretKey(bytes.subarray(16)) };
}

function isAuthentic(key: Key, bytes: Buffer): boolean {
  const mac = createHmac('sha256', key.signing).update(bytes.subarray(0, -MAC_BYTES)).digest();
  return timingSafeEqual(mac, bytes.subarray(-MAC_BYTES));
}

function open(key: Key, bytes: Buffer): string {
  try {
    const decipher = createDecipheriv('aes-128-cbc', key.encryption, bytes.subarray(IV_AT, CIPHERTEXT_AT));
    const ciphertext = bytes.subarray(CIPHERTEXT_AT, -MAC_BYTES);
    return utf8.decode(Buffer.concat([decipher.update(ciphertext), decipher.final()]));
  } catch {
    throw new DecryptError();
  }
}

function encodeBase64url(bytes: Buffer): string {
  return bytes.toString('base64url').padEnd(4 * Math.ceil(bytes.length / 3), '=');
}

/** Canonical base64url with padding only: Node skips stray characters and needs no padding. */
function decodeBase64url(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url');
  return encodeBase64url(bytes) === text ? bytes : undefined;
}

const branded = (token: string): Ciphertext => {
  if (!isCiphertext(token)) throw new DecryptError();
  return token;
};

const isCiphertext = (token: string): token is Ciphertext => token.startsWith('gAAAA');
