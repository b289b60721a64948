import { hash, randomBytes, randomInt } from 'node:crypto';

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const API_KEY = /^thk_[0-9A-Za-z]{6}_[A-Za-z0-9_-]{43}$/;

export interface GeneratedApiKey {
  /** Secret. `thk_`, the public id, `_`, 32 random bytes as base64url. */
  readonly apiKey: string;
  /** The public id, 6 characters. */
  readonly apiKeyId: string;
  /** SHA-256 of the key, as hexadecimal digits. */
  readonly keyHash: string;
}

export function generateApiKey(): GeneratedApiKey {
  const apiKeyId = Array.from({ length: 6 }, () => ALPHABET.charAt(randomInt(ALPHABET.length))).join('');
  const apiKey = `thk_${apiKeyId}_${randomBytes(32).toString('base64url')}`;
  return { apiKey, apiKeyId, keyHash: sha256(apiKey) };
}

/** The SHA-256 of an API key, as hexadecimal digits. Undefined: the text cannot be a key. Random keys need no slow hash. */
export const hashApiKey = (apiKey: string): string | undefined =>
  API_KEY.test(apiKey) ? sha256(apiKey) : undefined;

const sha256 = (apiKey: string): string => hash('sha256', apiKey);
