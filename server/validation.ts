/**
 * Judges requests by the contract, and words refusals as FastAPI does. A request is refused if ajv refuses it, or if it
 * holds text that cannot be stored.
 */
import type { ValidateFunction } from 'ajv';
import { ApiError, type FieldError } from './errors.ts';
import { type Findings, MAX_FINDINGS } from './findings.ts';
import { type Judge, placeOf } from './places.ts';
import { isModel, isObject, type Schema } from './schema.ts';
import { isStorable } from './storable.ts';
import { INVALID, MISSING, NOT_AN_OBJECT } from './wording.ts';

/** The parts of a request before they are validated. */
export interface Unvalidated {
  readonly path: Readonly<Record<string, unknown>>;
  readonly query: Readonly<Record<string, unknown>>;
  readonly body: unknown;
}

export interface Schemas {
  /** The parameters of one place as the properties of one object. */
  readonly path: Schema;
  readonly query: Schema;
  readonly body: Schema | undefined;
  readonly isBodyRequired: boolean;
}

/**
 * Makes a function that returns if the contract allows the request.
 * @param validators of the whole request, as openapi-backend makes them
 * @throws ApiError 422 with an entry for each wrong place, in the contract's order, 100 at most
 */
export function validation(
  validators: readonly ValidateFunction[],
  schemas: Schemas,
  judge: Omit<Judge, 'isText'>,
) {
  const readPath = reader(schemas.path, { ...judge, isText: true });
  const readQuery = reader(schemas.query, { ...judge, isText: true });
  const readBody = reader(schemas.body ?? {}, { ...judge, isText: false });
  return ({ path, query, body }: Unvalidated): void => {
    const request = { path, query, requestBody: body };
    const refusing = validators.find((validate) => !validate(request));
    if (refusing === undefined && isStorable(body) && isStorable(query) && isStorable(path)) return;
    const how = refusing === undefined ? 'store' : 'visit';
    const hasBody = schemas.body !== undefined && (body !== undefined || schemas.isBodyRequired);
    const found = [
      ...below('path', readPath[how](path)),
      ...below('query', readQuery[how](query)),
      ...(hasBody ? below('body', readBody[how](body)) : NONE),
    ];
    if (refusing !== undefined && found.length === 0) found.push({ loc: [partOf(refusing)], ...INVALID });
    if (found.length > 0) throw new ApiError(422, found.slice(0, MAX_FINDINGS));
  };
}

const below = (name: string, entries: readonly FieldError[]): readonly FieldError[] =>
  entries.length === 0 ? NONE : entries.map((entry) => ({ ...entry, loc: [name, ...entry.loc] }));

/** The part of the request that ajv's first finding is about. */
function partOf({ errors }: ValidateFunction): string {
  const part = errors?.[0]?.instancePath.split('/')[1];
  return part === undefined || part === 'requestBody' ? 'body' : part;
}

/** Finds the faults in one part of a request, and the values that cannot be stored. */
function reader(schema: Schema, judge: Judge) {
  const place = placeOf(schema, judge);
  const holdsNothing = schema.properties !== undefined && Object.keys(schema.properties).length === 0;
  const collect = (how: 'visit' | 'store', value: unknown): readonly FieldError[] => {
    const findings: Findings = { found: [], places: new Set() };
    place[how](value, [], findings);
    return findings.found;
  };
  return {
    store: (value: unknown) => (value === undefined || holdsNothing ? NONE : collect('store', value)),
    visit(value: unknown): readonly FieldError[] {
      if (place.accepts(value ?? null)) return collect('store', value);
      if ((value ?? null) === null) return [{ loc: [], ...MISSING, input: null }];
      if (isModel(schema) && !isObject(value)) return [{ loc: [], ...NOT_AN_OBJECT }];
      return collect('visit', value);
    },
  };
}

const NONE: readonly FieldError[] = [];
