import { DecryptError } from '../crypto/fernet.ts';
import { EmbeddedDatabaseError } from '../db/embedded/cluster.ts';
import { errorCode, isUnavailable } from '../db/postgres/errors.ts';
import { NewerDatabaseError } from '../db/postgres/migrate.ts';
import { ProviderBeingDeletedError } from '../db/providers.ts';
import { MissingKeysError } from '../vault/keys.ts';
import { ConfigError } from './config.ts';

/** A failure told in words for an operator. */
export class OperatorError extends Error {}

const TOLD = [
  OperatorError,
  ConfigError,
  MissingKeysError,
  NewerDatabaseError,
  EmbeddedDatabaseError,
  ProviderBeingDeletedError,
];

/** What an operator reads of a failure: what to do, where it is known; never the text of an error that is not ours. */
export function explain(error: unknown): string {
  if (error instanceof Error && TOLD.some((told) => error instanceof told)) return error.message;
  if (error instanceof DecryptError) return 'no key of FERNET_KEYS opens this token';
  const code = errorCode(error) ?? (error instanceof Error ? error.name : typeof error);
  if (code.startsWith('28')) return `the database refuses the user or password of DATABASE_URL (${code})`;
  if (code === '3D000') return 'the database that DATABASE_URL names does not exist: create it (3D000)';
  if (code === '42501')
    return 'the user of DATABASE_URL may not do this: it must own the database or schema (42501)';
  if (isUnavailable(error))
    return `the database does not answer (${code}): check DATABASE_URL, and that PostgreSQL runs`;
  return `unexpected failure (${code})`;
}
