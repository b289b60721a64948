/** `npm run bench:refresh`: counts the grants that survive kills, outages and slow providers. See docs/reliability.md. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startEmbedded } from '../../db/embedded/embedded.ts';
import { type Arena, type ArenaOptions, openArena } from './arena.ts';
import {
  copy,
  databaseOutage,
  type Figure,
  slowProvider,
  smallPool,
  stampede,
  wrongSecret,
} from './cases.ts';
import { withinWindow, withoutWindow } from './storm.ts';

const { values: options } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    /** Of the two cases with kills. */
    seconds: { type: 'string', default: '60' },
    /** Between two kills. */
    every: { type: 'string', default: '2' },
    /** Of the case with a wrong client secret. */
    minutes: { type: 'string', default: '10' },
    /** Of the case with a small pool. */
    rounds: { type: 'string', default: '5' },
    /** Numbers of cases, in the order of the table. */
    only: { type: 'string', default: '1,2,3,4,5,6,7,8' },
  },
});
const storm = { seconds: Number(options.seconds), every: Number(options.every) };
const minutes = Number(options.minutes);
const progress = (text: string) => process.stderr.write(`${new Date().toISOString()} ${text}\n`);

const directory = mkdtempSync(join(tmpdir(), 'tokenhold-bench-refresh-'));
const main = await startEmbedded(join(directory, 'data'));

async function inArena(
  run: (arena: Arena) => Promise<Figure>,
  arenaOptions: ArenaOptions = { processes: 3 },
  serverUrl = main.connectionString,
): Promise<Figure> {
  const arena = await openArena(serverUrl, directory, arenaOptions);
  try {
    return await run(arena);
  } finally {
    await arena.stop();
  }
}

/** On a PostgreSQL of its own, which it stops. */
async function outage(): Promise<Figure> {
  const dataDir = join(directory, 'outage');
  mkdirSync(dataDir);
  let embedded = await startEmbedded(dataDir);
  try {
    return await inArena(
      (arena) =>
        databaseOutage(arena, async () => {
          await embedded.stop();
          return async () => {
            embedded = await startEmbedded(dataDir);
          };
        }),
      undefined,
      embedded.connectionString,
    );
  } finally {
    await embedded.stop();
  }
}

const small: ArenaOptions = {
  processes: 1,
  settings: { DATABASE_POOL_MAX: '2' },
  // So that the process asks for all 50 at once.
  reuse: { class: 'window', seconds: 3_600 },
};
const CASES: readonly (() => Promise<Figure>)[] = [
  () => inArena(stampede),
  () => inArena((arena) => withinWindow(arena, storm)),
  () => inArena((arena) => withoutWindow(arena, storm)),
  outage,
  () => inArena(slowProvider),
  () => inArena((arena) => smallPool(arena, Number(options.rounds)), small),
  () => inArena((arena) => wrongSecret(arena, minutes)),
  () => inArena((arena) => copy(arena, main.connectionString)),
];

const chosen = options.only.split(',').map(Number);
const figures: Figure[] = [];
try {
  for (const number of chosen) {
    progress(`case ${number}`);
    const figure = await CASES[number - 1]?.();
    if (figure === undefined) continue;
    progress(`${figure.holds ? 'holds' : 'FAILS'}: ${figure.what}: ${figure.found}`);
    figures.push(figure);
  }
} finally {
  await main.stop();
  if (figures.length === chosen.length && figures.every(({ holds }) => holds))
    rmSync(directory, { recursive: true });
  else progress(`the logs are in ${directory}`);
}

const machine = `${cpus()[0]?.model ?? 'unknown CPU'}, ${availableParallelism()} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.versions.node}`;
if (options.json) process.stdout.write(`${JSON.stringify({ machine, figures })}\n`);
else {
  const lines = figures.map(({ what, must, found, holds }) => [what, must, found, holds ? 'yes' : '**no**']);
  const table = [['case', 'must hold', 'found', 'holds'], ['---', '---', '---', '---'], ...lines];
  process.stdout.write(`${machine}\n\n${table.map((cells) => `| ${cells.join(' | ')} |`).join('\n')}\n`);
}
if (!figures.every(({ holds }) => holds)) process.exitCode = 1;
