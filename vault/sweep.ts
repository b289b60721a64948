import type { AuthorizationRepository } from '../db/authorizations.ts';

interface Parts {
  readonly authorizations: Pick<AuthorizationRepository, 'sweep'>;
  /** Called with the number of authorizations that expired unfinished. */
  readonly onExpired: (count: number) => void;
}

const INTERVAL_MS = 60_000;
const PAGE = 1_000;

/** Deletes expired authorizations once a minute. Any number of processes may do so. @returns how to stop */
export function sweepAuthorizations(parts: Parts): () => void {
  const timer = setInterval(() => void sweep(parts), INTERVAL_MS).unref();
  return () => clearInterval(timer);
}

async function sweep({ authorizations, onExpired }: Parts): Promise<void> {
  try {
    for (;;) {
      const { deleted, expired } = await authorizations.sweep(PAGE);
      onExpired(expired);
      if (deleted < PAGE) return;
    }
  } catch {
    // The database is away. Requests report that; the next sweep comes in a minute.
  }
}
