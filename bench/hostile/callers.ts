import { setTimeout as delay } from 'node:timers/promises';
import type { BenchCaller } from '../database.ts';

/** Callers that import and look up, one request after another, through an outage. */
export interface Callers {
  /** Resolves once every caller has been served after this moment, to the milliseconds until then. */
  served(): Promise<number>;
  end(): Promise<Asked>;
}

export interface Asked {
  /** How many answers had each status; 0: there was none. */
  readonly answers: ReadonlyMap<number, number>;
  /** The ids of tokens whose import was acknowledged. */
  readonly stored: readonly string[];
}

const PATIENCE_MS = 60_000;

export function askAll(url: string, callers: readonly BenchCaller[]): Callers {
  const answers = new Map<number, number>();
  const stored: string[] = [];
  const servedAt = new Map<string, number>();
  let isOver = false;

  async function ask(name: string, path: string, init: RequestInit): Promise<void> {
    while (!isOver) {
      let [status, text] = [0, ''];
      try {
        const answer = await fetch(url + path, { ...init, signal: AbortSignal.timeout(PATIENCE_MS) });
        [status, text] = [answer.status, await answer.text()];
      } catch {
        // no answer
      }
      answers.set(status, (answers.get(status) ?? 0) + 1);
      if (status !== 200) continue;
      servedAt.set(name, performance.now());
      if (init.method === 'POST') stored.push(JSON.parse(text).token_id);
    }
  }

  const asking = callers.flatMap(({ apiKey }, index) => {
    const headers = { 'X-Api-Key': apiKey, 'Content-Type': 'application/json' };
    const body = '{"provider_id":"slack","access_token":"x"}';
    return [
      ask(`import ${index}`, '/v2/auth/tokens/import', { method: 'POST', headers, body }),
      ask(`exists ${index}`, '/v2/auth/tokens/exists?provider_id=slack', { headers }),
    ];
  });

  return {
    async served() {
      const start = performance.now();
      const isServed = () =>
        servedAt.size === asking.length && [...servedAt.values()].every((at) => at > start);
      while (!isServed() && performance.now() - start < PATIENCE_MS) await delay(5);
      return performance.now() - start;
    },
    async end() {
      isOver = true;
      await Promise.all(asking);
      return { answers, stored };
    },
  };
}
