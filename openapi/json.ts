/** A value that JSON can hold. */
import { isDeepStrictEqual } from 'node:util';

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export type JsonObject = { readonly [name: string]: Json };

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const equal = (one: Json | undefined, other: Json | undefined): boolean =>
  isDeepStrictEqual(one, other);

/** The object at a path of names. An empty one, if there is none. */
export const objectAt = (value: Json | undefined, ...names: readonly string[]): JsonObject => {
  const found = names.reduce<Json | undefined>(
    (inner, name) => (isObject(inner) ? inner[name] : undefined),
    value,
  );
  return isObject(found) ? found : {};
};

export const listAt = (value: Json | undefined, name: string): readonly Json[] => {
  const found = isObject(value) ? value[name] : undefined;
  return Array.isArray(found) ? found : [];
};

/** RFC 6901. */
export const pointer = (segments: readonly (string | number)[]): string =>
  `#${segments.map((segment) => `/${String(segment).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')}`;

/** A value as an error shows it, cut after 120 characters. */
export const short = (value: Json): string => {
  const text = JSON.stringify(value);
  return text.length > 120 ? `${text.slice(0, 117)}...` : text;
};

/** A copy of the value in which `change` has replaced the value at the path `at`. */
export function replaceAt(
  value: Json | undefined,
  at: readonly (string | number)[],
  change: (there: Json | undefined) => Json | undefined,
): Json | undefined {
  const [name, ...rest] = at;
  if (name === undefined) return change(value);
  if (Array.isArray(value)) {
    const list: readonly Json[] = value;
    return list.flatMap((item, index) =>
      index === Number(name) ? (replaceAt(item, rest, change) ?? []) : [item],
    );
  }
  const fields = isObject(value) ? value : {};
  const changed = replaceAt(fields[name], rest, change);
  if (changed !== undefined) return { ...fields, [name]: changed };
  return Object.fromEntries(Object.entries(fields).filter(([other]) => other !== String(name)));
}
