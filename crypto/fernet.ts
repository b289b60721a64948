import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  type KeyObject,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto';

declare const sealed: unique symbol;

/** A Fernet token. Only this module makes one, so a text of this type is encrypted. */
export type Ciphertext = string & { readonly [sealed]: true };

/** No key opens the text. The error never tells which check failed. */
export class DecryptError extends Error {}

/** A text is no Fernet key. The message has its place among several keys, never the key itself. */
export class FernetKeyError extends Error {}

/** A parsed key: its two halves, as Fernet uses them. */
export interface Key {
  readonly signing: KeyObject;
  readonly encryption: KeyObject;
}

// https://github.com/fernet/spec/blob/master/Spec.md: version, time (8 bytes), IV, ciphertext, HMAC-SHA256
const VERSION = 0x80;
/** The block size of AES. */
export const BLOCK_BYTES = 16;
const IV_AT = 9;
const CIPHERTEXT_AT = 25;
const MAC_BYTES = 32;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A new key: 32 random bytes as base64url with padding, 44 characters. */
export const generateKey = (): string => encodeBase64url(randomBytes(32));

/**
 * Seals texts under one key. One cipher object serves all texts, because its set-up takes longer than the encryption of
 * a token. CBC mode goes on from text to text: the object first encrypts a random block, whose ciphertext is as random,
 * and that is the IV of the text.
 * @returns a function that seals a text; `now` is in milliseconds since 1970, `randomBlock` 16 random bytes;
 *   it throws TypeError for a lone surrogate, which UTF-8 cannot hold
 */
export function createSealer({ signing, encryption }: Key) {
  const cipher = createCipheriv('aes-128-cbc', encryption, Buffer.alloc(BLOCK_BYTES)).setAutoPadding(false);
  return (text: string, now: number, randomBlock: Buffer): Ciphertext => {
    if (!text.isWellFormed()) throw new TypeError('not well-formed text');
    const length = Buffer.byteLength(text);
    const padding = BLOCK_BYTES - (length % BLOCK_BYTES); // PKCS #7
    const signedLength = CIPHERTEXT_AT + length + padding;
    const token = Buffer.allocUnsafe(signedLength + MAC_BYTES);
    token[0] = VERSION;
    token.writeUInt16BE(0, 1);
    token.writeUIntBE(Math.floor(now / 1000), 3, 6);
    token.set(randomBlock, IV_AT);
    token.write(text, CIPHERTEXT_AT);
    token.fill(padding, CIPHERTEXT_AT + length, signedLength);
    token.set(cipher.update(token.subarray(IV_AT, signedLength)), IV_AT);
    token.set(createHmac('sha256', signing).update(token.subarray(0, signedLength)).digest(), signedLength);
    return branded(encodeBase64url(token));
  };
}

/** Opens a token with the first key that signed it, at any age. @throws DecryptError */
export function openToken(keys: readonly Key[], token: string): string {
  const bytes = decodeBase64url(token);
  if (bytes === undefined || bytes.length < CIPHERTEXT_AT + MAC_BYTES || bytes[0] !== VERSION)
    throw new DecryptError();
  const key = keys.find((candidate) => isAuthentic(candidate, bytes));
  if (key === undefined) throw new DecryptError();
  return decrypt(key, bytes);
}

/**
 * Reads a key: 32 bytes as base64url with padding, as Python's `Fernet.generate_key` gives it.
 * @param index the key's place among several, for the message
 * @throws FernetKeyError
 */
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

function decrypt(key: Key, bytes: Buffer): string {
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

/** Accepts only canonical base64url with padding. Node would skip stray characters and accept missing padding. */
function decodeBase64url(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url');
  return encodeBase64url(bytes) === text ? bytes : undefined;
}

const branded = (token: string): Ciphertext => {
  if (!isCiphertext(token)) throw new DecryptError();
  return token;
};

const isCiphertext = (token: string): token is Ciphertext => token.startsWith('gAAAA');
