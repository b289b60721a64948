/**
 * A strict authorization server in a process of its own: refresh tokens rotate, and the second use of a spent one revokes
 * the whole grant, unless it comes within the reuse window. The benchmark sets its misbehaviour. It serves refreshes only.
 */
import { createHash, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';
import type { Behaviour, Control, GrantEvent, GrantGiven, RefreshTokenState, StrictStats } from './strict.ts';

interface Grant {
  isAlive: boolean;
  readonly life: GrantEvent[];
}

interface RefreshToken {
  readonly name: string;
  readonly grant: Grant;
  spentAt?: number;
  answer?: string;
  atOnce: number;
}

const refreshTokens = new Map<string, RefreshToken>();
const accessTokens = new Map<
  string,
  { readonly grant: Grant; readonly at: number; readonly until: number }
>();
const stats = { requests: 0, repeats: 0, mostAtOnce: 0, revoked: 0 };
let behaviour: Behaviour = {};
let held: { readonly mode: 'hold' | 'lurk'; readonly go: () => void }[] = [];

const random = (): string => randomBytes(18).toString('base64url');

function give(grant: Grant, expiresIn: number): GrantGiven {
  const given = { accessToken: `access-${random()}`, refreshToken: `refresh-${random()}` };
  const name = createHash('sha256').update(given.refreshToken).digest('hex').slice(0, 6);
  refreshTokens.set(given.refreshToken, { name, grant, atOnce: 0 });
  const at = Date.now();
  accessTokens.set(given.accessToken, { grant, at, until: at + expiresIn * 1000 });
  return given;
}

const server = createServer(async (request, response) => {
  const body = await text(request);
  if (request.url === '/token') return token(body, request, response);
  response.end(JSON.stringify(control(JSON.parse(body === '' ? '{}' : body)) ?? null));
}).listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.send?.({ port: typeof address === 'object' ? address?.port : 0 });
});
process.on('disconnect', () => process.exit());

function control({ grants, behave, release, check, introspect, times, lives }: Control): unknown {
  if (grants !== undefined) {
    return Array.from({ length: grants.count }, () =>
      give({ isAlive: true, life: [] }, grants.expiresIn ?? 3_600),
    );
  }
  if (behave !== undefined) behaviour = behave;
  if (release !== undefined) {
    const isReleased = ({ mode }: { readonly mode: string }) => release === 'all' || release === mode;
    for (const { go } of held.filter(isReleased)) go();
    held = held.filter((one) => !isReleased(one));
  }
  if (check !== undefined) return check.map(stateOf);
  if (lives !== undefined) return lives.map((token) => refreshTokens.get(token)?.grant.life ?? []);
  if (times !== undefined) return times.map((accessToken) => accessTokens.get(accessToken)?.at ?? 0);
  if (introspect !== undefined) {
    return introspect.map((accessToken) => {
      const found = accessTokens.get(accessToken);
      return found?.grant.isAlive === true && found.until > Date.now();
    });
  }
  return { ...stats, held: held.length } satisfies StrictStats;
}

function stateOf(refreshToken: string): RefreshTokenState {
  const found = refreshTokens.get(refreshToken);
  if (found?.grant.isAlive !== true) return 'dead';
  if (found.spentAt === undefined) return 'current';
  return isWithinWindow(found.spentAt) ? 'reusable' : 'spent';
}

const note = ({ name, grant }: RefreshToken, event: GrantEvent['event']): void =>
  void grant.life.push({ at: Date.now(), event, of: name });

const isWithinWindow = (spentAt: number): boolean =>
  Date.now() - spentAt < (behaviour.reuseSeconds ?? 0) * 1000;

const json = (response: ServerResponse, status: number, body: string): void =>
  void response.writeHead(status, { 'Content-Type': 'application/json' }).end(body);

async function token(body: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const parameters = new URLSearchParams(body);
  const { mode, ms = 0, clientSecret, isCommittedFirst = true } = behaviour;
  stats.requests += 1;
  if (mode === 'down') return void response.writeHead(503).end();
  if (mode === 'busy') return void response.writeHead(429, { 'Retry-After': '1' }).end();
  if (mode === 'error200') return json(response, 200, '{"error":"temporarily_unavailable"}');
  if (clientSecret !== undefined && parameters.get('client_secret') !== clientSecret) {
    return json(response, 401, '{"error":"invalid_client"}');
  }
  const redeemed = refreshTokens.get(parameters.get('refresh_token') ?? '');
  if (redeemed === undefined) return json(response, 400, '{"error":"invalid_grant"}');
  note(redeemed, 'asked');
  redeemed.atOnce += 1;
  stats.mostAtOnce = Math.max(stats.mostAtOnce, redeemed.atOnce);
  const leave = once(() => {
    redeemed.atOnce -= 1;
  });
  response.on('close', () => {
    leave();
    note(redeemed, response.writableFinished ? 'answered' : 'client gone');
  });
  request.on('close', leave);
  if (!isCommittedFirst) await setTimeout(ms);
  if (mode === 'lurk') {
    await new Promise<void>((go) => held.push({ mode, go }));
    if (response.destroyed || response.socket?.destroyed === true) return;
  }
  const answer = commit(redeemed);
  if (isCommittedFirst && ms > 0) await setTimeout(ms);
  if (mode === 'hold') await new Promise<void>((go) => held.push({ mode, go }));
  if (answer === undefined) return json(response, 400, '{"error":"invalid_grant"}');
  if (mode === 'drop') return void response.destroy();
  if (mode === 'error') return void response.writeHead(500).end();
  json(response, 200, answer);
}

function once(run: () => void): () => void {
  let isDone = false;
  return () => {
    if (!isDone) run();
    isDone = true;
  };
}

/** Undefined: refused. */
function commit(redeemed: RefreshToken): string | undefined {
  const { grant, spentAt } = redeemed;
  if (!grant.isAlive) {
    note(redeemed, 'refused');
    return undefined;
  }
  if (spentAt !== undefined) {
    stats.repeats += 1;
    if (isWithinWindow(spentAt)) {
      note(redeemed, 'repeated');
      return redeemed.answer;
    }
    note(redeemed, 'revoked');
    grant.isAlive = false;
    stats.revoked += 1;
    return undefined;
  }
  const expiresIn = behaviour.expiresIn ?? 3_600;
  const { accessToken, refreshToken } = give(grant, expiresIn);
  const isRotating = behaviour.isRotating ?? true;
  note(redeemed, 'rotated');
  if (isRotating) redeemed.spentAt = Date.now();
  redeemed.answer = JSON.stringify({
    access_token: accessToken,
    ...(isRotating && { refresh_token: refreshToken }),
    token_type: 'bearer',
    expires_in: expiresIn,
  });
  return redeemed.answer;
}
