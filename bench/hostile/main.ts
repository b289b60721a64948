/** `npm run hostile`: measures what hostile callers cost others, and outages cost all. See docs/reliability.md. */
import { availableParallelism, cpus, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { openArena } from './arena.ts';
import { LOOP, measureLoop } from './loop.ts';
import { serve } from './neighbour.ts';
import { measureNoise } from './noise.ts';
import { fillHostile, noises } from './noises.ts';
import { measureOutage, outages } from './outages.ts';
import { type Figure, tableHead, tableRow } from './report.ts';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '5' },
    only: { type: 'string', default: '' },
  },
});
const timing = { rounds: Number(options.rounds), seconds: Number(options.seconds) };
const isChosen = ({ name }: { readonly name: string }) => name.includes(options.only);
const print = (text: string) => process.stdout.write(`${text}\n`);
const WARM_UP_SECONDS = 5;

/** Prints the figures as soon as they are measured. A measurement that fails is a figure that does not hold. */
async function tell(name: string, measure: () => Promise<readonly Figure[]>): Promise<void> {
  process.stderr.write(`${name}\n`);
  const figures = await measure().catch((error: unknown): Figure[] => [
    { name, what: 'not measured', quiet: '', value: String(error), must: '', holds: false },
  ]);
  for (const figure of figures) print(tableRow(figure));
  if (figures.some(({ holds }) => !holds)) process.exitCode = 1;
}

async function measureNoises(): Promise<void> {
  const chosen = noises.filter(isChosen);
  if (chosen.length === 0 && !isChosen({ name: LOOP })) return;
  const arena = await openArena();
  try {
    await fillHostile(arena);
    await serve(arena.service.url, arena.neighbours, WARM_UP_SECONDS);
    for (const noise of chosen) await tell(noise.name, () => measureNoise(arena, noise, timing));
    if (isChosen({ name: LOOP })) await tell(LOOP, () => measureLoop(arena));
  } finally {
    await arena.stop();
  }
}

const machine = `${cpus()[0]?.model ?? 'unknown processor'}, ${availableParallelism()} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`;
print(
  `${machine}; PostgreSQL, the service, the attack and the measured load on the same machine. Medians of ${timing.rounds} rounds of ${timing.seconds} s, quiet and attacked by turns.\n`,
);
print(tableHead());
await measureNoises();
for (const outage of outages.filter(isChosen)) await tell(outage.name, () => measureOutage(outage));
