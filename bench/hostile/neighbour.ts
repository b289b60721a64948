import autocannon from 'autocannon';
import type { BenchCaller } from '../database.ts';

/** The service that a well-behaved organization got in a period. */
export interface Served {
  /** Answers 200. */
  readonly perSecond: number;
  /** Milliseconds. */
  readonly p99: number;
  /** How many answers had each other status, and how many requests had none. */
  readonly failures: Readonly<Record<string, number>>;
}

const CONNECTIONS = 16;
let sent = 0;

/** Imports and look-ups of tokens by turns: an operation of the hot statements, and one of the pool. */
export async function serve(url: string, callers: readonly BenchCaller[], seconds: number): Promise<Served> {
  const keyOf = () => callers[sent++ % callers.length]?.apiKey;
  const result = await autocannon({
    url,
    connections: CONNECTIONS,
    duration: seconds,
    timeout: 30,
    requests: [
      {
        method: 'POST',
        path: '/v2/auth/tokens/import',
        setupRequest(given) {
          given.headers = { 'content-type': 'application/json', 'x-api-key': keyOf() };
          given.body = JSON.stringify({ provider_id: 'slack', access_token: `xoxb-${sent}` });
          return given;
        },
      },
      {
        method: 'GET',
        path: '/v2/auth/tokens/exists?provider_id=slack',
        setupRequest(given) {
          given.headers = { 'x-api-key': keyOf() };
          return given;
        },
      },
    ],
  });
  const statuses = Object.entries(result.statusCodeStats ?? {}).map(
    ([status, { count = 0 }]) => [status, count] as const,
  );
  const good = statuses.find(([status]) => status === '200')?.[1] ?? 0;
  return {
    perSecond: good / result.duration,
    p99: result.latency.p99,
    failures: {
      ...Object.fromEntries(statuses.filter(([status]) => status !== '200')),
      ...(result.errors > 0 && { none: result.errors }),
    },
  };
}
