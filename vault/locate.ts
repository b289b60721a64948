import type { Signer } from '../crypto/signing.ts';
import type { ConsentRepository, PendingAuthorization } from '../db/consents.ts';
import { openState, openTicket } from './references.ts';

interface Parts {
  readonly consents: Pick<ConsentRepository, 'find' | 'findByState'>;
  readonly signer: Signer;
}

/**
 * The pending authorization of a callback. Undefined: the state is unknown, used, expired or invented, or belongs to
 * another provider. An invented state never reaches the database.
 */
export async function byState(
  { consents, signer }: Parts,
  state: string,
  providerId: string,
): Promise<PendingAuthorization | undefined> {
  const opened = openState(signer, state);
  if (opened === undefined) return undefined;
  const begun = await consents.findByState(opened.organizationId, opened.stateHash);
  return begun?.providerId === providerId ? begun : undefined;
}

/** The pending authorization of a link to the connect page. Undefined: expired, finished or invented. */
export async function byTicket(
  { consents, signer }: Parts,
  ticket: string,
): Promise<PendingAuthorization | undefined> {
  const reference = openTicket(signer, ticket);
  return reference && consents.find(reference.organizationId, reference.id);
}
