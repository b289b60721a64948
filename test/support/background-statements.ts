/** Calls what refreshes in the background and what operators use, so that every statement is sent. */
import { randomUUID } from 'node:crypto';
import type { Sealed } from '../../crypto/key-ring.ts';
import { CIPHERTEXT_COLUMNS, FIRST_PAGE } from '../../db/ciphertexts.ts';
import type { Vault } from '../../service/repositories.ts';

interface Given {
  readonly organizationId: string;
  readonly sealed: Sealed;
  /** Stores a token with a refresh token. */
  readonly storeToken: () => Promise<string>;
}

export async function drain(rows: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of rows);
}

export function found<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new Error('nothing was found');
  return value;
}

async function refreshes(vault: Vault, { organizationId, sealed, storeToken }: Given): Promise<void> {
  const id = await storeToken();
  const reference = { organizationId, id };
  await vault.refreshStates.look(reference);
  await vault.refreshStates.due(10, 5);
  await vault.refreshStates.orphans(10);
  await vault.refreshStates.park(reference, 60);
  await vault.refreshStates.use([reference]);
  const claim = async (generation: number) =>
    found(await vault.refreshes.claim({ ...reference, generation }, randomUUID(), 60));
  const claimed = await claim(0);
  await vault.refreshes.renew(claimed);
  const answer = {
    accessToken: sealed,
    refreshToken: sealed,
    redeemed: { accessToken: sealed, refreshToken: sealed, generation: 0 },
    scopes: null,
    metadata: null,
    expiresInSeconds: 3600,
    refreshExpiresInSeconds: null,
    dueInSeconds: 60,
  };
  await vault.refreshAnswers.store(claimed, answer);
  await vault.refreshAnswers.store({ ...claimed, attempt: randomUUID() }, answer);
  await vault.refreshes.versions(reference);
  await vault.refreshes.refuseVersion(organizationId, claimed.attempt);
  const failure = { problem: 'unavailable', retrySeconds: 0 };
  await vault.refreshes.release(await claim(1), failure, true);
  const last = await claim(1);
  await vault.refreshes.orphan(last, failure);
  await vault.refreshes.pause(last, { problem: 'unavailable', pauseSeconds: 0 });
  await vault.refreshes.bury(last, 'invalid_grant');
  await vault.grantStates.count();
  await vault.grantStates.troubles();
}

async function operators(vault: Vault, { organizationId, sealed }: Given): Promise<void> {
  await vault.identity.isOwn();
  await vault.identity.adopt();
  await vault.ciphertexts.count();
  await vault.ciphertexts.areAllOf([sealed.key, '0000']);
  for (const of of CIPHERTEXT_COLUMNS) {
    await vault.ciphertexts.sample(of, sealed.key, 1);
    const page = await vault.ciphertexts.page(of, 'other', FIRST_PAGE, 5);
    const replacements = page.map((row) => ({ ...row, sealed: vault.keyRing.seal('secret') }));
    await vault.ciphertexts.replace(of, replacements, [organizationId]);
  }
  await drain(vault.audit.list(organizationId, new Date(0)));
}

export async function sendBackgroundStatements(vault: Vault, given: Given): Promise<void> {
  await refreshes(vault, given);
  await operators(vault, given);
}
