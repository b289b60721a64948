import { createKeyRing } from '../crypto/key-ring.ts';
import type { Settings } from './settings.ts';

const HOW_TO_MAKE_A_KEY = 'make one with `tokenhold fernet-key generate`';
const SOURCES = ['FERNET_KEYS', 'FERNET_KEYS_FILE', 'FERNET_KEYS_COMMAND'];

/** The source of the Fernet keys: at most one of the three. None: a file in the data directory. */
export interface KeySettings {
  readonly fernetKeys: readonly string[] | undefined;
  readonly fernetKeysFile: string | undefined;
  /** A shell runs it, and it prints the keys. */
  readonly fernetKeysCommand: string | undefined;
  readonly fernetKeysCommandTimeoutSeconds: number;
}

export function keySettings(settings: Settings): KeySettings {
  const { problems, text, integer } = settings;
  const given = SOURCES.filter((name) => text(name) !== undefined);
  if (given.length > 1) problems.push(`${given.join(' and ')} exclude each other: set one of them`);
  if (given.length === 0 && text('DATABASE_URL') !== undefined) {
    problems.push(
      `FERNET_KEYS (or FERNET_KEYS_FILE, or FERNET_KEYS_COMMAND) is required with DATABASE_URL: one or more keys, separated by commas; ${HOW_TO_MAKE_A_KEY}`,
    );
  }
  return {
    fernetKeys: fernetKeys(settings),
    fernetKeysFile: text('FERNET_KEYS_FILE'),
    fernetKeysCommand: text('FERNET_KEYS_COMMAND'),
    fernetKeysCommandTimeoutSeconds: integer('FERNET_KEYS_COMMAND_TIMEOUT_SECONDS', {
      from: 1,
      to: 3600,
      otherwise: 30,
    }),
  };
}

function fernetKeys({ problems, text }: Settings): readonly string[] | undefined {
  const keys = text('FERNET_KEYS')
    ?.split(',')
    .map((key) => key.trim());
  if (keys === undefined) return undefined;
  try {
    createKeyRing(keys);
  } catch (error) {
    problems.push(
      `FERNET_KEYS: ${error instanceof Error ? error.message : 'unusable'}; ${HOW_TO_MAKE_A_KEY}`,
    );
  }
  return keys;
}
