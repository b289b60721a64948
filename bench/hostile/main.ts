/** `npm run hostile`: measures what hostile callers cost others, and outages cost all. See docs/reliability.md. */
import { availableParallelism, cpus, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { openArena } from './arena.ts';
import { serve } from './neighbour.ts';
import { measureNoise } from './noise.ts';
import { fillHostile, noises } from './noises.ts';
import { measureOutage, outages } from './outages.ts';
import { type Figure, figuresTable } from './report.ts';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '5' },
    only: { type: 'string', default: '' },
  },
});
const timing = { rounds: Number(options.rounds), seconds: Number(options.seconds) };
const isChosen = ({ name }: { readonly name: string }) => name.includes(options.only);
const progress = (text: string) => process.stderr.write(`${text}\n`);
const WARM_UP_SECONDS = 5;

async function measureNoises(): Promise<Figure[]> {
  const chosen = noises.filter(isChosen);
  if (chosen.length === 0) return [];
  const arena = await openArena();
  const figures: Figure[] = [];
  try {
    await fillHostile(arena);
    await serve(arena.service.url, arena.neighbours, WARM_UP_SECONDS);
    for (const noise of chosen) {
      progress(noise.name);
      figures.push(...(await measureNoise(arena, noise, timing)));
    }
  } finally {
    await arena.stop();
  }
  return figures;
}

const figures = await measureNoises();
for (const outage of outages.filter(isChosen)) {
  progress(outage.name);
  figures.push(...(await measureOutage(outage)));
}
const machine = `${cpus()[0]?.model ?? 'unknown processor'}, ${availableParallelism()} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`;
process.stdout.write(
  `${machine}; PostgreSQL, the service, the attack and the measured load on the same machine. Medians of ${timing.rounds} rounds of ${timing.seconds} s, quiet and attacked by turns.\n\n${figuresTable(figures)}\n`,
);
if (figures.some(({ holds }) => !holds)) process.exitCode = 1;
