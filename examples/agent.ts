/**
 * An agent that works with a user's token, over plain HTTP.
 *
 *   TOKENHOLD_API_KEY=thk_... npx tsx examples/agent.ts --provider github --user alice@example.com https://api.github.com/user
 *
 * Each URL is a piece of work. The agent asks for the token each time and keeps none: Tokenhold has the one that is valid.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';

const WAIT_SECONDS = 300;

const { values, positionals: urls } = parseArgs({
  allowPositionals: true,
  options: {
    provider: { type: 'string', default: 'github' },
    /** Left out: the API key's own user. */
    user: { type: 'string' },
    scope: { type: 'string', multiple: true, default: [] },
  },
});

const vault = process.env['TOKENHOLD_URL'] ?? 'http://127.0.0.1:8124';
const headers = { 'X-Api-Key': process.env['TOKENHOLD_API_KEY'] ?? '', 'Content-Type': 'application/json' };

interface Answer {
  readonly status: string;
  readonly token: string | null;
  readonly url?: string | null;
  readonly auth_id?: string | null;
}

/** Asks the vault. 503: the provider is slow, or the vault is busy, and it says when to ask again. */
async function ask(path: string, body?: object): Promise<Answer> {
  const response = await fetch(
    vault + path,
    body === undefined ? { headers } : { method: 'POST', headers, body: JSON.stringify(body) },
  );
  if (response.status === 503) {
    await sleep(Number(response.headers.get('Retry-After') ?? 1) * 1000);
    return ask(path, body);
  }
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return JSON.parse(await response.text());
}

/** The user's access token. The first time, the user consents in a browser. */
async function accessToken(isNew = false): Promise<string> {
  const { provider, user, scope } = values;
  const answer = await ask('/v2/auth/authenticate', {
    provider,
    scopes: scope,
    user_id: user ?? null,
    force_new: isNew,
  });
  if (typeof answer.token === 'string') return answer.token;
  if (answer.status !== 'pending') throw new Error(`no token: ${answer.status}`);
  console.log(`Please open ${answer.url}`);
  const { status, token } = await ask(`/v2/auth/wait/${answer.auth_id}?timeout=${WAIT_SECONDS}`);
  if (token === null) throw new Error(`no consent: ${status}`);
  return token;
}

async function work(url: string): Promise<Response> {
  const call = async (token: string) => fetch(url, { headers: { Authorization: `Bearer ${token}` } });
  const response = await call(await accessToken());
  // The user has withdrawn the consent at the provider: ask for a new one.
  return response.status === 401 ? call(await accessToken(true)) : response;
}

for (const url of urls) {
  const response = await work(url);
  console.log(`${response.status} ${url}`);
}
