import autocannon from 'autocannon';
import type { BenchVault } from './database.ts';
import type { LoadOptions } from './loads.ts';
import type { Service } from './start.ts';

/** Gives every caller a default token. */
export async function giveTokens({ url }: Service, { callers }: BenchVault): Promise<void> {
  for (const { apiKey } of callers) {
    const { status } = await fetch(`${url}/v2/auth/tokens/import`, {
      method: 'POST',
      headers: { 'X-Api-Key': apiKey, 'Content-Type': 'application/json' },
      body: JSON.stringify({ provider_id: 'slack', access_token: 'xoxb-released', scopes: ['chat:write'] }),
    });
    if (status !== 200) throw new Error(`an import was answered ${status}`);
  }
}

let sent = 0;

/** Releases in a second over HTTP. Every answer must hold the token. */
export async function releases(
  { url }: Service,
  { callers }: BenchVault,
  { connections, seconds }: LoadOptions,
): Promise<number> {
  const result = await autocannon({
    url,
    connections,
    duration: seconds,
    requests: [
      {
        method: 'POST',
        path: '/v2/auth/authenticate',
        body: JSON.stringify({ provider: 'slack', scopes: ['chat:write'] }),
        setupRequest(given) {
          const apiKey = callers[sent++ % callers.length]?.apiKey;
          given.headers = { 'content-type': 'application/json', 'x-api-key': apiKey };
          return given;
        },
      },
    ],
    verifyBody: (text) => String(text).includes('"xoxb-released"'),
  });
  if (result.errors + result.non2xx + result.mismatches > 0) throw new Error('a release failed');
  return result['2xx'] / result.duration;
}
