import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Arena, Held, Kill } from './arena.ts';

interface Moment {
  readonly at: number;
  readonly what: string;
}

/** Writes the lives of lost grants into a file: requests at the server, outcomes in the log, kills, and the rows. */
export async function traceLost(
  { directory, server, vault }: Arena,
  lost: readonly Held[],
  kills: readonly Kill[],
): Promise<void> {
  const lives = await server.lives(lost.map(({ refreshToken }) => refreshToken));
  const log = readFileSync(join(directory, 'processes.log'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => Object(JSON.parse(line)));
  const accidents = kills.flatMap(({ at, pid, nextPid, upAt }): Moment[] => [
    { at, what: `kill -9 of ${pid}` },
    { at: upAt, what: `${nextPid} listens, ${upAt - at} ms after the kill` },
  ]);
  const texts: string[] = [];
  for (const [index, { tokenId }] of lost.entries()) {
    const requests = (lives[index] ?? []).map(({ at, event, of }) => ({
      at,
      what: `server: ${event} ${of}`,
    }));
    const outcomes = log
      .filter((line) => line.tokenId === tokenId)
      .map(
        (line): Moment => ({
          at: Number(new Date(line.time)),
          what: `${line.pid}: ${line.outcome} ${line.reason ?? ''}`,
        }),
      );
    const row = await vault.db('oauth_tokens').where({ id: tokenId }).first();
    const { access_token: _, refresh_token: __, ...columns } = row ?? {};
    const moments = [...requests, ...outcomes, ...accidents].sort((a, b) => a.at - b.at);
    const lines = moments.map(({ at, what }) => `${new Date(at).toISOString()} ${what}`);
    texts.push([`token ${tokenId}`, ...lines, JSON.stringify(columns)].join('\n'));
  }
  writeFileSync(join(directory, 'lost.log'), `${texts.join('\n\n')}\n`);
}
