/** The findings in one part of a request, at most one for each place. */
import type { FieldError } from './errors.ts';
import type { Wording } from './wording.ts';

/** Without a limit, the errors for a list of wrong items would be fifty times as long as the list. */
export const MAX_FINDINGS = 100;

export type Path = readonly (string | number)[];

export interface Findings {
  readonly found: FieldError[];
  /** The places that have a finding. */
  readonly places: Set<string>;
}

export const isFull = ({ found }: Findings): boolean => found.length >= MAX_FINDINGS;

/** Adds a finding, unless its place has one already or the limit is reached. */
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

/** The rejected value, if it cannot be a secret. Any text can be one: a caller may have swapped two fields. */
export const repeatable = (value: unknown, isSecret: boolean): { readonly input?: unknown } =>
  !isSecret && (value === null || typeof value === 'boolean' || Number.isFinite(value))
    ? { input: value }
    : {};
