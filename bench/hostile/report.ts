/** One figure of one attack or outage. */
export interface Figure {
  readonly name: string;
  readonly what: string;
  /** The quiet run of the same minute. */
  readonly quiet: string;
  readonly value: string;
  readonly must: string;
  readonly holds: boolean;
}

/** The figures as docs/reliability.md has them. */
export function figuresTable(figures: readonly Figure[]): string {
  const rows = figures.map(({ name, what, quiet, value, must, holds }) => [
    name,
    what,
    quiet,
    value,
    must,
    holds ? 'yes' : '**no**',
  ]);
  const head = ['attack or outage', 'figure', 'quiet', 'measured', 'must', 'holds'];
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
