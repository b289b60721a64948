import { isNativeError } from 'node:util/types';
import { DecryptError } from '../crypto/fernet.ts';
import { EmbeddedDatabaseError } from '../db/embedded/cluster.ts';
import { isUnavailable, violatedConstraint } from '../db/postgres/errors.ts';
import { NoSeparateRoleError } from '../db/postgres/grants.ts';
import { NewerDatabaseError } from '../db/postgres/migrate.ts';
import { UnpreparedError } from '../db/postgres/pooler.ts';
import { ProviderBeingDeletedError } from '../db/providers.ts';
import { MissingKeysError } from '../vault/keys.ts';
import { ConfigError } from './config.ts';
import { OperatorError } from './operator-error.ts';

const TOLD = [
  OperatorError,
  ConfigError,
  MissingKeysError,
  NewerDatabaseError,
  NoSeparateRoleError,
  UnpreparedError,
  EmbeddedDatabaseError,
  ProviderBeingDeletedError,
];

const HOW_TO_TRUST =
  'name the certificate of its authority in DATABASE_URL (sslrootcert=/path/ca.pem), and the host that the certificate names';

/** By the code of PostgreSQL, OpenSSL or the operating system. */
const ADVICE: Readonly<Record<string, string>> = {
  '3D000': 'the database that DATABASE_URL names does not exist: create it',
  '42501':
    'the user of DATABASE_URL may not do this: let its owner run `tokenhold migrate`, named in MIGRATE_DATABASE_URL',
  '42P01': 'a table is missing: run `tokenhold migrate`',
  '42703': 'a column is missing: run `tokenhold migrate`',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: `the certificate of the database is not trusted: ${HOW_TO_TRUST}`,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: `the certificate of the database is not trusted: ${HOW_TO_TRUST}`,
  SELF_SIGNED_CERT_IN_CHAIN: `the certificate of the database is not trusted: ${HOW_TO_TRUST}`,
  DEPTH_ZERO_SELF_SIGNED_CERT: `the certificate of the database is not trusted: ${HOW_TO_TRUST}`,
  ERR_TLS_CERT_ALTNAME_INVALID: `the certificate of the database names another host: ${HOW_TO_TRUST}`,
  CERT_HAS_EXPIRED: 'the certificate of the database has expired: renew it there',
};

/** By the code of a file system call. */
const FILE_ADVICE: Readonly<Record<string, string>> = {
  EEXIST: 'is a file, and should be a directory: set DATA_DIR to another one',
  ENOTDIR: 'lies below a file, which should be a directory: set DATA_DIR to another one',
  EROFS: 'lies on a read-only file system: set DATA_DIR to a directory that can be written',
  EACCES: 'cannot be reached or written by this user: set DATA_DIR to a directory that it may write',
  EPERM: 'cannot be changed by this user: set DATA_DIR to a directory that it owns',
  ENOSPC: 'has no space left: free some, or set DATA_DIR to a directory with space',
};

/** A failure in a line for an operator: what to do, if that is known. The text of an error that is not ours is left out. */
export function explain(error: unknown): string {
  if (error instanceof Error && TOLD.some((told) => error instanceof told)) return error.message;
  if (error instanceof DecryptError) return 'no key of FERNET_KEYS opens this token';
  const code = codeOf(error);
  const advice = explainFile(error, code) ?? ADVICE[code] ?? explainLogin(error, code);
  if (advice !== undefined) return `${advice} (${code})`;
  if (/^2[23]/.test(code)) return `the database refuses a value (${violatedConstraint(error) ?? code})`;
  if (isUnavailable(error))
    return `the database does not answer (${code}): check DATABASE_URL, and that PostgreSQL runs`;
  return `unexpected failure (${code})`;
}

function codeOf(error: unknown): string {
  if (!isNativeError(error)) return typeof error;
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}

/** An error of the file system names a path. An error of a Unix socket does too, and its call is `connect`. */
function explainFile(error: unknown, code: string): string | undefined {
  if (!(isNativeError(error) && 'path' in error && 'syscall' in error)) return undefined;
  const advice = FILE_ADVICE[code];
  return advice === undefined || error.syscall === 'connect' ? undefined : `${error.path} ${advice}`;
}

/** Some of these errors differ in their texts only. The texts are fixed ones of PostgreSQL and its driver. */
function explainLogin(error: unknown, code: string): string | undefined {
  const message = error instanceof Error ? error.message : '';
  if (/server does not support SSL/.test(message)) {
    return 'the database has no TLS: switch it on there, or leave sslmode out of DATABASE_URL';
  }
  const parameter = /unsupported startup parameter(?: in options)?: (\w+)/.exec(message)?.[1];
  if (parameter !== undefined) {
    return `the pooler in DATABASE_URL refuses a setting of the connection: add ${parameter} to its ignore_startup_parameters, and see what \`tokenhold doctor\` says then`;
  }
  if (!code.startsWith('28')) return undefined;
  if (/no pg_hba\.conf entry/.test(message)) {
    return /no encryption|SSL off/.test(message)
      ? 'the database refuses connections without TLS: add sslmode=verify-full to DATABASE_URL'
      : "no line of the database's pg_hba.conf admits this user from this address: add one";
  }
  return 'the database refuses the user or password of DATABASE_URL';
}
