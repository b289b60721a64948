import type { PendingAuthorization } from '../db/consents.ts';
import { AUTHORIZATION_ENDED } from '../db/consents.ts';
import { listen } from '../db/postgres/listener.ts';
import { authorizationHandlers } from '../handlers/authorizations.ts';
import { callbackHandlers } from '../handlers/callbacks.ts';
import { connectPages } from '../handlers/connect.ts';
import type { Catalogue } from '../oauth/catalogue/catalogue.ts';
import { isInstalled } from '../oauth/installation.ts';
import { exchangeCode } from '../oauth/token-endpoint.ts';
import type { Outbound } from '../outbound/outbound.ts';
import type { Metrics } from '../server/metrics.ts';
import { providerUrl, startAuthorization } from '../vault/authorize.ts';
import {
  type AuthorizationOutcome,
  type Finish,
  finishAuthorization,
  readResponse,
} from '../vault/finish.ts';
import { byState, byTicket } from '../vault/locate.ts';
import { sweepAuthorizations } from '../vault/sweep.ts';
import type { Refreshing } from '../vault/usable-token.ts';
import { createWaiters, type Waiters } from '../vault/waiters.ts';
import type { Config } from './config.ts';
import type { NoticeForgotten } from './discovery.ts';
import type { Vault } from './repositories.ts';

interface Parts {
  readonly vault: Vault;
  readonly catalogue: Catalogue;
  readonly outbound: Outbound;
  readonly metrics: Pick<Metrics, 'observeAuthorization'>;
  readonly refreshing: Refreshing;
  readonly noticeForgotten: NoticeForgotten;
}

/** The handlers and pages that give tokens out and let people consent. */
export function assembleConsent(
  config: Config,
  { vault, catalogue, outbound, metrics, refreshing, noticeForgotten }: Parts,
) {
  const { authorizations, consents, revocations, releases, keyRing } = vault;
  const { hasConnectPage, callbackBridgeUrl, waiters: limits } = config.authorizations;
  const site = { publicUrl: config.publicUrl, signer: keyRing };
  const waiters = createWaiters({ authorizations, limits });
  const locating = { consents, signer: keyRing };
  const toProvider = (begun: PendingAuthorization) => providerUrl({ open: keyRing.open, catalogue }, begun);
  const observe = ({ provider, ageSeconds }: PendingAuthorization, outcome: AuthorizationOutcome): void =>
    metrics.observeAuthorization({
      provider: catalogue.find(provider.tokenUrl)?.name,
      outcome,
      seconds: ageSeconds,
    });
  const starting = {
    authorizations,
    consents,
    keyRing,
    settings: { publicUrl: config.publicUrl, hasConnectPage },
    providerUrl: toProvider,
  };
  const finishing = {
    consents,
    revocations,
    keyRing,
    catalogue,
    async exchange(organizationId: string, ...given: ExchangeArguments) {
      const result = await exchangeCode(outbound.requestFor(organizationId), ...given);
      await noticeForgotten(organizationId, given[0].clientId, result);
      return result;
    },
    isInstalled: (organizationId: string, ...given: InstallationArguments) =>
      isInstalled(outbound.requestFor(organizationId), ...given),
    observe,
  };
  const underWay = new Set<Promise<Finish>>();
  function noted(finish: Promise<Finish>): Promise<Finish> {
    underWay.add(finish);
    finish.then(
      () => underWay.delete(finish),
      () => underWay.delete(finish),
    );
    return finish;
  }
  return {
    waiters,
    /** Resolves once the authorizations that are being finished are stored. */
    finished: async (): Promise<void> => void (await Promise.allSettled(underWay)),
    handlers: {
      ...authorizationHandlers({
        releases,
        refreshing,
        open: keyRing.open,
        start: (wish, by) => startAuthorization(starting, wish, by),
        waiters,
      }),
      ...callbackHandlers({
        site,
        bridgeUrl: callbackBridgeUrl,
        hasConnectPage,
        challenge: config.oidc === undefined ? 'APIKey' : 'APIKey, Bearer',
        find: (...given) => byState(locating, ...given),
        read: (...given) => readResponse({ catalogue }, ...given),
        finish: (...given) => noted(finishAuthorization(finishing, ...given)),
      }),
    },
    pages: connectPages({ site, find: (ticket) => byTicket(locating, ticket), providerUrl: toProvider }),
  };
}

type ExchangeArguments =
  Parameters<typeof exchangeCode> extends [unknown, infer Client, infer Given, ...unknown[]]
    ? [Client, Given]
    : never;

type InstallationArguments = Parameters<typeof isInstalled> extends [unknown, ...infer Given] ? Given : never;

/** What goes on beside the requests: waiters are woken, and expired authorizations deleted. @returns how to stop */
export function startConsentWork(
  { connectionString, authorizations }: Vault,
  {
    waiters,
    metrics,
    finished,
  }: {
    readonly waiters: Waiters;
    readonly metrics: Parts['metrics'];
    readonly finished: () => Promise<void>;
  },
): () => Promise<void> {
  const listener = listen(connectionString, AUTHORIZATION_ENDED, waiters.notify);
  const stopSweeping = sweepAuthorizations({
    authorizations,
    onExpired: (count) => metrics.observeAuthorization({ provider: undefined, outcome: 'expired', count }),
  });
  return async () => {
    stopSweeping();
    await finished();
    await listener.close();
  };
}
