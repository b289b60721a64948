import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** How the server treats refreshes from now on. */
export interface Behaviour {
  /**
   * `drop` and `error` (500) come after the rotation; `hold` keeps the answer back until `release`; `lurk` keeps the
   * rotation back until then, and forgets a request whose client is gone; `down` (503), `busy` (429) and `error200` come
   * in place of it.
   */
  readonly mode?: 'drop' | 'error' | 'hold' | 'lurk' | 'down' | 'busy' | 'error200';
  /** How long an answer takes. */
  readonly ms?: number;
  /** Whether the rotation comes before that time. Default true. */
  readonly isCommittedFirst?: boolean;
  /** A spent refresh token gets the same answer again for so long. Default 0: it revokes the grant. */
  readonly reuseSeconds?: number;
  /** False: the answer holds no refresh token, and the redeemed one stays. Default true. */
  readonly isRotating?: boolean;
  /** Default 3600. */
  readonly expiresIn?: number;
  /** Default: any. */
  readonly clientSecret?: string;
}

export interface GrantGiven {
  readonly accessToken: string;
  readonly refreshToken: string;
}

/** What happened to a grant at the server. */
export interface GrantEvent {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly event: 'asked' | 'rotated' | 'repeated' | 'revoked' | 'refused' | 'answered' | 'client gone';
  /** The first characters of the redeemed refresh token's hash. */
  readonly of: string;
}

/** `current`: unspent. `reusable`: spent, and within the window. `spent`: its use would revoke. `dead`: revoked or unknown. */
export type RefreshTokenState = 'current' | 'reusable' | 'spent' | 'dead';

export interface StrictStats {
  readonly requests: number;
  /** Of spent refresh tokens. */
  readonly repeats: number;
  /** Requests of one refresh token at the same time. */
  readonly mostAtOnce: number;
  /** Grants. */
  readonly revoked: number;
  /** Answers that are held back. */
  readonly held: number;
}

export interface Control {
  readonly grants?: { readonly count: number; readonly expiresIn?: number };
  readonly behave?: Behaviour;
  /** `all`: of both modes. */
  readonly release?: 'hold' | 'lurk' | 'all';
  readonly check?: readonly string[];
  readonly introspect?: readonly string[];
  readonly times?: readonly string[];
  readonly lives?: readonly string[];
}

export interface StrictServer {
  readonly tokenUrl: string;
  /** As it stands in a catalogue entry. */
  readonly host: string;
  grants(count: number, expiresIn?: number): Promise<readonly GrantGiven[]>;
  behave(behaviour: Behaviour): Promise<void>;
  /** Default `all`. */
  release(mode?: 'hold' | 'lurk'): Promise<void>;
  check(refreshTokens: readonly string[]): Promise<readonly RefreshTokenState[]>;
  /** Whether each access token is valid. */
  introspect(accessTokens: readonly string[]): Promise<readonly boolean[]>;
  /** When each access token was given, in milliseconds. */
  times(accessTokens: readonly string[]): Promise<readonly number[]>;
  /** What happened to the grant of each refresh token, oldest first. */
  lives(refreshTokens: readonly string[]): Promise<readonly (readonly GrantEvent[])[]>;
  stats(): Promise<StrictStats>;
  stop(): Promise<void>;
}

/** Beside this file: TypeScript under test, JavaScript where the benchmark was built. */
function program(): { readonly path: string; readonly execArgv: string[] } {
  const built = fileURLToPath(new URL('strict-server.js', import.meta.url));
  if (existsSync(built)) return { path: built, execArgv: [] };
  return { path: built.replace(/js$/, 'ts'), execArgv: ['--import', 'tsx', '--no-warnings'] };
}

export async function startStrictServer(): Promise<StrictServer> {
  const { path, execArgv } = program();
  const child = fork(path, [], { execArgv, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const exited = once(child, 'exit');
  const [message] = await once(child, 'message');
  const host = `127.0.0.1:${Object(message).port}`;
  const ask = async (control: Control) => {
    const answer = await fetch(`http://${host}/`, { method: 'POST', body: JSON.stringify(control) });
    return JSON.parse(await answer.text());
  };
  return {
    tokenUrl: `http://${host}/token`,
    host,
    grants: (count, expiresIn) => ask({ grants: { count, ...(expiresIn !== undefined && { expiresIn }) } }),
    async behave(behave) {
      await ask({ behave });
    },
    async release(mode) {
      await ask({ release: mode ?? 'all' });
    },
    check: (check) => ask({ check }),
    introspect: (introspect) => ask({ introspect }),
    times: (times) => ask({ times }),
    lives: (lives) => ask({ lives }),
    stats: () => ask({}),
    async stop() {
      if (child.connected) child.disconnect();
      await exited;
    },
  };
}
