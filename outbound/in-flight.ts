import { OutboundError } from './errors.ts';

const MOST = 1_000;
const MOST_PER_ORGANIZATION = 100;

/**
 * Bounds the requests in flight. Each holds a socket up to its time limit, and an admin may choose a server that never
 * answers. Beyond the bounds a request fails as `busy` before anything is sent.
 */
export function createInFlight() {
  const counts = new Map<string, number>();
  let all = 0;
  return async <Result>(organizationId: string | undefined, run: () => Promise<Result>): Promise<Result> => {
    const own = organizationId === undefined ? 0 : (counts.get(organizationId) ?? 0);
    if (all >= MOST || own >= MOST_PER_ORGANIZATION) throw new OutboundError('busy', false);
    all += 1;
    if (organizationId !== undefined) counts.set(organizationId, own + 1);
    try {
      return await run();
    } finally {
      all -= 1;
      if (organizationId !== undefined) release(counts, organizationId);
    }
  };
}

function release(counts: Map<string, number>, organizationId: string): void {
  const left = (counts.get(organizationId) ?? 1) - 1;
  if (left === 0) counts.delete(organizationId);
  else counts.set(organizationId, left);
}
