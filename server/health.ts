import { ApiError } from './errors.ts';
import type { Response, Route } from './routing.ts';
import { send } from './sending.ts';

/** How long a result of the readiness check is shared. */
const SHARED_MS = 1_000;

const ALIVE = '/healthz';
const READY = '/readyz';

export const isHealthPath = (path: string | undefined): boolean => path === ALIVE || path === READY;

/** The health of the process. Anybody may ask without credentials, so it must cost next to nothing. */
export function healthRoutes(isReady: () => Promise<boolean>): readonly Route[] {
  const check = shared(isReady);
  const alive = async (response: Response) => send(response, { status: 200, body: { status: 'ok' } });
  const ready = async (response: Response) => {
    const { stopping } = response.locals;
    if (stopping.aborted || !(await check())) {
      throw new ApiError(503, 'Service Unavailable', { 'Retry-After': '5' });
    }
    await alive(response);
  };
  return ['GET', 'HEAD'].flatMap((method) => [
    { method, path: ALIVE, serve: (_request, response) => alive(response) },
    { method, path: READY, serve: (_request, response) => ready(response) },
  ]);
}

/** Runs one check at a time. Its result, or its error, is shared for a second. */
function shared(check: () => Promise<boolean>): () => Promise<boolean> {
  let latest: Promise<boolean> | undefined;
  let validUntil = 0;
  return () => {
    if (latest !== undefined && performance.now() < validUntil) return latest;
    validUntil = Number.POSITIVE_INFINITY;
    latest = check().finally(() => {
      validUntil = performance.now() + SHARED_MS;
    });
    return latest;
  };
}
