/**
 * Finds where a refused value is wrong: at most one finding for each place and 100 in all, in the order of the schema. ajv
 * judges each place, and only places that it refuses are visited, so a large value costs little.
 */
import type { ErrorObject, ValidateFunction } from 'ajv';
import type { Ajv2020 } from 'ajv/dist/2020.js';
import { add, type Findings, isFull, type Path, repeatable } from './findings.ts';
import { declaredPath, ownKeywords } from './own-keywords.ts';
import { branchName, isModel, isObject, isSchema, type Schema, tagsOf, withoutNull } from './schema.ts';
import { unstorable, unstorableScalar } from './storable.ts';
import { EXTRA, INVALID, MISSING, NOT_AN_OBJECT, wordingOf, wrongTag } from './wording.ts';

export interface Place {
  /** Adds the faults of a value at `at`. Nothing is known of the value yet. */
  readonly visit: (value: unknown, at: Path, findings: Findings) => void;
  /** Adds the parts that cannot be stored, of a value that ajv accepts. */
  readonly store: (value: unknown, at: Path, findings: Findings) => void;
  readonly accepts: (value: unknown) => boolean;
}

export interface Judge {
  /** Stops at the first finding. */
  readonly ajv: Ajv2020;
  /** Whether the values are parameters, which arrive as text. */
  readonly isText: boolean;
}

/** Compiles the schema at first use: most places are never wrong. */
function lazily(ajv: Ajv2020, schema: Schema | boolean): (value: unknown) => ErrorObject | undefined {
  let compiled: ValidateFunction | undefined;
  return (value) => {
    compiled ??= ajv.compile(schema);
    return compiled(value) ? undefined : theFinding(compiled.errors ?? []);
  };
}

/** The first finding is the cause. A finding about one item of a list, or about names, says less than its keyword. */
function theFinding(errors: readonly ErrorObject[]): ErrorObject {
  const last = errors.at(-1) ?? UNTOLD;
  return ['contains', 'propertyNames', 'not'].includes(last.keyword) ? last : (errors[0] ?? last);
}

const UNTOLD: ErrorObject = { instancePath: '', schemaPath: '', keyword: '', params: {} };

/** The place that a schema describes, and those below it. */
export function placeOf(given: Schema | boolean, judge: Judge, isInSecret = false): Place {
  if (!isSchema(given)) return anywhere(given === true, isInSecret);
  const { schema, branches } = withoutNull(given);
  const isSecret = isInSecret || schema['x-secret'] === true;
  const refusal = lazily(judge.ajv, given);
  const own = lazily(judge.ajv, ownKeywords(given));
  const parts = (schema.allOf ?? []).map((part) => placeOf(part, judge, isSecret));
  const union = branches.length > 0 ? unionOf(schema, branches, judge, isSecret) : undefined;
  const inner = branches.length > 0 ? undefined : innerOf(schema, judge, isSecret);

  function explain(value: unknown, at: Path, findings: Findings): void {
    const error = own(value);
    if (error !== undefined) {
      const wording = wordingOf(error, schema, value, judge.isText);
      const loc = [...at, ...declaredPath(schema, error)];
      add(
        findings,
        loc,
        wording,
        error.instancePath === '' && wording !== MISSING ? repeatable(value, isSecret) : {},
      );
      return;
    }
    for (const part of parts) part.visit(value, at, findings);
    if (union !== undefined) union.visit(value, at, findings);
    else inner?.visit(value, at, findings);
  }

  function store(value: unknown, at: Path, findings: Findings): void {
    const fault = unstorableScalar(value, isSecret);
    if (fault !== undefined) return void add(findings, at, fault);
    for (const part of parts) part.store(value, at, findings);
    if (union !== undefined) union.store(value, at, findings);
    else inner?.store(value, at, findings);
  }

  return {
    accepts: (value) => refusal(value) === undefined,
    store,
    visit(value, at, findings) {
      if (isFull(findings)) return;
      if (refusal(value) === undefined) return store(value, at, findings);
      const before = findings.found.length;
      explain(value, at, findings);
      if (findings.found.length === before) {
        add(findings, at, INVALID, repeatable(value, isSecret));
      }
    },
  };
}

/** A place whose schema is `true` or `false`. */
function anywhere(fits: boolean, isSecret: boolean): Place {
  const store = storeAll(isSecret);
  const refuse: Place['visit'] = (_value, at, findings) => add(findings, at, INVALID);
  return { accepts: () => fits, visit: fits ? store : refuse, store };
}

/** A free-form value is one place. */
const storeAll =
  (isSecret: boolean): Place['store'] =>
  (value, at, findings) => {
    const fault = unstorable(value, isSecret);
    if (fault !== undefined) add(findings, at, fault);
  };

interface Inner {
  readonly visit: Place['visit'];
  readonly store: Place['store'];
}

function unionOf(schema: Schema, branches: readonly Schema[], judge: Judge, isSecret: boolean): Inner {
  // Keywords beside the branches hold for each branch.
  const beside = innerOf(schema, judge, isSecret);
  const places = branches.map((branch) => ({ branch, place: placeOf(branch, judge, isSecret) }));
  const discriminator = schema.discriminator?.propertyName;
  const tagged = new Map(
    discriminator === undefined
      ? []
      : places.flatMap(({ branch, place }) =>
          tagsOf(branch, discriminator).map((tag) => [tag, place] as const),
        ),
  );

  function visitTagged(name: string, value: unknown, at: Path, findings: Findings): void {
    if (!isObject(value)) return void add(findings, at, NOT_AN_OBJECT, repeatable(value, isSecret));
    if (!Object.hasOwn(value, name)) return void add(findings, at, wrongTag(name, undefined));
    const tag = value[name];
    const place = tagged.get(tag);
    if (place === undefined) return void add(findings, at, wrongTag(name, [...tagged.keys()]));
    place.visit(value, [...at, String(tag)], findings);
  }

  return {
    visit(value, at, findings) {
      beside?.visit(value, at, findings);
      if (discriminator !== undefined) return visitTagged(discriminator, value, at, findings);
      const fitting = places.filter(({ place }) => place.accepts(value));
      if (fitting.length > 0) return; // More than one branch of a oneOf fits, or keywords beside the branches refuse.
      for (const { branch, place } of places) place.visit(value, [...at, branchName(branch)], findings);
    },
    store(value, at, findings) {
      beside?.store(value, at, findings);
      places.find(({ place }) => place.accepts(value))?.place.store(value, at, findings);
    },
  };
}

/** The places inside an object or a list. */
function innerOf(schema: Schema, judge: Judge, isSecret: boolean): Inner | undefined {
  const { properties, patternProperties, additionalProperties, required, items, prefixItems } = schema;
  const list = items === undefined && prefixItems === undefined ? undefined : listOf(schema, judge, isSecret);
  const isOpen = additionalProperties === undefined || additionalProperties === true;
  const hasFields =
    properties ?? patternProperties ?? required ?? (isOpen ? undefined : additionalProperties);
  const fields = hasFields === undefined ? undefined : fieldsOf(schema, judge, isSecret);
  const isFree = !isModel(schema) && list === undefined && fields === undefined;
  const storeFree = storeAll(isSecret);
  const pass =
    (how: 'visit' | 'store'): Place['visit'] =>
    (value, at, findings) => {
      if (Array.isArray(value)) {
        if (list !== undefined) list[how](value, at, findings);
        else if (isFree) storeFree(value, at, findings);
      } else if (isObject(value)) {
        if (fields !== undefined) fields[how](value, at, findings);
        else if (isFree) storeFree(value, at, findings);
      }
    };
  return { visit: pass('visit'), store: pass('store') };
}

type OfList = (value: readonly unknown[], at: Path, findings: Findings) => void;

function listOf({ items = true, prefixItems = [] }: Schema, judge: Judge, isSecret: boolean) {
  const first = prefixItems.map((item) => placeOf(item, judge, isSecret));
  const rest = placeOf(items, judge, isSecret);
  const each =
    (how: 'visit' | 'store'): OfList =>
    (value, at, findings) => {
      for (const [index, item] of value.entries()) {
        if (isFull(findings)) return;
        (first[index] ?? rest)[how](item, [...at, index], findings);
      }
    };
  return { visit: each('visit'), store: each('store') };
}

type OfFields = (value: Readonly<Record<string, unknown>>, at: Path, findings: Findings) => void;

/** A name that an answer may repeat: it looks like a field's name, and no token looks like that. */
const FIELD_NAME = /^(?=.{1,40}$)[a-z]+(?:(?:_|[A-Z])[a-z]+)*$/;

function fieldsOf(schema: Schema, judge: Judge, isSecret: boolean) {
  const { properties = {}, patternProperties = {}, additionalProperties, required = [] } = schema;
  const places = new Map(
    Object.entries(properties).map(([name, property]) => [name, placeOf(property, judge, isSecret)]),
  );
  const undeclared = required.filter((name) => !places.has(name));
  const patterns = Object.entries(patternProperties).map(
    ([pattern, property]) => [new RegExp(pattern, 'u'), placeOf(property, judge, isSecret)] as const,
  );
  // If fields are declared, others are ignored with all that they hold.
  const additional =
    isSchema(additionalProperties) || (additionalProperties !== false && !isModel(schema))
      ? placeOf(additionalProperties ?? true, judge, isSecret)
      : undefined;
  const isClosed = additionalProperties === false;
  const takesOthers = isClosed || additional !== undefined || patterns.length > 0;

  function visitOthers(
    how: 'visit' | 'store',
    value: Readonly<Record<string, unknown>>,
    at: Path,
    findings: Findings,
  ) {
    for (const name of Object.keys(value)) {
      if (isFull(findings)) return;
      if (places.has(name)) continue;
      const matching = patterns.filter(([pattern]) => pattern.test(name)).map(([, place]) => place);
      if (matching.length === 0 && isClosed) add(findings, FIELD_NAME.test(name) ? [...at, name] : at, EXTRA);
      const fault =
        matching.length === 0 && additional === undefined ? undefined : unstorableScalar(name, false);
      if (fault !== undefined) add(findings, at, fault);
      for (const place of matching.length > 0 || additional === undefined ? matching : [additional]) {
        place[how](value[name], at, findings);
      }
    }
  }

  const each =
    (how: 'visit' | 'store'): OfFields =>
    (value, at, findings) => {
      for (const [name, place] of places) {
        if (Object.hasOwn(value, name)) place[how](value[name], [...at, name], findings);
        else if (how === 'visit' && required.includes(name)) add(findings, [...at, name], MISSING);
      }
      if (how === 'visit') {
        for (const name of undeclared) if (!Object.hasOwn(value, name)) add(findings, [...at, name], MISSING);
      }
      if (takesOthers) visitOthers(how, value, at, findings);
    };
  return { visit: each('visit'), store: each('store') };
}
