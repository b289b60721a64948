import { nameOf } from '../db/ciphertexts.ts';
import { isMigrated } from '../db/postgres/migrate.ts';
import { poolUse, totalUse } from '../db/postgres/pool.ts';
import { connectionHandlers } from '../handlers/connections.ts';
import { deletionHandlers } from '../handlers/deletions.ts';
import { providerHandlers } from '../handlers/providers.ts';
import { tokenHandlers } from '../handlers/tokens.ts';
import { formats } from '../oauth/provider.ts';
import { createAddressRules } from '../outbound/addresses.ts';
import { createOutbound } from '../outbound/outbound.ts';
import { isLoopback } from '../outbound/urls.ts';
import { createAuthenticator } from '../security/authenticate.ts';
import { createBearerVerifier } from '../security/bearer.ts';
import { remember } from '../security/remember.ts';
import type { AppParts } from '../server/app.ts';
import type { AllHandlers } from '../server/contract.ts';
import { createExpiryHints } from '../server/likely-mistakes.ts';
import type { Logger } from '../server/log.ts';
import { createMetrics, type Metrics } from '../server/metrics.ts';
import { readContract } from '../server/operations.ts';
import type { Revoker } from '../vault/revoke.ts';
import type { Waiters } from '../vault/waiters.ts';
import { loadCatalogue } from './catalogue-file.ts';
import type { Config } from './config.ts';
import { assembleConsent } from './consent.ts';
import { assembleDiscovery } from './discovery.ts';
import { type AssembledRefresh, assembleRefresh } from './refresh.ts';
import type { Vault } from './repositories.ts';
import { assembleRevocation } from './revocation.ts';

/** Wires the parts of a server. Each gets only what it needs. */
export function assemble(
  config: Config,
  vault: Vault,
  log: Logger,
  stopping: AbortSignal = new AbortController().signal,
): AppParts & {
  readonly metrics: Metrics;
  readonly waiters: Waiters;
  readonly finished: () => Promise<void>;
  readonly refreshing: AssembledRefresh;
  readonly revoker: Revoker;
} {
  const { apiKeyLookups, workspaces, providers, deletions, imports, tokens, keyRing, db, hot } = vault;
  const { seal } = keyRing;
  const findApiKey = remember(apiKeyLookups.find, {
    expiryOf: ({ expiresAt }) => expiresAt,
    confirm: apiKeyLookups.confirm,
    stopping,
  });
  const findWorkspace = remember((ids) => {
    const [organizationId = '', workspaceId] = ids.split(' ');
    return workspaces.find(organizationId, workspaceId);
  });
  const metrics = createMetrics({
    waiters: () => consent.waiters.count(),
    grants: vault.countGrants,
    pool: () => totalUse(poolUse(db), hot.use()),
    keys: async () =>
      (await vault.countCiphertexts()).map(({ of, key, rows }) => ({ column: nameOf(of), key, rows })),
  });
  const isLocal = isLoopback(new URL(config.publicUrl).hostname);
  const outbound = createOutbound({
    rules: createAddressRules(config.outboundAllow, isLocal),
    observe: metrics.observeOutbound,
  });
  const authenticator = createAuthenticator({
    findApiKey,
    findWorkspace: (...ids) => findWorkspace(ids.filter((id) => id !== undefined).join(' ')),
    verifyBearer: config.oidc && createBearerVerifier(config.oidc, outbound),
  });
  const catalogue = loadCatalogue(config);
  const discovery = assembleDiscovery(config, { vault, outbound, log });
  const { noticeForgotten } = discovery;
  const refreshing = assembleRefresh({ vault, catalogue, outbound, metrics, log, noticeForgotten });
  const consent = assembleConsent(config, {
    vault,
    catalogue,
    outbound,
    metrics,
    refreshing,
    noticeForgotten,
  });
  const revoker = assembleRevocation({ vault, catalogue, outbound, metrics, log });
  const handlers: AllHandlers = {
    ...providerHandlers({ providers, deletions, seal, settle: revoker.settle }),
    ...tokenHandlers({ imports, tokens, seal, onImport: createExpiryHints({ log, metrics }) }),
    ...connectionHandlers({ connections: vault.connections }),
    ...deletionHandlers({ deletions: vault.tokenDeletions, settle: revoker.settle }),
    ...discovery.handlers,
    ...consent.handlers,
  };
  return {
    contract: readContract(),
    formats,
    valueLimits: config.valueLimits,
    handlers,
    pages: [...consent.pages, ...discovery.pages],
    waiters: consent.waiters,
    finished: consent.finished,
    refreshing,
    revoker,
    authenticator,
    stopping,
    isReady: async () => keyRing.open(keyRing.seal('').ciphertext) === '' && (await isMigrated(db)),
    log,
    isTracing: config.isTracing,
    metrics,
    trustProxy: config.trustProxy,
    limits: config.limits,
  };
}
