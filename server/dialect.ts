/** JSON Schema as the contract uses it: draft 2020-12, as OpenAPI 3.1 says, with our formats and extensions. */
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { DataValidateFunction } from 'ajv/dist/types/index.js';
import standardFormats from 'ajv-formats';
import { MAX_VALUES, maxValues, type ValueLimits } from './max-values.ts';

export interface DialectParts {
  /** Formats beside those of JSON Schema, by name. */
  readonly formats: Readonly<Record<string, (value: string) => boolean>>;
  /** The settings that `x-max-values` names. */
  readonly valueLimits: ValueLimits;
}

/** Keywords that state nothing about a value. `include_in_schema` is FastAPI's; upstream's document has it by mistake. */
const ANNOTATIONS = ['discriminator', 'example', 'externalDocs', 'xml', 'include_in_schema', 'x-secret'];

const INT64 = 2 ** 63;

/**
 * A validator that stops at the first finding. It refuses a schema with an unknown keyword or format, which would
 * otherwise be ignored.
 */
export function dialect({ formats, valueLimits }: DialectParts): Ajv2020 {
  const ajv = new Ajv2020({
    strictSchema: true,
    strictTypes: false,
    strictTuples: false,
    strictRequired: false,
    strictNumbers: true,
    ownProperties: true,
    allowUnionTypes: true,
    validateSchema: false, // The whole document is validated.
    addUsedSchema: false,
  });
  ajv.addVocabulary(ANNOTATIONS);
  standardFormats.default(ajv);
  ajv.addFormat('int64', {
    type: 'number',
    validate: (n) => Number.isInteger(n) && n >= -INT64 && n < INT64,
  });
  for (const [name, validate] of Object.entries(formats)) ajv.addFormat(name, validate);
  ajv.addKeyword({ keyword: MAX_VALUES, schemaType: 'string', compile: maxValues(valueLimits) });
  for (const keyword of ['minLength', 'maxLength'] as const) {
    ajv.removeKeyword(keyword);
    ajv.addKeyword({
      keyword,
      type: 'string',
      schemaType: 'number',
      before: 'pattern',
      compile: lengthKeyword(keyword),
    });
  }
  return ajv;
}

/** A character takes one or two units of UTF-16. */
const LENGTH = {
  minLength: (text: string, limit: number) =>
    text.length >= 2 * limit || (text.length >= limit && Array.from(text).length >= limit),
  maxLength: (text: string, limit: number) =>
    text.length <= limit || (text.length <= 2 * limit && Array.from(text).length <= limit),
};

/** ajv's own keywords count the characters of the whole text, which takes 5 ms for 1 MB, several times for each request. */
const lengthKeyword =
  (keyword: keyof typeof LENGTH) =>
  (limit: number): DataValidateFunction => {
    const validate: DataValidateFunction = (text: string) => {
      if (LENGTH[keyword](text, limit)) return true;
      validate.errors = [{ keyword, params: { limit } }];
      return false;
    };
    return validate;
  };
