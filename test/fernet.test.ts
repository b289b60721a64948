import { createDecipheriv } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import fernet from 'fernet';
import {
  createSealer,
  DecryptError,
  FernetKeyError,
  generateKey,
  type Key,
  parseKey,
} from '../crypto/fernet.ts';
import { createKeyRing } from '../crypto/key-ring.ts';

interface Vector {
  readonly desc: string;
  readonly token: string;
  readonly now: string;
  readonly iv: readonly number[];
  readonly src: string;
  readonly secret: string;
}

const vectors: Readonly<Record<'generate' | 'verify' | 'invalid', readonly Vector[]>> = JSON.parse(
  readFileSync(new URL('./vectors/fernet.json', import.meta.url), 'utf8'),
);

/** Wrong only by their age. A vault accepts any age, because it keeps tokens for years. */
const WRONG_BY_AGE = ['far-future TS (unacceptable clock skew)', 'expired TTL'];

/** The block that a new sealer encrypts to this initialization vector. */
const blockBefore = ({ encryption }: Key, iv: Buffer): Buffer =>
  createDecipheriv('aes-128-ecb', encryption, null).setAutoPadding(false).update(iv);

describe('the published vectors', () => {
  it.each(vectors.generate)('generate $token', ({ token, now, iv, src, secret }) => {
    const key = parseKey(secret);
    const seal = createSealer(key);
    expect(seal(src, Date.parse(now), blockBefore(key, Buffer.from(iv)))).toBe(token);
  });

  it.each(vectors.verify)('verify $token', ({ token, src, secret }) => {
    expect(createKeyRing([secret]).open(token)).toBe(src);
  });

  it.each(vectors.invalid.filter(({ desc }) => !WRONG_BY_AGE.includes(desc)))(
    'refuse: $desc',
    ({ token, secret }) => {
      expect(() => createKeyRing([secret]).open(token)).toThrow(DecryptError);
    },
  );

  it.each(vectors.invalid.filter(({ desc }) => WRONG_BY_AGE.includes(desc)))(
    'open at any age: $desc',
    ({ token, secret }) => {
      expect(createKeyRing([secret]).open(token)).toBe('');
    },
  );
});

const key = generateKey();
const keyRing = createKeyRing([key]);
const unicode = () => fc.string({ unit: 'binary', maxLength: 300 });

describe('an independent implementation', () => {
  it('opens what we seal', () => {
    const secret = new fernet.Secret(key);
    fc.assert(
      fc.property(unicode(), (text) => {
        const token = new fernet.Token({ secret, token: keyRing.seal(text).ciphertext, ttl: 0 });
        expect(token.decode()).toBe(text);
      }),
    );
  });

  it('seals what we open', () => {
    const secret = new fernet.Secret(key);
    fc.assert(
      fc.property(unicode(), (text) => {
        expect(keyRing.open(new fernet.Token({ secret }).encode(text))).toBe(text);
      }),
    );
  });
});

describe('a sealed text', () => {
  it.each(['', '\ufeffbom', 'a\0b', '😀'.repeat(50_000)])('opens to exactly what it was', (text) => {
    expect(keyRing.open(keyRing.seal(text).ciphertext)).toBe(text);
  });

  it('never looks the same twice', () => {
    expect(keyRing.seal('x').ciphertext).not.toBe(keyRing.seal('x').ciphertext);
  });

  it('does not open when any one byte is changed', () => {
    const bytes = Buffer.from(keyRing.seal('hello').ciphertext, 'base64url');
    for (const [index, byte] of bytes.entries()) {
      const changed = Buffer.from(bytes);
      changed[index] = byte ^ 1;
      const token = changed.toString('base64').replaceAll('+', '-').replaceAll('/', '_');
      expect(() => keyRing.open(token)).toThrow(DecryptError);
    }
  });

  it('does not open when it is written in another form of base64', () => {
    const token = keyRing.seal('hello').ciphertext; // its 73 bytes end in two characters of padding
    const standard = token.replaceAll('-', '+').replaceAll('_', '/');
    const trailingBits = token.replace(/.==$/, (last) => `${String.fromCharCode(last.charCodeAt(0) + 1)}==`);
    const forms = [
      token.slice(0, -1),
      token.slice(0, -2),
      `${token}=`,
      ` ${token}`,
      `${token}\n`,
      `${token}A`,
      trailingBits,
    ];
    for (const form of standard === token ? forms : [...forms, standard]) {
      expect(() => keyRing.open(form)).toThrow(DecryptError);
    }
  });

  it('tells nothing of why it does not open', () => {
    const failures = [
      '',
      'x',
      keyRing.seal('x').ciphertext.slice(0, -4),
      createKeyRing([generateKey()]).seal('x').ciphertext,
    ].map((token) => {
      try {
        return keyRing.open(token);
      } catch (error) {
        return String(error);
      }
    });
    expect(new Set(failures).size).toBe(1);
  });

  it('cannot be made of text that UTF-8 cannot hold', () => {
    expect(() => keyRing.seal('\ud800')).toThrow(TypeError);
  });
});

describe('a key ring', () => {
  it('seals with the first key and opens with any', () => {
    const old = generateKey();
    const ring = createKeyRing([key, old]);
    expect(ring.open(createKeyRing([old]).seal('x').ciphertext)).toBe('x');
    expect(keyRing.open(ring.seal('x').ciphertext)).toBe('x');
  });

  it('refuses what none of its keys has sealed', () => {
    expect(() => keyRing.open(createKeyRing([generateKey()]).seal('x').ciphertext)).toThrow(DecryptError);
  });

  it.each([
    [[]],
    [['']],
    [[`${'+'.repeat(43)}=`]],
    [[generateKey().slice(0, 43)]],
    [[`${generateKey().slice(0, 42)}B=`]],
    [[` ${generateKey()}`]],
    [[Buffer.alloc(16).toString('base64url')]],
    [[key, key]],
  ])('refuses a key that cannot be one, without repeating it', (keys) => {
    const attempt = () => createKeyRing(keys);
    expect(attempt).toThrow(FernetKeyError);
    for (const given of keys.filter((text) => text !== '')) expect(attempt).not.toThrow(given);
  });
});
