/**
 * Our keyword `x-max-values` limits the items of a list, or the values of an object at any depth. It names a setting,
 * because an operator decides how much one request may cost.
 */
import type { DataValidateFunction } from 'ajv/dist/types/index.js';
import { isObject } from './schema.ts';

export const MAX_VALUES = 'x-max-values';

/** The settings that a contract may name, with their defaults. A body holds 12,000 values in all. */
export const VALUE_LIMITS = { METADATA_MAX_VALUES: 10_000, SCOPES_MAX: 1_000 } as const;

export type ValueLimits = Readonly<Record<string, number>>;

export const maxValues =
  (limits: ValueLimits) =>
  (setting: string): DataValidateFunction => {
    const limit = limits[setting];
    if (limit === undefined) throw new Error(`${MAX_VALUES} names no setting of ours: ${setting}`);
    // The wording of a refusal validates the same object again, which must not count it again.
    const refused = new WeakSet<object>();
    const validate: DataValidateFunction = (value: unknown) => {
      if (!isObject(value) || !refused.has(value)) {
        if (Array.isArray(value) ? value.length <= limit : holdsAtMost(value, limit)) return true;
        if (isObject(value)) refused.add(value);
      }
      validate.errors = [{ keyword: MAX_VALUES, params: { limit } }];
      return false;
    };
    return validate;
  };

/** Stops as soon as there are too many. `Object.values` of thousands of names takes several times as long. */
function holdsAtMost(value: unknown, limit: number): boolean {
  const queue: unknown[] = [value];
  for (const inner of queue) {
    if (Array.isArray(inner)) {
      if (queue.length + inner.length > limit + 1) return false;
      for (const item of inner) queue.push(item);
    } else if (isObject(inner)) {
      for (const name in inner) if (queue.push(inner[name]) > limit + 1) return false;
    }
  }
  return true;
}
