import { isIP } from 'node:net';
import { isSecureUrl } from '../outbound/urls.ts';
import type { BearerOptions } from '../security/bearer.ts';
import type { Limits } from '../server/app.ts';
import type { HttpLimits } from '../server/http.ts';
import { VALUE_LIMITS, type ValueLimits } from '../server/max-values.ts';
import { type AuthorizationConfig, authorizationConfig } from './authorization-settings.ts';
import { databaseUrl, migrateDatabaseUrl } from './database-url.ts';
import { type KeySettings, keySettings } from './key-settings.ts';
import { outboundAllow, publicUrl } from './network-settings.ts';
import { type Environment, reader, type Settings } from './settings.ts';

export type { Environment };

export interface Config extends KeySettings {
  readonly host: string;
  readonly port: number;
  /** Where callers and browsers reach the service, without a slash at the end. */
  readonly publicUrl: string;
  /** Networks and hosts that our requests may reach although they are not public. */
  readonly outboundAllow: readonly string[];
  readonly authorizations: AuthorizationConfig;
  /** Whether MCP discovery takes an authorization server that does not list PKCE with S256. */
  readonly allowsUnadvertisedPkce: boolean;
  readonly logLevel: string;
  /** Undefined: no metrics are served. */
  readonly metricsPort: number | undefined;
  readonly metricsHost: string;
  /** Whether spans are sent to a collector, which the SDK's own variables (`OTEL_…`) name. */
  readonly isTracing: boolean;
  /** Undefined: the embedded PostgreSQL in `dataDir`. */
  readonly databaseUrl: string | undefined;
  /** The owner of the tables. Undefined: the role of `databaseUrl` owns them. */
  readonly migrateDatabaseUrl: string | undefined;
  readonly databasePoolMax: number;
  readonly statementTimeoutSeconds: number;
  readonly acquireTimeoutSeconds: number;
  readonly dataDir: string;
  /** A JSON list of catalogue entries. Undefined: the built-in ones only. */
  readonly providerCatalogueFile: string | undefined;
  /** Undefined: no bearer token is accepted. */
  readonly oidc: BearerOptions | undefined;
  /** As Express takes it: false, a number of hops, or addresses. */
  readonly trustProxy: false | number | string;
  readonly shutdownTimeoutSeconds: number;
  readonly limits: Limits & HttpLimits;
  /** How many values a request may hold, by the settings that `x-max-values` in the contract names. */
  readonly valueLimits: ValueLimits;
  /** How many tokens a user may have of a provider; 0: any number. */
  readonly tokensPerUserAndProviderMax: number;
}

const valueLimit = ({ integer }: Settings, name: keyof typeof VALUE_LIMITS, to: number): number =>
  integer(name, { from: 1, to, otherwise: VALUE_LIMITS[name] });

/** Lists every problem of the settings, a line each, and how to set them. It repeats no value: some are secret. */
export class ConfigError extends Error {
  constructor(problems: readonly string[]) {
    super(`invalid configuration:\n${problems.map((problem) => `- ${problem}`).join('\n')}`);
  }
}

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

/**
 * Reads the settings. An empty setting counts as none.
 * @throws ConfigError
 */
export function loadConfig(env: Environment): Config {
  const settings = reader(env);
  const config: Config = {
    host: settings.text('HOST') ?? '127.0.0.1',
    port: settings.integer('PORT', { from: 0, to: 65_535, otherwise: 8124 }),
    publicUrl: publicUrl(settings),
    outboundAllow: outboundAllow(settings),
    authorizations: authorizationConfig(settings),
    allowsUnadvertisedPkce:
      settings.valid(
        'MCP_ALLOW_UNADVERTISED_PKCE',
        (value) => value === 'true' || value === 'false',
        'true or false',
      ) === 'true',
    logLevel:
      settings.valid('LOG_LEVEL', (level) => LOG_LEVELS.includes(level), `one of ${LOG_LEVELS.join(', ')}`) ??
      'info',
    metricsPort:
      settings.text('METRICS_PORT') === undefined
        ? undefined
        : settings.integer('METRICS_PORT', { from: 0, to: 65_535, otherwise: 0 }),
    metricsHost: settings.text('METRICS_HOST') ?? '127.0.0.1',
    isTracing: isTracing(settings),
    databaseUrl: databaseUrl(settings),
    migrateDatabaseUrl: migrateDatabaseUrl(settings),
    databasePoolMax: settings.integer('DATABASE_POOL_MAX', { from: 1, to: 1000, otherwise: 10 }),
    statementTimeoutSeconds: settings.integer('DATABASE_STATEMENT_TIMEOUT_SECONDS', {
      from: 1,
      to: 3600,
      otherwise: 10,
    }),
    acquireTimeoutSeconds: settings.integer('DATABASE_ACQUIRE_TIMEOUT_SECONDS', {
      from: 1,
      to: 3600,
      otherwise: 5,
    }),
    ...keySettings(settings),
    dataDir: settings.text('DATA_DIR') ?? '.data',
    providerCatalogueFile: settings.text('PROVIDER_CATALOGUE_FILE'),
    oidc: oidc(settings),
    trustProxy: trustProxy(settings),
    shutdownTimeoutSeconds: settings.integer('SHUTDOWN_TIMEOUT_SECONDS', {
      from: 0,
      to: 3600,
      otherwise: 10,
    }),
    limits: limits(settings),
    tokensPerUserAndProviderMax: settings.integer('TOKENS_PER_USER_AND_PROVIDER_MAX', {
      from: 0,
      to: 1_000_000,
      otherwise: 1_000,
    }),
    valueLimits: {
      METADATA_MAX_VALUES: valueLimit(settings, 'METADATA_MAX_VALUES', 10_000),
      SCOPES_MAX: valueLimit(settings, 'SCOPES_MAX', 1_900),
    },
  };
  if (settings.problems.length > 0) throw new ConfigError(settings.problems);
  return config;
}

function oidc({ problems, text, valid }: Settings): BearerOptions | undefined {
  const issuer = valid(
    'OIDC_ISSUER',
    isIssuer,
    'an https URL without query or fragment (http only on a loopback host)',
  );
  const audience = text('OIDC_AUDIENCE');
  if (text('OIDC_ISSUER') !== undefined && audience === undefined) {
    problems.push(
      'OIDC_AUDIENCE is required with OIDC_ISSUER: the audience that your issuer puts in tokens for this service',
    );
  }
  if (text('OIDC_ISSUER') === undefined && audience !== undefined) {
    problems.push('OIDC_ISSUER is required with OIDC_AUDIENCE: the URL of your OpenID Connect issuer');
  }
  if (issuer === undefined || audience === undefined) return undefined;
  return {
    issuer,
    audience,
    organizationClaim: text('OIDC_ORGANIZATION_CLAIM') ?? 'organization_id',
    roleClaim: text('OIDC_ROLE_CLAIM') ?? 'role',
    workspaceClaim: text('OIDC_WORKSPACE_CLAIM') ?? 'workspace_id',
  };
}

function trustProxy({ valid }: Settings): false | number | string {
  const isAddress = (entry: string) => {
    const [address = '', prefix = '1', ...more] = entry.trim().split('/');
    const bits = isIP(address) === 4 ? 32 : 128;
    if (['loopback', 'linklocal', 'uniquelocal'].includes(entry.trim())) return true;
    if (isIP(address) === 0 || address.includes('%') || more.length > 0) return false; // `%` names an interface
    return /^\d{1,3}$/.test(prefix) && Number(prefix) >= 1 && Number(prefix) <= bits;
  };
  const isValid = (value: string) =>
    value === 'off' || /^\d{1,2}$/.test(value) || value.split(',').every(isAddress);
  const value =
    valid(
      'TRUST_PROXY',
      isValid,
      'off, a number of proxies, or a list of their addresses such as 10.0.0.0/8, loopback',
    ) ?? 'off';
  if (value === 'off') return false;
  return /^\d+$/.test(value) ? Number(value) : value;
}

function limits({ integer }: Settings): Limits & HttpLimits {
  const requestTimeoutSeconds = integer('REQUEST_TIMEOUT_SECONDS', { from: 1, to: 3600, otherwise: 30 });
  return {
    bodyBytes: integer('BODY_LIMIT_BYTES', { from: 1024, to: 104_857_600, otherwise: 1_048_576 }),
    headerBytes: integer('HEADER_LIMIT_BYTES', { from: 1024, to: 1_048_576, otherwise: 16_384 }),
    headerCount: integer('HEADER_LIMIT_COUNT', { from: 10, to: 10_000, otherwise: 100 }),
    headersTimeoutSeconds: integer('HEADERS_TIMEOUT_SECONDS', {
      from: 1,
      to: requestTimeoutSeconds,
      otherwise: Math.min(10, requestTimeoutSeconds),
    }),
    requestTimeoutSeconds,
    maxConnections: integer('MAX_CONNECTIONS', { from: 1, to: 1_000_000, otherwise: 10_000 }),
    keepAliveTimeoutSeconds: integer('KEEP_ALIVE_TIMEOUT_SECONDS', { from: 1, to: 3600, otherwise: 75 }),
    authFailuresPerMinute: integer('AUTH_FAILURES_PER_MINUTE', { from: 0, to: 1_000_000, otherwise: 600 }),
  };
}

function isTracing({ valid }: Settings): boolean {
  const isUrl = (value: string) =>
    URL.canParse(value) && ['http:', 'https:'].includes(new URL(value).protocol);
  const endpoints = ['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'];
  return endpoints
    .map((name) => valid(name, isUrl, 'the http(s) URL of a collector'))
    .some((url) => url !== undefined);
}

function isIssuer(value: string): boolean {
  if (!isSecureUrl(value)) return false;
  const { search, hash } = new URL(value);
  return search === '' && hash === '';
}
