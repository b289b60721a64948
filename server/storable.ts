/** Finds values that no schema forbids but PostgreSQL or UTF-8 cannot hold: lone surrogates, U+0000, infinite numbers. */
import { isObject } from './schema.ts';
import { NOT_FINITE, NOT_UNICODE, NULL_CHARACTER, type Wording } from './wording.ts';

/** Whether a value, and all that it holds, can be stored at any place. Not everything else is refused: see `unstorable`. */
export function isStorable(value: unknown): boolean {
  if (unstorableScalar(value, false) !== undefined) return false;
  if (Array.isArray(value)) {
    for (let at = 0; at < value.length; at += 1) if (!isStorable(value[at])) return false;
  } else if (isObject(value)) {
    for (const name in value) {
      if (unstorableScalar(name, false) !== undefined || !isStorable(value[name])) return false;
    }
  }
  return true;
}

/** @param isSecret a secret is stored encrypted, so it may hold U+0000 */
export function unstorableScalar(value: unknown, isSecret: boolean): Wording | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : NOT_FINITE;
  if (typeof value !== 'string') return undefined;
  if (!value.isWellFormed()) return NOT_UNICODE;
  return !isSecret && value.includes('\0') ? NULL_CHARACTER : undefined;
}

/** The gravest fault in a free-form value, at any depth. Such a value is one place. */
export function unstorable(value: unknown, isSecret: boolean): Wording | undefined {
  const queue: unknown[] = [value];
  let fault: Wording | undefined;
  for (const inner of queue) {
    if (Array.isArray(inner)) {
      for (const item of inner) queue.push(item);
    } else if (isObject(inner)) {
      for (const name in inner) queue.push(name, inner[name]);
    } else {
      fault = graver(fault, unstorableScalar(inner, isSecret));
      if (fault === NOT_UNICODE) return fault;
    }
  }
  return fault;
}

const graver = (one: Wording | undefined, other: Wording | undefined): Wording | undefined =>
  one === NULL_CHARACTER ? (other === NOT_UNICODE ? other : one) : (other ?? one);
