import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { generateKey } from '../../crypto/fernet.ts';
import { OPERATOR } from '../../db/audit.ts';
import { migrate } from '../../db/postgres/migrate.ts';
import type { Reuse } from '../../oauth/catalogue-entry.ts';
import { loadConfig } from '../../service/config.ts';
import { openCommandVault, type Vault } from '../../service/repositories.ts';
import { type GrantGiven, type RefreshTokenState, type StrictServer, startStrictServer } from './strict.ts';

/** A Tokenhold in a process of its own. */
export interface Process {
  readonly url: string;
  readonly child: ChildProcess;
}

/** A process that was killed, and its successor. Times in milliseconds since 1970. */
export interface Kill {
  readonly at: number;
  readonly pid: number | undefined;
  readonly nextPid: number | undefined;
  /** When the successor listened. */
  readonly upAt: number;
}

/** A grant of the server, and the token that holds it in the vault. */
export interface Held extends GrantGiven {
  readonly tokenId: string;
}

export interface Answer {
  /** Undefined: the process was killed. */
  readonly status: number | undefined;
  readonly token: string | undefined;
}

/** A database, a strict server, and processes of ours between them. */
export interface Arena {
  readonly directory: string;
  readonly connectionString: string;
  readonly settings: Readonly<Record<string, string>>;
  readonly server: StrictServer;
  readonly vault: Vault;
  readonly organizationId: string;
  /** An admin's. */
  readonly apiKey: string;
  readonly processes: Process[];
  newProvider(providerId: string, clientSecret?: string): Promise<void>;
  /** Imports grants. @param expiresIn seconds of the grant with this index */
  hold(count: number, expiresIn: (index: number) => number, providerId?: string): Promise<Held[]>;
  /** Asks a process for a token. */
  authenticate(process: Process, held: Held, providerId?: string): Promise<Answer>;
  /** Kills a process and starts another. Undefined: none is up. */
  replace(): Promise<Kill | undefined>;
  /** What the server says of the refresh tokens that the vault holds now. */
  check(held: readonly Held[]): Promise<readonly RefreshTokenState[]>;
  stop(): Promise<void>;
}

export interface ArenaOptions {
  readonly processes: number;
  readonly settings?: Readonly<Record<string, string>>;
  /** As the catalogue tells the processes; absent: they know nothing of the server. */
  readonly reuse?: Reuse;
}

const PROGRAM = fileURLToPath(new URL('../../cli/main.js', import.meta.url));
const PROVIDER = 'strict';
const AT_ONCE = 16;

/** @param serverUrl of a PostgreSQL, in which the arena makes a database of its own */
export async function openArena(
  serverUrl: string,
  directory: string,
  { processes: count, settings: others = {}, reuse }: ArenaOptions,
): Promise<Arena> {
  const connectionString = await createDatabase(serverUrl);
  const server = await startStrictServer();
  await migrate(connectionString);
  const settings = {
    DATABASE_URL: connectionString,
    FERNET_KEYS: generateKey(),
    PORT: '0',
    TOKENS_PER_USER_AND_PROVIDER_MAX: '0',
    ...others,
    ...(reuse !== undefined && { PROVIDER_CATALOGUE_FILE: writeCatalogue(directory, server.host, reuse) }),
  };
  const vault = await openCommandVault(loadConfig(settings));
  const organization = await vault.organizations.create(randomUUID());
  if (organization === undefined) throw new Error('a random name was taken');
  const { organizationId } = organization;
  const { apiKey } = await vault.apiKeys.create(
    { ...organization, userId: 'bench', role: 'admin', expiresInSeconds: null },
    OPERATOR,
  );
  const start = () => startProcess(directory, settings);
  const processes = await Promise.all(Array.from({ length: count }, start));
  const post = async (url: string, json: object): Promise<{ status: number; body: unknown }> => {
    const headers = { 'content-type': 'application/json', 'x-api-key': apiKey };
    const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(json) });
    return { status: answer.status, body: JSON.parse(await answer.text()) };
  };

  const arena: Arena = {
    ...{ directory, connectionString, settings, server, vault, organizationId, apiKey, processes },
    async newProvider(providerId, clientSecret = 'secret') {
      await vault.providers.create(
        organizationId,
        {
          providerId,
          name: providerId,
          clientId: 'client',
          clientSecret: vault.keyRing.seal(clientSecret),
          authUrl: 'https://provider.example/authorize',
          tokenUrl: server.tokenUrl,
          providerType: null,
        },
        OPERATOR,
      );
    },
    async hold(size, expiresIn, providerId = PROVIDER) {
      const grants = await server.grants(size);
      const url = `${processes[0]?.url}/v2/auth/tokens/import`;
      return inTurns(grants, AT_ONCE, async (grant, index) => {
        const { status, body } = await post(url, {
          provider_id: providerId,
          access_token: grant.accessToken,
          refresh_token: grant.refreshToken,
          expires_in_seconds: expiresIn(index),
        });
        if (status !== 200) throw new Error(`an import was answered ${status}: ${JSON.stringify(body)}`);
        return { ...grant, tokenId: String(Object(body).token_id) };
      });
    },
    async authenticate({ url }, { tokenId }, provider = PROVIDER) {
      try {
        const json = { provider, scopes: [], token_id: tokenId };
        const { status, body } = await post(`${url}/v2/auth/authenticate`, json);
        return { status, token: Object(body).token ?? undefined };
      } catch {
        return { status: undefined, token: undefined };
      }
    },
    async replace() {
      const [killed] = processes.splice(Math.floor(Math.random() * processes.length), 1);
      if (killed === undefined) return undefined;
      const at = Date.now();
      killed.child.kill('SIGKILL');
      const next = await start();
      processes.push(next);
      return { at, pid: killed.child.pid, nextPid: next.child.pid, upAt: Date.now() };
    },
    async check(held) {
      const { rows } = await vault.db.raw<{ rows: { id: string; refresh_token: string }[] }>(
        'SELECT id, refresh_token FROM oauth_tokens WHERE organization_id = :organizationId',
        { organizationId },
      );
      const stored = new Map(rows.map((row) => [row.id, row.refresh_token]));
      return server.check(held.map(({ tokenId }) => vault.keyRing.open(stored.get(tokenId) ?? '')));
    },
    async stop() {
      await Promise.all(processes.map(stopProcess));
      await vault.close().catch(() => undefined); // a case may have closed it
      await server.stop();
    },
  };
  await arena.newProvider(PROVIDER);
  return arena;
}

function writeCatalogue(directory: string, host: string, reuse: Reuse): string {
  const file = join(directory, 'catalogue.json');
  writeFileSync(file, JSON.stringify([{ name: 'bench', displayName: 'Bench', match: [host], reuse }]));
  return file;
}

async function createDatabase(serverUrl: string): Promise<string> {
  const name = `refresh_${randomUUID().replaceAll('-', '')}`;
  await onServer(serverUrl, `CREATE DATABASE ${name}`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.href;
}

export async function onServer(serverUrl: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: serverUrl });
  await client.connect();
  await client.query(statement);
  await client.end();
}

/** Tries to start a process, because another program may take its free port first. */
const TRIES = 3;

/** Its log goes to a file in `directory`. */
export async function startProcess(
  directory: string,
  settings: Readonly<Record<string, string>>,
  tries = TRIES,
): Promise<Process> {
  const log = openSync(join(directory, 'processes.log'), 'a');
  const child = spawn(process.execPath, [PROGRAM, 'serve'], {
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...settings },
    stdio: ['ignore', 'pipe', log],
  });
  for await (const chunk of child.stdout?.iterator({ destroyOnReturn: false }) ?? []) {
    const url = /listening on (\S+)/.exec(String(chunk))?.[1];
    if (url !== undefined) return { url, child };
  }
  if (tries > 1) return startProcess(directory, settings, tries - 1);
  throw new Error('a process did not start: see processes.log');
}

export async function stopProcess({ child }: Process): Promise<void> {
  const exited = once(child, 'exit');
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  await exited;
}

/** Runs the task for each item, some at a time. */
export async function inTurns<Item, Result>(
  items: readonly Item[],
  atOnce: number,
  task: (item: Item, index: number) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  const rest = [...items.entries()];
  const work = async (): Promise<void> => {
    for (let next = rest.shift(); next !== undefined; next = rest.shift()) {
      results[next[0]] = await task(next[1], next[0]);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return results;
}
