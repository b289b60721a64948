import type { Catalogue } from '../oauth/catalogue/catalogue.ts';
import { revokeGrant } from '../oauth/revocation.ts';
import type { Outbound } from '../outbound/outbound.ts';
import type { Logger } from '../server/log.ts';
import type { Metrics } from '../server/metrics.ts';
import { createRevoker, type RevocationObservation, type Revoker } from '../vault/revoke.ts';
import type { Vault } from './repositories.ts';

interface Parts {
  readonly vault: Vault;
  readonly catalogue: Catalogue;
  readonly outbound: Outbound;
  readonly metrics: Pick<Metrics, 'observeRevocation'>;
  readonly log: Logger;
}

type Told = Omit<RevocationObservation, 'catalogueName'>;

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
      if (told.outcome === 'failed')
        log.error(logged(told), 'revocation given up: the token may still be valid');
      else log[told.outcome === 'pending' ? 'warn' : 'debug'](logged(told), 'revocation');
    },
  });
}

const logged = ({ organizationId, tokenId, providerId, outcome, reason, attempts }: Told) => ({
  'tokenhold.organization.id': organizationId,
  'tokenhold.provider.id': providerId,
  'tokenhold.token.id': tokenId,
  'tokenhold.outcome': outcome,
  'tokenhold.reason': reason,
  'tokenhold.attempts': attempts,
});
