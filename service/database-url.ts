import { readFileSync } from 'node:fs';
import { isNativeError } from 'node:util/types';
import { isLoopback } from '../outbound/urls.ts';
import type { Settings } from './settings.ts';

/** The modes of the driver, which has no opportunistic TLS: `require` and above check the certificate. */
const SSL_MODES = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full', 'no-verify'];
const SSL_FILES = ['sslrootcert', 'sslcert', 'sslkey'];

/** The role that serves. Undefined: the embedded PostgreSQL. */
export const databaseUrl = (settings: Settings): string | undefined => postgresUrl(settings, 'DATABASE_URL');

/** The owner of the tables, which migrates them. Undefined: the role that serves owns them. */
export function migrateDatabaseUrl(settings: Settings): string | undefined {
  if (settings.text('MIGRATE_DATABASE_URL') !== undefined && settings.text('DATABASE_URL') === undefined) {
    settings.problems.push('DATABASE_URL is required with MIGRATE_DATABASE_URL: the role that serves');
  }
  return postgresUrl(settings, 'MIGRATE_DATABASE_URL');
}

function postgresUrl({ problems, valid }: Settings, setting: string): string | undefined {
  const value = valid(setting, isPostgresUrl, 'a URL such as postgresql://user:password@host:5432/tokenhold');
  if (value === undefined || !isPostgresUrl(value)) return undefined;
  const parameters = new URL(value).searchParams;
  const mode = parameters.get('sslmode');
  if (mode !== null && !SSL_MODES.includes(mode)) {
    problems.push(`${setting}: sslmode must be one of ${SSL_MODES.join(', ')}`);
  }
  for (const name of SSL_FILES) {
    const path = parameters.get(name);
    const code = path === null ? undefined : unreadable(path);
    if (code !== undefined) problems.push(`${setting}: the file that ${name} names cannot be read (${code})`);
  }
  return value;
}

/** Whether the connection to this database is neither encrypted nor on this machine. */
export function isInClear(url: string, sslModeOfEnvironment: string | undefined): boolean {
  const { hostname, searchParams } = new URL(url);
  const host = searchParams.get('host') ?? decodeURIComponent(hostname);
  if (host === '' || host.startsWith('/') || isLoopback(host)) return false;
  const mode = searchParams.get('sslmode') ?? sslModeOfEnvironment ?? 'disable';
  return mode === 'disable' && !SSL_FILES.some((name) => searchParams.has(name));
}

function isPostgresUrl(value: string): boolean {
  return URL.canParse(value) && ['postgres:', 'postgresql:'].includes(new URL(value).protocol);
}

function unreadable(path: string): string | undefined {
  try {
    readFileSync(path);
    return undefined;
  } catch (error) {
    return isNativeError(error) && 'code' in error ? String(error.code) : 'unusable';
  }
}
