import type { ErrorObject } from 'ajv';
import type { FieldError } from './errors.ts';

/** What of JSON Schema and of our overlay says how an error is worded. */
export interface Schema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  /** A secret is never repeated, and is stored encrypted, so it may hold any character. */
  readonly 'x-secret'?: boolean;
}

type Path = readonly (string | number)[];
type Wording = Pick<FieldError, 'msg' | 'type' | 'ctx'>;

/** A body of wrong list items would otherwise grow about fiftyfold as a list of errors. */
const MAX_ERRORS = 100;

const MISSING: Wording = { msg: 'Field required', type: 'missing' };
const NOT_FINITE: Wording = { msg: 'Input should be a finite number', type: 'finite_number' };
const NOT_UNICODE: Wording = {
  msg: 'Input should be a valid string, unable to parse raw data as a unicode string',
  type: 'string_unicode',
};
const NULL_CHARACTER: Wording = {
  msg: 'Value error, null characters are not allowed',
  type: 'value_error',
  ctx: { error: 'null characters are not allowed' },
};
const NOT_AN_OBJECT: Wording = {
  msg: 'Input should be a valid dictionary or object to extract fields from',
  type: 'model_attributes_type',
};

/** For a keyword that has no wording yet: a newer contract must not let a value through for that. */
const INVALID: Wording = {
  msg: 'Value error, invalid value',
  type: 'value_error',
  ctx: { error: 'invalid value' },
};

/** The wording of a wrong type, by the type that the schema wants (pydantic-core, src/errors/types.rs). */
const WRONG_TYPE: Readonly<Record<string, Wording>> = {
  string: { msg: 'Input should be a valid string', type: 'string_type' },
  integer: { msg: 'Input should be a valid integer', type: 'int_type' },
  number: { msg: 'Input should be a valid number', type: 'float_type' },
  boolean: { msg: 'Input should be a valid boolean', type: 'bool_type' },
  array: { msg: 'Input should be a valid list', type: 'list_type' },
  object: { msg: 'Input should be a valid dictionary', type: 'dict_type' },
};

/** The wording of every other keyword that a schema of the contract uses on a request. */
const WRONG_VALUE: Readonly<Record<string, (params: ErrorObject['params']) => Wording>> = {
  enum: ({ allowedValues }) => {
    const expected = listed(allowedValues);
    return { msg: `Input should be ${expected}`, type: 'literal_error', ctx: { expected } };
  },
  format: ({ format }) => ({
    msg: `Value error, not a valid ${format}`,
    type: 'value_error',
    ctx: { error: `not a valid ${format}` },
  }),
  minimum: ({ limit }) => ({
    msg: `Input should be greater than or equal to ${limit}`,
    type: 'greater_than_equal',
    ctx: { ge: limit },
  }),
  maximum: ({ limit }) => ({
    msg: `Input should be less than or equal to ${limit}`,
    type: 'less_than_equal',
    ctx: { le: limit },
  }),
};

/** `'a', 'b' or 'c'` */
function listed(values: readonly string[]): string {
  const quoted = values.map((value) => `'${value}'`);
  return [quoted.slice(0, -1).join(', '), ...quoted.slice(-1)].filter((part) => part !== '').join(' or ');
}

/** The schema with each nullable (`anyOf: [X, null]`) as X itself: its errors are those of X. To be done once, at the start. */
export function withoutNull({ anyOf = [], ...schema }: Schema): Schema {
  const { items, properties, ...own } = { ...schema, ...anyOf.find(({ type }) => type !== 'null') };
  return {
    ...own,
    ...(items && { items: withoutNull(items) }),
    ...(properties && {
      properties: Object.fromEntries(
        Object.entries(properties).map(([name, property]) => [name, withoutNull(property)]),
      ),
    }),
  };
}

const pointer = (path: Path): string =>
  path.map((key) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');

/** What is being put together for one part of a request. */
interface Findings {
  /** By instance path. */
  readonly errors: ReadonlyMap<string, readonly ErrorObject[]>;
  readonly found: FieldError[];
}

const NONE: readonly ErrorObject[] = [];

const errorsAt = ({ errors }: Findings, at: Path): readonly ErrorObject[] =>
  errors.size === 0 ? NONE : (errors.get(pointer(at)) ?? NONE);

/**
 * The entries of the 422 answer for `value`: at most one for each place, in the schema's order whatever the body's is,
 * worded as FastAPI does. Empty: the value is fine. Beside ajv's findings, this is where text that cannot be stored is found.
 * @param schema without nullables
 * @param errors what ajv found in `value` (with `allErrors`), instance paths counted from `value`
 * @param place where the value stands in the request, `body` for instance
 */
export function fieldErrors(
  schema: Schema,
  value: unknown,
  place: string,
  errors: readonly ErrorObject[],
): FieldError[] {
  if ((value ?? null) === null && errors.length > 0) return [{ loc: [place], ...MISSING, input: null }];
  if (schema.properties !== undefined && !(isObject(value) && !Array.isArray(value)))
    return [{ loc: [place], ...NOT_AN_OBJECT }];
  const findings: Findings = { errors: byInstancePath(errors), found: [] };
  visit(findings, schema, value, []);
  return findings.found.map((entry) => ({ ...entry, loc: [place, ...entry.loc] }));
}

function byInstancePath(errors: readonly ErrorObject[]): ReadonlyMap<string, readonly ErrorObject[]> {
  const byPath = new Map<string, ErrorObject[]>();
  for (const error of errors) {
    const there = byPath.get(error.instancePath);
    if (there === undefined) byPath.set(error.instancePath, [error]);
    else there.push(error);
  }
  return byPath;
}

function visit(findings: Findings, schema: Schema, value: unknown, at: Path): void {
  if (findings.found.length >= MAX_ERRORS) return;
  const wording = wrong(schema, value, errorsAt(findings, at)) ?? unstorable(schema, value);
  if (wording !== undefined) findings.found.push({ loc: at, ...wording, ...repeatable(schema, value) });
  else if (Array.isArray(value) && schema.items !== undefined) {
    for (const [index, item] of value.entries()) visit(findings, schema.items, item, [...at, index]);
  } else if (isObject(value) && schema.properties !== undefined) {
    visitProperties(findings, schema.properties, value, at);
  }
}

function visitProperties(
  findings: Findings,
  properties: Readonly<Record<string, Schema>>,
  container: Readonly<Record<string, unknown>>,
  at: Path,
): void {
  const missing = new Set(errorsAt(findings, at).map(({ params }) => params['missingProperty']));
  for (const [name, property] of Object.entries(properties)) {
    const there = [...at, name];
    if (Object.hasOwn(container, name)) visit(findings, property, container[name], there);
    else if (missing.has(name)) findings.found.push({ loc: there, ...MISSING });
  }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

/** The rejected value, where repeating it can give no secret away: a caller may have swapped two fields. */
function repeatable(schema: Schema, value: unknown): { readonly input?: unknown } {
  const plain = value === null || typeof value === 'boolean' || Number.isFinite(value);
  return plain && schema['x-secret'] !== true ? { input: value } : {};
}

/** The wording of what ajv found at one place; `type` and `anyOf` of a nullable come as one. */
function wrong(schema: Schema, value: unknown, errors: readonly ErrorObject[]): Wording | undefined {
  const own = errors.filter(
    ({ keyword, params }) => keyword !== 'required' && keyword !== 'anyOf' && params['type'] !== 'null',
  );
  const error = own.find(({ keyword }) => keyword === 'type') ?? own[0];
  if (error === undefined) return undefined;
  if (error.keyword !== 'type') return WRONG_VALUE[error.keyword]?.(error.params) ?? INVALID;
  if (typeof value === 'number' && (schema.type === 'integer' || schema.type === 'number')) {
    if (!Number.isFinite(value)) return NOT_FINITE;
    return {
      msg: 'Input should be a valid integer, got a number with a fractional part',
      type: 'int_from_float',
    };
  }
  return WRONG_TYPE[schema.type ?? ''] ?? INVALID;
}

/** What no schema says and PostgreSQL, or UTF-8, cannot hold: lone surrogates, U+0000, numbers beyond a double. */
function unstorable(schema: Schema, value: unknown): Wording | undefined {
  if (typeof value === 'string') return unstorableText(value, schema['x-secret'] === true);
  return isObject(value) && schema.properties === undefined && schema.items === undefined
    ? unstorableInside(value)
    : undefined;
}

function unstorableText(text: string, isSecret: boolean): Wording | undefined {
  if (!text.isWellFormed()) return NOT_UNICODE;
  return !isSecret && text.includes('\0') ? NULL_CHARACTER : undefined;
}

/** A free-form object is one place: the first of its faults in this order, wherever inside. */
function unstorableInside(container: object): Wording | undefined {
  const found = new Set<Wording>();
  const queue: unknown[] = [container];
  for (const value of queue) {
    const fault =
      typeof value === 'string'
        ? unstorableText(value, false)
        : typeof value === 'number' && !Number.isFinite(value)
          ? NOT_FINITE
          : undefined;
    if (fault !== undefined) found.add(fault);
    if (Array.isArray(value)) for (const item of value) queue.push(item);
    else if (isObject(value)) for (const entry of Object.entries(value)) queue.push(...entry);
  }
  return [NOT_UNICODE, NULL_CHARACTER, NOT_FINITE].find((wording) => found.has(wording));
}
