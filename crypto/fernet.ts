import { createCipheriv, createDecipheriv, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

declare const sealed: unique symbol;
export type Ciphertext = string & { readonly [sealed]: true };
export class DecryptError extends Error {}
export class KeyError extends Error {}
export interface Cipher {
  encrypt(text: string): Ciphertext;
  decrypt(token: string): string;
}
export const generateKey = (): string => `${randomBytes(32).toString('base64url')}=`;
const isCiphertext = (text: string): text is Ciphertext => text !== '';
export function createCipher(keys: readonly string[]): Cipher {
  const ring = keys.map((key) => Buffer.from(key, 'base64url'));
  if (ring.length === 0 || ring.some((key) => key.length !== 32)) throw new KeyError('every key must be 32 bytes as base64url');
  return {
    encrypt(text) {
      const key = ring[0] ?? Buffer.alloc(0);
      const head = Buffer.alloc(9);
      head[0] = 0x80;
      head.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 1000)), 1);
      const iv = randomBytes(16);
      const c = createCipheriv('aes-128-cbc', key.subarray(16), iv);
      const body = Buffer.concat([head, iv, c.update(text, 'utf8'), c.final()]);
      const t = Buffer.concat([body, createHmac('sha256', key.subarray(0, 16)).update(body).digest()]).toString('base64url');
      const padded = t + '='.repeat((4 - (t.length % 4)) % 4);
      if (!isCiphertext(padded)) throw new Error('empty');
      return padded;
    },
    decrypt(token) {
      const b = Buffer.from(token, 'base64url');
      const body = b.subarray(0, -32);
      for (const key of ring) {
        if (timingSafeEqual(createHmac('sha256', key.subarray(0, 16)).update(body).digest(), b.subarray(-32))) {
          const d = createDecipheriv('aes-128-cbc', key.subarray(16), body.subarray(9, 25));
          return Buffer.concat([d.update(body.subarray(25)), d.final()]).toString('utf8');
        }
      }
      throw new DecryptError('not a token of this key ring');
    },
  };
}
