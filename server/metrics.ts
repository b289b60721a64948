import { createServer, type Server } from 'node:http';
import { setTimeout } from 'node:timers/promises';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { OutboundObservation } from '../outbound/observe.ts';
import { InvalidCredentialsError } from '../security/authenticate.ts';
import type { OperationId } from './contract.ts';
import { rarely } from './rarely.ts';

/** What is measured of a request. No label holds a caller's text. */
export interface Observation {
  /** Undefined: no operation of the contract. */
  readonly operationId: string | undefined;
  /** Undefined: the client went away. */
  readonly status: number | undefined;
  readonly seconds: number;
}

/** The end of authorizations. */
export interface AuthorizationObservation {
  /** The name of the catalogue's entry; undefined: none, or unknown. */
  readonly provider: string | undefined;
  readonly outcome: 'completed' | 'refused' | 'failed' | 'expired';
  /** From the start to the end; undefined: not measured. */
  readonly seconds?: number;
  /** Default 1. */
  readonly count?: number;
}

/** The end of an attempt to refresh a token. */
export interface RefreshOutcome {
  /** The name of the catalogue's entry; undefined: none. */
  readonly provider: string | undefined;
  readonly outcome: string;
  readonly seconds: number;
}

/** Grants by state, whose refresh token expires within seven days, and the lease that has run for the longest. */
export interface GrantGauges {
  readonly states: Readonly<Record<string, number>>;
  readonly dying: number;
  readonly oldestLeaseSeconds: number | null;
}

/** Read at each scrape. */
export interface Gauges {
  /** How many requests wait for an authorization. */
  readonly waiters: () => number;
  /** It reads all tokens, so it runs at most once a minute. */
  readonly grants: () => Promise<GrantGauges>;
  readonly pool: () => Readonly<Record<'used' | 'free' | 'waiting', number>>;
  /** How many ciphertexts each key protects. It reads whole indexes, so it runs at most once a minute. */
  readonly keys: () => Promise<
    readonly { readonly column: string; readonly key: string; readonly rows: number }[]
  >;
}

export type Metrics = ReturnType<typeof createMetrics>;

const IMPORT: OperationId = 'import_oauth_token_v2_auth_tokens_import_post';
/** A scrape waits no longer than this for a count. A slow one shows at a later scrape. */
const KEYS_PATIENCE_MS = 500;

/** Shows which version runs. A query can join it with other metrics to tell versions apart. */
export function showBuild({ registry }: Metrics, version: string): void {
  new Gauge({
    name: 'tokenhold_build_info',
    help: 'Always 1; the labels tell which version runs',
    labelNames: ['version', 'node'],
    registers: [registry],
  }).set({ version, node: process.version }, 1);
}

/** The service's metrics, for Prometheus, with those of the process (event-loop lag, memory, CPU) beside them. */
export function createMetrics(gauges: Gauges) {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const requests = new Counter({
    name: 'tokenhold_http_requests_total',
    help: 'Requests by operation and status; status 0: the client went away',
    labelNames: ['operation', 'status'],
    registers,
  });
  const durations = new Histogram({
    name: 'tokenhold_http_request_duration_seconds',
    help: 'From the headers of a request to the end of its answer',
    labelNames: ['operation'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers,
  });
  const imports = new Counter({ name: 'tokenhold_imports_total', help: 'Tokens stored', registers });
  const failures = new Counter({
    name: 'tokenhold_authentication_failures_total',
    help: 'Requests that were not let in: missing credentials, or wrong ones by kind',
    labelNames: ['reason'],
    registers,
  });
  const outbound = new Histogram({
    name: 'tokenhold_outbound_request_duration_seconds',
    help: 'Requests to other servers by purpose and outcome: the class of the status, or why there was no answer',
    labelNames: ['purpose', 'outcome'],
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20],
    registers,
  });
  const authorizations = new Counter({
    name: 'tokenhold_authorizations_total',
    help: 'Authorizations that ended, by provider (of the catalogue, or other) and outcome',
    labelNames: ['provider', 'outcome'],
    registers,
  });
  const revocations = new Counter({
    name: 'tokenhold_revocations_total',
    help: 'Attempts to revoke deleted tokens, by provider (of the catalogue, or other) and outcome; failed: given up',
    labelNames: ['provider', 'outcome'],
    registers,
  });
  const consents = new Histogram({
    name: 'tokenhold_time_to_consent_seconds',
    help: 'From the start of an authorization to its token',
    buckets: [5, 10, 20, 30, 60, 120, 300, 600],
    registers,
  });
  new Gauge({
    name: 'tokenhold_waiters',
    help: 'Requests that wait for an authorization to end',
    registers,
    collect() {
      this.set(gauges.waiters());
    },
  });
  new Gauge({
    name: 'tokenhold_database_connections',
    help: 'Connections of the pool: used, free, and requests that wait for one',
    labelNames: ['state'],
    registers,
    collect() {
      for (const [state, count] of Object.entries(gauges.pool())) this.set({ state }, count);
    },
  });
  const ciphertexts = new Gauge({
    name: 'tokenhold_ciphertexts',
    help: 'Ciphertexts by column and by the fingerprint of the key that protects them',
    labelNames: ['column', 'key'],
    registers,
    collect: () => Promise.race([counted(), setTimeout(KEYS_PATIENCE_MS, undefined, { ref: false })]),
  });
  const counted = rarely(async () => {
    const counts = await gauges.keys();
    ciphertexts.reset();
    for (const { column, key, rows } of counts) ciphertexts.set({ column, key }, rows);
  });
  const observeRefresh = refreshMetrics(registers, gauges);
  return {
    registry,
    observeRefresh,

    observe({ operationId, status, seconds }: Observation): void {
      const operation = operationId ?? 'none';
      requests.inc({ operation, status: status ?? 0 });
      durations.observe({ operation }, seconds);
      if (operationId === IMPORT && status !== undefined && status >= 200 && status < 300) imports.inc();
    },

    observeOutbound({ purpose, outcome, seconds }: OutboundObservation): void {
      outbound.observe({ purpose, outcome }, seconds);
    },

    observeAuthorization({ provider, outcome, seconds, count = 1 }: AuthorizationObservation): void {
      authorizations.inc({ provider: provider ?? 'other', outcome }, count);
      if (outcome === 'completed' && seconds !== undefined) consents.observe(seconds);
    },

    /** @param provider the name of the catalogue's entry; undefined: none */
    observeRevocation(provider: string | undefined, outcome: string): void {
      revocations.inc({ provider: provider ?? 'other', outcome });
    },

    observeFailure(error: unknown): void {
      failures.inc({ reason: error instanceof InvalidCredentialsError ? error.reason : 'missing' });
    },
  };
}

/** @returns what counts the outcome of an attempt */
function refreshMetrics(registers: Registry[], gauges: Pick<Gauges, 'grants'>) {
  const refreshes = new Histogram({
    name: 'tokenhold_refresh_duration_seconds',
    help: 'Attempts to refresh a token, by provider (of the catalogue, or other) and outcome',
    labelNames: ['provider', 'outcome'],
    buckets: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40],
    registers,
  });
  const states = new Gauge({
    name: 'tokenhold_grants',
    help: 'Grants by state: alive, expiring, dead, orphaned',
    labelNames: ['state'],
    registers,
    collect: () => Promise.race([counted(), setTimeout(KEYS_PATIENCE_MS, undefined, { ref: false })]),
  });
  const dying = new Gauge({
    name: 'tokenhold_grants_dying',
    help: 'Grants whose refresh token expires within seven days unless it is used',
    registers,
  });
  const oldestLease = new Gauge({
    name: 'tokenhold_refresh_oldest_lease_seconds',
    help: 'Age of the refresh that has been under way for the longest; 0: none is',
    registers,
  });
  const counted = rarely(async () => {
    const grants = await gauges.grants();
    for (const [state, count] of Object.entries(grants.states)) states.set({ state }, count);
    dying.set(grants.dying);
    oldestLease.set(grants.oldestLeaseSeconds ?? 0);
  });
  return ({ provider, outcome, seconds }: RefreshOutcome): void =>
    refreshes.observe({ provider: provider ?? 'other', outcome }, seconds);
}

/** Serves `GET /metrics`, and nothing else. On a port of its own, which callers of the API need not reach. */
export function createMetricsServer({ registry }: Metrics): Server {
  return createServer(async (request, response) => {
    if (request.method !== 'GET' || request.url !== '/metrics') return void response.writeHead(404).end();
    const text = await registry.metrics();
    response.writeHead(200, { 'Content-Type': registry.contentType, 'Cache-Control': 'no-store' }).end(text);
  });
}
