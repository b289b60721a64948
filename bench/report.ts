import type { Load } from './loads.ts';

/** The contenders that are measured side by side, if they are installed. */
export type Contender = 'pgbench' | 'pg driver' | 'bare node:http' | 'minimal' | 'FastAPI' | 'tokenhold';

/** The results of the contenders with the same number of connections: medians over the rounds. */
export interface Comparison {
  readonly connections: number;
  readonly loads: readonly (Load & { readonly what: Contender })[];
}

/** How a figure changes when something grows. */
export interface Growth {
  readonly what: string;
  readonly unit: string;
  readonly points: readonly { readonly at: string; readonly value: number }[];
}

export interface Results {
  readonly machine: string;
  /** The FastAPI reference, if it was measured. */
  readonly fastApi?: string;
  readonly postgresql: string;
  readonly settings: Readonly<Record<string, string>>;
  readonly rounds: number;
  readonly seconds: number;
  readonly comparisons: readonly Comparison[];
  readonly growth: readonly Growth[];
}

export function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

/** The median of each figure over several rounds; errors are summed. */
export function median(loads: readonly Load[]): Load {
  const of = (figure: (load: Load) => number | undefined) => {
    const values = loads.map(figure).filter((value) => value !== undefined);
    return values.length === 0 ? undefined : medianOf(values);
  };
  const cpuMicroseconds = of((load) => load.cpuMicroseconds);
  const residentMiB = of((load) => load.residentMiB);
  return {
    imports: of((load) => load.imports) ?? 0,
    perSecond: of((load) => load.perSecond) ?? 0,
    p50: of((load) => load.p50) ?? 0,
    p99: of((load) => load.p99) ?? 0,
    errors: loads.reduce((sum, { errors }) => sum + errors, 0),
    syncsPerImport: of((load) => load.syncsPerImport) ?? 0,
    ...(cpuMicroseconds !== undefined && { cpuMicroseconds }),
    ...(residentMiB !== undefined && { residentMiB }),
  };
}

const COLUMNS = [
  'connections',
  'what',
  'imports/s',
  'of the limit',
  'p50 ms',
  'p99 ms',
  'errors',
  'WAL syncs/import',
  'CPU µs/import',
  'RSS MiB',
];

function rows({ connections, loads }: Comparison): string[][] {
  const limit =
    loads.find(({ what }) => what === 'pgbench') ?? loads.find(({ what }) => what === 'pg driver');
  return loads.map((load) => [
    String(connections),
    load.what,
    load.perSecond.toFixed(0),
    (load.perSecond / (limit?.perSecond ?? 0)).toFixed(2),
    load.p50.toFixed(1),
    load.p99.toFixed(1),
    String(load.errors),
    load.what === 'bare node:http' ? '' : load.syncsPerImport.toFixed(2),
    load.cpuMicroseconds?.toFixed(0) ?? '',
    load.residentMiB?.toFixed(0) ?? '',
  ]);
}

const markdown = (lines: readonly (readonly string[])[]): string => {
  const [head = [], ...body] = lines;
  return [head, head.map(() => '---'), ...body].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
};

/** A plot that GitHub draws. One line for each of `contenders`, in their order. */
function plot(
  title: string,
  unit: string,
  { comparisons }: Results,
  contenders: readonly Contender[],
  figure: (load: Load) => number,
): string {
  const series = contenders.map((contender) =>
    comparisons.flatMap(({ loads }) =>
      loads.filter(({ what }) => what === contender).map((load) => figure(load).toFixed(1)),
    ),
  );
  return [
    '```mermaid',
    'xychart-beta',
    `  title "${title}"`,
    `  x-axis "connections" [${comparisons.map(({ connections }) => connections).join(', ')}]`,
    `  y-axis "${unit}"`,
    ...series.map((values) => `  line [${values.join(', ')}]`),
    '```',
  ].join('\n');
}

/** The results as docs/benchmarks.md has them. */
export function table(results: Results): string {
  const settings = Object.entries(results.settings).map(([name, value]) => `${name} = ${value}`);
  const plotted = (results.comparisons[0]?.loads ?? [])
    .map(({ what }) => what)
    .filter((what) => what !== 'bare node:http');
  return `${[
    `${results.machine}; PostgreSQL ${results.postgresql} (${settings.join(', ')}) on the same machine, as is the load generator.${results.fastApi === undefined ? '' : ` ${results.fastApi}.`} Medians of ${results.rounds} interleaved rounds of ${results.seconds} s.`,
    markdown([COLUMNS, ...results.comparisons.flatMap(rows)]),
    `Lines, in this order: ${plotted.join(', ')}.`,
    plot('Throughput', 'imports/s', results, plotted, (load) => load.perSecond),
    ...results.growth.map(({ what, unit, points }) => {
      const first = points[0]?.value ?? 0;
      return markdown([
        [what, unit, 'of the first'],
        ...points.map(({ at, value }) => [at, value.toFixed(1), (value / first).toFixed(2)]),
      ]);
    }),
  ].join('\n\n')}\n`;
}
