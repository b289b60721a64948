/** The heap that a request takes, in runs of their own, because the trace of the collections costs time. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BenchVault } from './database.ts';
import type { Load, LoadOptions } from './loads.ts';
import { type Program, type Service, startService } from './start.ts';

/** In bytes of one request. */
export interface Garbage {
  readonly allocated: number;
  /** Moved to the old generation, where only a full collection frees it. */
  readonly promoted: number;
}

/** A program of Node, with the load that it is measured with. */
export interface Traced {
  readonly program: Program;
  readonly settings: Readonly<Record<string, string>>;
  readonly measure: (service: Service, vault: BenchVault, load: LoadOptions) => Promise<Load>;
}

/** Caches fill and code is compiled before the measured runs. */
const WARM_UP = { connections: 16, seconds: 4 };
/** Two dozen young collections at one connection. What the last one has not seen yet is left out: 4 % at most. */
const SECONDS = 8;

/** @returns one result for each number of connections */
export async function measureGarbage(
  directory: string,
  vault: BenchVault,
  { program, settings, measure }: Traced,
  levels: readonly number[],
): Promise<readonly Garbage[]> {
  const trace = join(directory, 'collections.log');
  const service = await startService(directory, settings, program, trace);
  await measure(service, vault, WARM_UP);
  const results: Garbage[] = [];
  for (const connections of levels) {
    const before = collected(trace);
    const { requests } = await measure(service, vault, { connections, seconds: SECONDS });
    const after = collected(trace);
    results.push({
      allocated: (after.allocated - before.allocated) / requests,
      promoted: (after.promoted - before.promoted) / requests,
    });
  }
  await service.stop();
  return results;
}

/** The sums over the lines of `--trace-gc-nvp`. Each tells what was allocated since the collection before. */
function collected(trace: string): Garbage {
  const text = readFileSync(trace, 'utf8');
  const sum = (pattern: RegExp) =>
    [...text.matchAll(pattern)].reduce((total, [, bytes]) => total + Number(bytes), 0);
  return { allocated: sum(/ allocated=(\d+)/g), promoted: sum(/ promoted=(\d+)/g) };
}
