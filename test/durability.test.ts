/** A 200 means: on disk. Imports under load, while something is killed, stopped or locked. */
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { findRunning, startEmbedded } from '../db/embedded/embedded.ts';
import { exit, printed, spawnTokenhold } from './support/process.ts';

const CLIENTS = 16;

let dataDir: string;
let server: ChildProcess;
let url: string;
let key: string;

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'tokenhold-durability-'));
  server = spawnTokenhold(['serve'], { DATA_DIR: dataDir, PORT: '0', LOG_LEVEL: 'silent' });
  const banner = await printed(server, /-d '.*'\n/);
  url = /listening on (\S+)/.exec(banner)?.[1] ?? '';
  key = /thk_\w{6}_[\w-]{43}/.exec(banner)?.[0] ?? '';
});

afterEach(async () => {
  server.kill();
  await exit(server);
  rmSync(dataDir, { recursive: true });
});

/** Imports over many connections until `enough`. Requests without an answer do not count. */
async function load(enough: (acknowledged: readonly string[], statuses: readonly number[]) => boolean) {
  const acknowledged: string[] = [];
  const statuses: number[] = [];
  const client = async () => {
    while (!enough(acknowledged, statuses)) {
      const answer = await fetch(`${url}/v2/auth/tokens/import`, {
        method: 'POST',
        headers: { 'X-Api-Key': key, 'Content-Type': 'application/json' },
        body: JSON.stringify({ provider_id: 'slack-dev', access_token: 'x' }),
      }).catch(() => undefined);
      if (answer === undefined) return; // the server is gone
      statuses.push(answer.status);
      const { token_id: id } = JSON.parse(await answer.text());
      if (answer.status === 200) acknowledged.push(id);
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  return { acknowledged, statuses };
}

async function stored(connectionString: string): Promise<Set<string>> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  const { rows } = await client.query<{ id: string }>('SELECT id FROM oauth_tokens');
  await client.end();
  return new Set(rows.map(({ id }) => id));
}

describe('no acknowledged token is lost', () => {
  it('when PostgreSQL is killed in mid-load, and imports go on once it is back', async () => {
    let isKilled = false;
    let acknowledgedBefore = 0;
    const { acknowledged, statuses } = await load((ids) => {
      if (!isKilled && ids.length > 200) {
        const pid = readFileSync(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8').split('\n')[0];
        process.kill(Number(pid), 'SIGKILL');
        isKilled = true;
        acknowledgedBefore = ids.length;
      }
      return isKilled && ids.length > acknowledgedBefore + 200;
    });
    expect(new Set(statuses)).toEqual(new Set([200, 503]));
    const found = await stored((await findRunning(dataDir)) ?? '');
    expect(acknowledged.filter((id) => !found.has(id))).toEqual([]);
  });

  it('when the server is killed in mid-load', async () => {
    const { acknowledged } = await load((ids) => {
      if (ids.length > 200) server.kill('SIGKILL');
      return false;
    });
    const database = await startEmbedded(dataDir);
    const found = await stored(database.connectionString);
    await database.stop();
    expect(acknowledged.length).toBeGreaterThan(200);
    expect(acknowledged.filter((id) => !found.has(id))).toEqual([]);
  });

  it('and none is turned away, when the server is asked to stop in mid-load', async () => {
    const { acknowledged, statuses } = await load((ids) => {
      if (ids.length > 200 && !server.killed) server.kill('SIGTERM'); // a second one would end it at once
      return false;
    });
    expect(await exit(server)).toBe(0);
    const database = await startEmbedded(dataDir);
    const found = await stored(database.connectionString);
    await database.stop();
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(acknowledged.filter((id) => !found.has(id))).toEqual([]);
  });
});
