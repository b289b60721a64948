/** Reads path and query parameters, which arrive as text, as the types of the contract (RFC 6570 forms, as FastAPI does). */
import { type Schema, withoutNull } from './schema.ts';

export interface Parameter {
  readonly name: string;
  readonly isRequired: boolean;
  readonly schema: Schema;
}

/** The parameters of one place as the properties of one object. openapi-backend gives them to ajv in this form. */
export const asObject = (parameters: readonly Parameter[]): Schema => ({
  type: 'object',
  properties: Object.fromEntries(parameters.map(({ name, schema }) => [name, schema])),
  required: parameters.filter(({ isRequired }) => isRequired).map(({ name }) => name),
});

type Read = (text: string) => unknown;

const INTEGER = /^[+-]?\d+$/;
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;
const BOOLEANS: Readonly<Record<string, boolean>> = {
  ...{ true: true, '1': true, on: true, t: true, y: true, yes: true },
  ...{ false: false, '0': false, off: false, f: false, n: false, no: false },
};

/** By type. A text that does not fit stays text, so ajv refuses it. */
const READERS: Readonly<Record<string, Read>> = {
  string: (text) => text,
  integer: (text) => (INTEGER.test(text) ? Number(text) : text),
  number: (text) => (NUMBER.test(text) ? Number(text) : text),
  boolean: (text) => {
    const name = text.toLowerCase();
    return Object.hasOwn(BOOLEANS, name) ? BOOLEANS[name] : text;
  },
};

/** A union takes the first type that fits, text last. */
function readerOf(schema: Schema): Read {
  const { schema: plain, branches } = withoutNull(schema);
  const types = (branches.length === 0 ? [plain] : branches).map(typeOf);
  const readers = types.filter((type) => type !== 'string').flatMap((type) => READERS[type] ?? []);
  return (text) => readers.map((read) => read(text)).find((value) => value !== text) ?? text;
}

/** The type of a schema. If it states values but no type, that of the values. */
function typeOf({ type, const: only, enum: values = [only] }: Schema): string {
  if (typeof type === 'string') return type;
  return values.every((value) => typeof value === 'number') ? 'number' : typeof values[0];
}

/** Reads path parameters, which Express has decoded. */
export function pathReader(parameters: readonly Parameter[]) {
  const readers = new Map(parameters.map(({ name, schema }) => [name, readerOf(schema)]));
  return (texts: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> => {
    if (readers.size === 0) return texts;
    return Object.fromEntries(
      Object.entries(texts).map(([name, text]) => [
        name,
        typeof text === 'string' ? (readers.get(name)?.(text) ?? text) : text,
      ]),
    );
  };
}

const NOTHING: Readonly<Record<string, unknown>> = {};

/**
 * Reads the query of a request target. A list takes every value of its name, any other parameter the last one. Undeclared
 * names are ignored.
 */
export function queryReader(parameters: readonly Parameter[]) {
  const readers = parameters.map(({ name, schema }) => {
    const { items, type } = withoutNull(schema).schema;
    const isList = type === 'array';
    const read = readerOf(isList && typeof items === 'object' ? items : schema);
    return { name, isList, read };
  });
  return (target: string): Readonly<Record<string, unknown>> => {
    const start = target.indexOf('?');
    if (readers.length === 0 || start < 0) return NOTHING;
    const given = new URLSearchParams(target.slice(start + 1));
    return Object.fromEntries(
      readers.flatMap(({ name, isList, read }) => {
        const values = given.getAll(name);
        if (isList) return values.length === 0 ? [] : [[name, values.map(read)]];
        return values.slice(-1).map((text) => [name, read(text)]);
      }),
    );
  };
}
