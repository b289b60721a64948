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

const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
const HEAD = ['attack or outage', 'figure', 'quiet', 'measured', 'must', 'holds'];

/** The head of the table of docs/reliability.md. */
export const tableHead = (): string => [HEAD, HEAD.map(() => '---')].map(line).join('\n');

export const tableRow = ({ name, what, quiet, value, must, holds }: Figure): string =>
  line([name, what, quiet, value, must, holds ? 'yes' : '**no**']);
