/** What is found in one part of a request, at most once for each place. */
import type { FieldError } from './errors.ts';
import type { Wording } from './wording.ts';

/** A body of wrong list items would otherwise grow about fiftyfold as a list of errors. */
export const MAX_FINDINGS = 100;

export type Path = readonly (string | number)[];

export interface Findings {
  readonly found: FieldError[];
  /** The places that have a finding. */
  readonly places: Set<string>;
}

export const isFull = ({ found }: Findings): boolean => found.length >= MAX_FINDINGS;

/** Adds a finding, unless its place has one or there are enough. */
export function add(
  findings: Findings,
  loc: Path,
  wording: Wording,
  input: { readonly input?: unknown } = {},
): void {
  const key = loc.join('\0');
  if (isFull(findings) || findings.places.has(key)) return;
  findings.places.add(key);
  findings.found.push({ loc, ...wording, ...input });
}

/** The rejected value, where repeating it can give no secret away: a caller may have swapped two fields. */
export const repeatable = (value: unknown, isSecret: boolean): { readonly input?: unknown } =>
  !isSecret && (value === null || typeof value === 'boolean' || Number.isFinite(value))
    ? { input: value }
    : {};
