import type { Catalogue } from '../oauth/catalogue/catalogue.ts';
import { revokeGrant } from '../oauth/revocation.ts';
import type { Outbound } from '../outbound/outbound.ts';
import type { Logger } from '../server/log.ts';
import type { Metrics } from '../server/metrics.ts';
import { createRevoker, type Revoker } from '../vault/revoke.ts';
import type { Vault } from './repositories.ts';

interface Parts {
  readonly vault: Vault;
  readonly catalogue: Catalogue;
  readonly outbound: Outbound;
  readonly metrics: Pick<Metrics, 'observeRevocation'>;
  readonly log: Logger;
}

/** Wires the revocation of deleted tokens. A revocation that is given up is logged as an error. */
export function assembleRevocation({ vault, catalogue, outbound, metrics, log }: Parts): Revoker {
  return createRevoker({
    revocations: vault.revocations,
    open: vault.keyRing.open,
    catalogue,
    ask: (organizationId, { client, grant, endpoint, signal }) =>
      revokeGrant(outbound.requestFor(organizationId), client, grant, endpoint, { signal }),
    mayRevoke: vault.identity.isOwn,
    observe({ catalogueName, ...told }) {
      metrics.observeRevocation(catalogueName, told.outcome);
      if (told.outcome === 'failed') log.error(told, 'revocation given up: the token may still be valid');
      else log[told.outcome === 'pending' ? 'warn' : 'debug'](told, 'revocation');
    },
  });
}
