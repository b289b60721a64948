/** Measures contenders side by side: imports and releases at several numbers of connections. */
import { type BenchVault, giveTokens, type Server, settingsOf } from './database.ts';
import { startFastApi } from './fastapi/start.ts';
import { type Garbage, measureGarbage, type Traced } from './garbage.ts';
import { bareLoad, driverLoad, importLoad, type Load, type LoadOptions, releaseLoad } from './loads.ts';
import { hasPgbench, importScript, pgbenchLoad, releaseScript } from './pgbench.ts';
import { type Comparison, type Contender, median } from './report.ts';
import { startService } from './start.ts';

export interface Rounds {
  readonly rounds: number;
  readonly seconds: number;
  /** Numbers of connections. */
  readonly levels: readonly number[];
  /** Shows the progress. */
  readonly progress: (text: string) => void;
}

interface Contending {
  readonly what: Contender;
  readonly measure: (load: LoadOptions) => Promise<Load>;
  /** How its garbage is measured. Undefined: it is no program of Node. */
  readonly traced?: Traced;
  readonly stop?: () => Promise<void>;
}

const WARM_UP = { connections: 16, seconds: 5 };

/** Starts one of our programs, and keeps it for all rounds. */
async function started(
  server: Server,
  vault: BenchVault,
  what: Contender,
  traced: Traced,
): Promise<Contending> {
  const service = await startService(server.directory, traced.settings, traced.program);
  const measure = (load: LoadOptions) => traced.measure(service, vault, load);
  return { what, measure, traced, stop: service.stop };
}

/** Imports by everything that is installed. */
export async function compareImports(
  server: Server,
  withFastApi: boolean,
  rounds: Rounds,
): Promise<Comparison[]> {
  const vault = await server.createVault(1);
  const settings = settingsOf(vault);
  const organization = { BENCH_ORGANIZATION: vault.callers[0]?.organizationId ?? '' };
  const contenders: Contending[] = [
    { what: 'pg driver', measure: (load) => driverLoad(vault, load) },
    await started(server, vault, 'bare node:http', { program: 'bare', settings: {}, measure: bareLoad }),
    await started(server, vault, 'minimal', {
      program: 'minimal',
      settings: { ...settings, ...organization },
      measure: importLoad,
    }),
  ];
  if (await hasPgbench()) {
    const script = importScript(vault);
    contenders.unshift({
      what: 'pgbench',
      measure: (load) => pgbenchLoad(vault, server.directory, script, load),
    });
  }
  if (withFastApi) {
    const service = await startFastApi(vault);
    const measure = (load: LoadOptions) => importLoad(service, vault, load);
    contenders.push({ what: 'FastAPI', measure, stop: service.stop });
  }
  contenders.push(
    await started(server, vault, 'tokenhold', { program: 'service', settings, measure: importLoad }),
  );
  return compare(server, vault, contenders, rounds);
}

/** Releases by the service and by pgbench. */
export async function compareReleases(server: Server, rounds: Rounds): Promise<Comparison[]> {
  const vault = await server.createVault(1);
  await giveTokens(vault);
  const settings = settingsOf(vault);
  const contenders = [
    await started(server, vault, 'tokenhold', { program: 'service', settings, measure: releaseLoad }),
  ];
  if (await hasPgbench()) {
    const script = releaseScript(vault);
    contenders.unshift({
      what: 'pgbench',
      measure: (load) => pgbenchLoad(vault, server.directory, script, load),
    });
  }
  return compare(server, vault, contenders, rounds);
}

/** In a different order each round, because the load before can help or hinder the next. */
const rotated = <T>(all: readonly T[], by: number): T[] => {
  const from = by % all.length;
  return [...all.slice(from), ...all.slice(0, from)];
};

async function compare(
  server: Server,
  vault: BenchVault,
  contenders: readonly Contending[],
  { rounds, seconds, levels, progress }: Rounds,
): Promise<Comparison[]> {
  const comparisons = levels.map((connections) => ({
    connections,
    loads: contenders.map((contender) => ({ ...contender, measured: [] as Load[] })),
  }));
  try {
    progress('warming up');
    for (const { measure } of contenders) await measure(WARM_UP);
    for (let round = 1; round <= rounds; round++) {
      for (const { connections, loads } of comparisons) {
        progress(`round ${round} of ${rounds}, ${connections} connections`);
        for (const { measure, measured } of rotated(loads, round)) {
          measured.push(await measure({ connections, seconds }));
        }
      }
    }
  } finally {
    for (const { stop } of contenders) await stop?.();
  }
  const garbage = new Map<Contender, readonly Garbage[]>();
  for (const { what, traced } of contenders) {
    if (traced === undefined) continue;
    progress(`garbage of ${what}`);
    garbage.set(what, await measureGarbage(server.directory, vault, traced, levels));
  }
  return comparisons.map(({ connections, loads }, level) => ({
    connections,
    loads: loads.map(({ what, measured }) => ({ what, ...median(measured), ...garbage.get(what)?.[level] })),
  }));
}
