import { LRUCache } from 'lru-cache';
import { Counter } from 'prom-client';
import type { Caller } from '../security/caller.ts';
import type { Logger } from './log.ts';
import type { Metrics } from './metrics.ts';

interface Parts {
  readonly log: Logger;
  readonly metrics: Pick<Metrics, 'registry'>;
}

interface ImportCall {
  readonly caller: Caller;
  readonly requestId: string;
  readonly body: { readonly expires_in_seconds?: number | null };
}

const HOUR_MS = 3_600_000;
/** How many credentials are remembered. Beyond, one may be logged more than once an hour. */
const MAX_CREDENTIALS = 10_000;
/** The names that RFC 6749 and many libraries use. */
const OTHER_NAMES = ['expires_in', 'expires_at'];

/**
 * Tells the operator of imports that name the expiry as OAuth does. The contract ignores unknown fields, so such a token
 * never expires as far as the service knows. Each import is counted, and one of each credential and hour is logged.
 */
export function createExpiryHints({ log, metrics }: Parts): (call: ImportCall) => void {
  const ignored = new Counter({
    name: 'tokenhold_imports_with_ignored_expiry_total',
    help: 'Imports with expires_in or expires_at, which are ignored, and without expires_in_seconds',
    registers: [metrics.registry],
  });
  const told = new LRUCache<string, true>({ max: MAX_CREDENTIALS, ttl: HOUR_MS });
  return ({ caller, requestId, body }) => {
    if (typeof body.expires_in_seconds === 'number') return;
    const field = OTHER_NAMES.find((name) => Object.hasOwn(body, name));
    if (field === undefined) return;
    ignored.inc();
    const { organizationId, credential } = caller;
    const key = `${organizationId} ${credential}`;
    if (told.has(key)) return;
    told.set(key, true);
    log.warn(
      {
        'tokenhold.organization.id': organizationId,
        'tokenhold.credential': credential,
        'tokenhold.request.id': requestId,
        'tokenhold.field': field,
      },
      'an import without expires_in_seconds has a field that is ignored',
    );
  };
}
