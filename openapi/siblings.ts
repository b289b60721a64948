/** Keeps keywords beside a `$ref`. They hold in OpenAPI 3.1, but tools that resolve references drop them. */
import { isObject, type Json } from './json.ts';

/** Keywords that state nothing about a value. */
const ANNOTATIONS = [
  '$ref',
  'title',
  'summary',
  'description',
  'default',
  'deprecated',
  'example',
  'examples',
  'include_in_schema',
];

/** `{ $ref, minLength: 1 }` as `{ allOf: [{ $ref }], minLength: 1 }`. */
export function keepSiblings(value: Json): Json {
  if (Array.isArray(value)) return value.map((item: Json) => keepSiblings(item));
  if (!isObject(value)) return value;
  const kept = Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, keepSiblings(inner)]));
  const { $ref: reference, ...beside } = kept;
  const isPlain = Object.keys(kept).every((name) => ANNOTATIONS.includes(name));
  if (typeof reference !== 'string' || isPlain) return kept;
  const parts = Array.isArray(beside['allOf']) ? beside['allOf'] : [];
  return { ...beside, allOf: [{ $ref: reference }, ...parts] };
}
