/** Words the findings of ajv as pydantic and FastAPI do (pydantic-core, src/errors/types.rs). */
import type { ErrorObject } from 'ajv';
import type { FieldError } from './errors.ts';
import { isModel, type Schema } from './schema.ts';

export type Wording = Pick<FieldError, 'msg' | 'type' | 'ctx'>;

const valueError = (error: string): Wording => ({
  msg: `Value error, ${error}`,
  type: 'value_error',
  ctx: { error },
});

export const MISSING: Wording = { msg: 'Field required', type: 'missing' };
export const EXTRA: Wording = { msg: 'Extra inputs are not permitted', type: 'extra_forbidden' };
export const NULL_CHARACTER = valueError('null characters are not allowed');
export const NOT_FINITE: Wording = { msg: 'Input should be a finite number', type: 'finite_number' };
export const NOT_UNICODE: Wording = {
  msg: 'Input should be a valid string, unable to parse raw data as a unicode string',
  type: 'string_unicode',
};
export const NOT_AN_OBJECT: Wording = {
  msg: 'Input should be a valid dictionary or object to extract fields from',
  type: 'model_attributes_type',
};
const FRACTION: Wording = {
  msg: 'Input should be a valid integer, got a number with a fractional part',
  type: 'int_from_float',
};

/** For a finding without a wording of its own: `not`, `if`, `contains`, and keywords of a newer contract. */
export const INVALID = valueError('invalid value');

const WRONG_TYPE: Readonly<Record<string, Wording>> = {
  string: { msg: 'Input should be a valid string', type: 'string_type' },
  integer: { msg: 'Input should be a valid integer', type: 'int_type' },
  number: { msg: 'Input should be a valid number', type: 'float_type' },
  boolean: { msg: 'Input should be a valid boolean', type: 'bool_type' },
  array: { msg: 'Input should be a valid list', type: 'list_type' },
  object: { msg: 'Input should be a valid dictionary', type: 'dict_type' },
  null: { msg: 'Input should be None', type: 'none_required' },
};

/** For a parameter, which arrives as text. */
const NOT_PARSED: Readonly<Record<string, Wording>> = {
  integer: {
    msg: 'Input should be a valid integer, unable to parse string as an integer',
    type: 'int_parsing',
  },
  number: {
    msg: 'Input should be a valid number, unable to parse string as a number',
    type: 'float_parsing',
  },
  boolean: { msg: 'Input should be a valid boolean, unable to interpret input', type: 'bool_parsing' },
};

/** `'a', 'b' or 3` */
export function listed(values: readonly unknown[], last = ' or '): string {
  const shown = values.map((value) => (typeof value === 'string' ? `'${value}'` : JSON.stringify(value)));
  return [shown.slice(0, -1).join(', '), ...shown.slice(-1)].filter((part) => part !== '').join(last);
}

const literal = (values: readonly unknown[]): Wording => {
  const expected = listed(values);
  return { msg: `Input should be ${expected}`, type: 'literal_error', ctx: { expected } };
};

const bound = (words: string, type: string, key: string, limit: unknown): Wording => ({
  msg: `Input should be ${words} ${limit}`,
  type,
  ctx: { [key]: limit },
});

const plural = (count: unknown, noun: string) => `${count} ${noun}${count === 1 ? '' : 's'}`;

const textLength = (words: string, type: string, key: string, limit: unknown): Wording => ({
  msg: `String should have ${words} ${plural(limit, 'character')}`,
  type,
  ctx: { [key]: limit },
});

const size = (
  kind: string,
  words: string,
  type: string,
  key: string,
  limit: unknown,
  length: number | null,
): Wording => ({
  msg: `${kind} should have ${words} ${plural(limit, 'item')} after validation, not ${length ?? 'more'}`,
  type,
  ctx: { field_type: kind, [key]: limit, actual_length: length },
});

const lengthOf = (value: unknown): number =>
  Array.isArray(value) ? value.length : Object.keys(Object(value)).length;

type Word = (params: ErrorObject['params'], value: unknown) => Wording;

const tooShort =
  (kind: string): Word =>
  ({ limit }, value) =>
    size(kind, 'at least', 'too_short', 'min_length', limit, lengthOf(value));
const tooLong =
  (kind: string): Word =>
  ({ limit }, value) =>
    size(kind, 'at most', 'too_long', 'max_length', limit, lengthOf(value));

/** For an object or a body that holds too many values. They are not counted to the end. */
export const tooManyValues = (limit: unknown): Wording =>
  size('Dictionary', 'at most', 'too_long', 'max_length', limit, null);

const WRONG_VALUE: Readonly<Record<string, Word>> = {
  enum: ({ allowedValues }) => literal(allowedValues),
  const: ({ allowedValue }) => literal([allowedValue]),
  format: ({ format }) => valueError(`not a valid ${format}`),
  pattern: ({ pattern }) => ({
    msg: `String should match pattern '${pattern}'`,
    type: 'string_pattern_mismatch',
    ctx: { pattern },
  }),
  minLength: ({ limit }) => textLength('at least', 'string_too_short', 'min_length', limit),
  maxLength: ({ limit }) => textLength('at most', 'string_too_long', 'max_length', limit),
  minimum: ({ limit }) => bound('greater than or equal to', 'greater_than_equal', 'ge', limit),
  maximum: ({ limit }) => bound('less than or equal to', 'less_than_equal', 'le', limit),
  exclusiveMinimum: ({ limit }) => bound('greater than', 'greater_than', 'gt', limit),
  exclusiveMaximum: ({ limit }) => bound('less than', 'less_than', 'lt', limit),
  multipleOf: ({ multipleOf }) => bound('a multiple of', 'multiple_of', 'multiple_of', multipleOf),
  minItems: tooShort('List'),
  maxItems: tooLong('List'),
  minProperties: tooShort('Dictionary'),
  maxProperties: tooLong('Dictionary'),
  'x-max-values': ({ limit }, value) =>
    Array.isArray(value) ? tooLong('List')({ limit }, value) : tooManyValues(limit),
  uniqueItems: () => valueError('the items are not unique'),
  dependentRequired: () => MISSING,
  required: () => MISSING,
};

/**
 * The wording of one finding of ajv about `value`.
 * @param schema of the place, without null
 * @param isText whether the value is a parameter, which arrives as text
 */
export function wordingOf(error: ErrorObject, schema: Schema, value: unknown, isText: boolean): Wording {
  if (error.keyword !== 'type') return WRONG_VALUE[error.keyword]?.(error.params, value) ?? INVALID;
  const type = typeof schema.type === 'string' ? schema.type : '';
  if (typeof value === 'number' && (type === 'integer' || type === 'number')) {
    return Number.isFinite(value) ? FRACTION : NOT_FINITE;
  }
  if (type === 'object' && isModel(schema)) return NOT_AN_OBJECT;
  return (isText && typeof value === 'string' ? NOT_PARSED[type] : undefined) ?? WRONG_TYPE[type] ?? INVALID;
}

/** For a union whose discriminator is missing or names no branch. The tag that was sent is not repeated. */
export function wrongTag(discriminator: string, tags: readonly unknown[] | undefined): Wording {
  const quoted = `'${discriminator}'`;
  if (tags === undefined) {
    return {
      msg: `Unable to extract tag using discriminator ${quoted}`,
      type: 'union_tag_not_found',
      ctx: { discriminator: quoted },
    };
  }
  const expected = listed(tags, ', ');
  return {
    msg: `Input tag found using ${quoted} does not match any of the expected tags: ${expected}`,
    type: 'union_tag_invalid',
    ctx: { discriminator: quoted, expected_tags: expected },
  };
}
