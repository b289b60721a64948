import type { Server } from './database.ts';
import type { Garbage } from './garbage.ts';
import type { Load } from './loads.ts';

/** The contenders that are measured side by side, if they are installed. */
export type Contender = 'pgbench' | 'pg driver' | 'bare node:http' | 'minimal' | 'FastAPI' | 'tokenhold';

/** A contender's figures with one number of connections: medians over the rounds. */
export type Row = Load & Partial<Garbage> & { readonly what: Contender };

export interface Comparison {
  readonly connections: number;
  readonly loads: readonly Row[];
}

/** How a figure changes when something grows. */
export interface Growth {
  readonly what: string;
  readonly unit: string;
  readonly points: readonly { readonly at: string; readonly value: number }[];
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
  const syncsPerRequest = of((load) => load.syncsPerRequest);
  const cpuMicroseconds = of((load) => load.cpuMicroseconds);
  const residentMiB = of((load) => load.residentMiB);
  return {
    requests: of((load) => load.requests) ?? 0,
    perSecond: of((load) => load.perSecond) ?? 0,
    p50: of((load) => load.p50) ?? 0,
    p99: of((load) => load.p99) ?? 0,
    errors: loads.reduce((sum, { errors }) => sum + errors, 0),
    ...(syncsPerRequest !== undefined && { syncsPerRequest }),
    ...(cpuMicroseconds !== undefined && { cpuMicroseconds }),
    ...(residentMiB !== undefined && { residentMiB }),
  };
}

/** @param one what the load is of, such as "import" */
const columns = (one: string): string[] => [
  'connections',
  'what',
  `${one}s/s`,
  'of the limit',
  'p50 ms',
  'p99 ms',
  'errors',
  `WAL syncs/${one}`,
  `CPU µs/${one}`,
  `KB allocated/${one}`,
  `KB promoted/${one}`,
  'RSS MiB',
];

const kilobytes = (bytes: number | undefined, digits: number): string =>
  bytes === undefined ? '' : (bytes / 1000).toFixed(digits);

function rows({ connections, loads }: Comparison): string[][] {
  const limit =
    loads.find(({ what }) => what === 'pgbench') ?? loads.find(({ what }) => what === 'pg driver');
  return loads.map((load) => [
    String(connections),
    load.what,
    load.perSecond.toFixed(0),
    limit === undefined ? '' : (load.perSecond / limit.perSecond).toFixed(2),
    load.p50.toFixed(1),
    load.p99.toFixed(1),
    String(load.errors),
    load.syncsPerRequest?.toFixed(2) ?? '',
    load.cpuMicroseconds?.toFixed(0) ?? '',
    kilobytes(load.allocated, 0),
    kilobytes(load.promoted, 2),
    load.residentMiB?.toFixed(0) ?? '',
  ]);
}

const markdown = (lines: readonly (readonly string[])[]): string => {
  const [head = [], ...body] = lines;
  return [head, head.map(() => '---'), ...body].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
};

/** The lines of the plot, in the colours that its legend names. */
const LINES: readonly (readonly [Contender, colour: string, code: string, meaning: string])[] = [
  ['pgbench', 'grey', '#8c8c8c', 'pgbench, the limit'],
  ['minimal', 'orange', '#e69f00', 'minimal server'],
  ['FastAPI', 'blue', '#0072b2', 'FastAPI'],
  ['tokenhold', 'green', '#009e73', 'tokenhold'],
];

/** Throughput against connections, as GitHub draws it. The plot has no legend of its own. */
function plot(comparisons: readonly Comparison[]): string {
  const lines = LINES.map(([contender, ...line]) => ({
    line,
    values: comparisons.flatMap(({ loads }) =>
      loads.filter(({ what }) => what === contender).map(({ perSecond }) => perSecond.toFixed(0)),
    ),
  })).filter(({ values }) => values.length > 0);
  const legend = lines.map(({ line: [colour, , meaning] }) => `${colour}: ${meaning}`);
  return [
    `Imports per second, more is better (${legend.join('; ')}):\n`,
    '```mermaid',
    '---',
    'config:',
    '  themeVariables:',
    '    xyChart:',
    `      plotColorPalette: "${lines.map(({ line: [, code] }) => code).join(', ')}"`,
    '---',
    'xychart-beta',
    `  x-axis "callers at once" [${comparisons.map(({ connections }) => connections).join(', ')}]`,
    '  y-axis "imports per second"',
    ...lines.map(({ values }) => `  line [${values.join(', ')}]`),
    '```',
  ].join('\n');
}

/** Where and how the figures were measured. */
export const heading = ({
  machine,
  fastApi,
  server: { version, settings },
  rounds: { rounds, seconds },
}: {
  readonly machine: string;
  /** The versions of the FastAPI reference; undefined: it is not installed. */
  readonly fastApi: string | undefined;
  readonly server: Pick<Server, 'version' | 'settings'>;
  readonly rounds: { readonly rounds: number; readonly seconds: number };
}): string => {
  const given = Object.entries(settings).map(([name, value]) => `${name} = ${value}`);
  return (
    `${machine}; PostgreSQL ${version} (${given.join(', ')}) on the same machine, as is the load generator.` +
    `${fastApi === undefined ? '' : ` ${fastApi}.`} Medians of ${rounds} interleaved rounds of ${seconds} s.`
  );
};

const section = (title: string, ...blocks: readonly string[]) => [`### ${title}`, ...blocks].join('\n\n');

export const importTables = (comparisons: readonly Comparison[]): string =>
  section('Imports', plot(comparisons), markdown([columns('import'), ...comparisons.flatMap(rows)]));

export const releaseTables = (comparisons: readonly Comparison[]): string =>
  section('Releases', markdown([columns('release'), ...comparisons.flatMap(rows)]));

export const growthTables = (growth: readonly Growth[]): string =>
  section(
    'Growth',
    ...growth.map(({ what, unit, points }) => {
      const first = points[0]?.value ?? 0;
      return markdown([
        [what, unit, 'of the first'],
        ...points.map(({ at, value }) => [at, value.toFixed(1), (value / first).toFixed(2)]),
      ]);
    }),
  );
