import type { Catalogue } from '../oauth/catalogue/catalogue.ts';
import { refreshTokens } from '../oauth/token-endpoint.ts';
import type { Outbound } from '../outbound/outbound.ts';
import type { Logger } from '../server/log.ts';
import type { Metrics } from '../server/metrics.ts';
import { startRefreshWork } from '../vault/refresh/background.ts';
import { createOutages } from '../vault/refresh/outages.ts';
import { createRefresher, type RefreshObservation } from '../vault/refresh/refresher.ts';
import type { Refreshing } from '../vault/usable-token.ts';
import type { NoticeForgotten } from './discovery.ts';
import type { Vault } from './repositories.ts';

interface Parts {
  readonly vault: Vault;
  readonly catalogue: Catalogue;
  readonly outbound: Outbound;
  readonly metrics: Pick<Metrics, 'observeRefresh'>;
  readonly log: Logger;
  readonly noticeForgotten: NoticeForgotten;
}

export interface AssembledRefresh extends Refreshing {
  /** Begins the background pass. @returns a function that stops it, once all answers of providers are stored */
  start(): () => Promise<void>;
  /** Resolves once the orphans of processes that died have been tried, or after two seconds. */
  recovered(): Promise<void>;
}

/** Outcomes that an operator should look at. */
const WARNED: ReadonlySet<string> = new Set(['dead', 'client-wrong', 'unclear', 'unknown', 'unreadable']);

/** Wires the refresh of tokens, for the handlers and in the background. */
export function assembleRefresh({
  vault,
  catalogue,
  outbound,
  metrics,
  log,
  noticeForgotten,
}: Parts): AssembledRefresh {
  const { refreshStates: states, refreshes, refreshAnswers, revocations, identity, keyRing } = vault;
  const outages = createOutages();
  const refresher = createRefresher({
    states,
    refreshes,
    answers: refreshAnswers,
    revocations,
    identity,
    keyRing,
    catalogue,
    outages,
    async ask(organizationId, client, ...given) {
      const result = await refreshTokens(outbound.requestFor(organizationId), client, ...given);
      await noticeForgotten(organizationId, client.clientId, result);
      return result;
    },
    observe(observation) {
      metrics.observeRefresh(observation);
      log[WARNED.has(observation.outcome) ? 'warn' : 'info'](logged(observation), 'token refresh');
    },
  });
  let work: ReturnType<typeof startRefreshWork> | undefined;
  return {
    fresh: refresher.fresh,
    behind: refresher.behind,
    use: (token) => work?.use(token),
    recovered: async () => work?.recovered(),
    start() {
      const started = startRefreshWork({ states, catalogue, refresher, outages });
      work = started;
      return async () => {
        await started.close();
        await refresher.close();
      };
    },
  };
}

const logged = ({ organizationId, id, providerId, outcome, reason, seconds }: RefreshObservation) => ({
  'tokenhold.organization.id': organizationId,
  'tokenhold.provider.id': providerId,
  'tokenhold.token.id': id,
  'tokenhold.outcome': outcome,
  'tokenhold.reason': reason,
  'tokenhold.duration': Number(seconds.toFixed(3)),
});
