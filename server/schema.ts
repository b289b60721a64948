/** The keywords of a JSON Schema that decide the place and the wording of an error. References are resolved. */
export interface Schema {
  readonly type?: string | readonly string[];
  readonly title?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly patternProperties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly required?: readonly string[];
  readonly prefixItems?: readonly Schema[];
  readonly items?: Schema | boolean;
  readonly allOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly discriminator?: { readonly propertyName: string };
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  /** A secret is never repeated, and is stored encrypted, so it may hold any character. */
  readonly 'x-secret'?: boolean;
}

export const isSchema = (value: unknown): value is Schema =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A schema without its null: one schema, or the branches of a union. */
export interface WithoutNull {
  readonly schema: Schema;
  /** Empty: no union. */
  readonly branches: readonly Schema[];
}

/**
 * Reads a nullable (`anyOf: [X, null]`, `oneOf: [X, null]`, `type: [x, null]`) as X, and several types as a union.
 * Errors of a nullable are those of X, as in pydantic.
 */
export function withoutNull(schema: Schema): WithoutNull {
  const { anyOf, oneOf, ...own } = schema;
  const branches = (anyOf ?? oneOf)?.filter(({ type }) => type !== 'null');
  if (branches !== undefined && (anyOf === undefined || oneOf === undefined)) {
    const [only, ...others] = branches;
    const overlaps =
      only !== undefined && Object.keys(only).some((key) => WITH_PLACES.has(key) && key in own);
    if (only !== undefined && others.length === 0 && !overlaps) return withoutNull({ ...own, ...only });
    return { schema: own, branches };
  }
  const types = typeof schema.type === 'string' ? [schema.type] : (schema.type ?? []);
  const [type, ...others] = types.filter((name) => name !== 'null');
  if (type === undefined) return { schema, branches: [] };
  if (others.length === 0) return { schema: { ...schema, type }, branches: [] };
  const ofTypes = [type, ...others].map((name) => ({ ...schema, type: name }));
  return { schema: { 'x-secret': schema['x-secret'] === true }, branches: ofTypes };
}

/** Keywords that cannot be merged by taking one of two. */
const WITH_PLACES = new Set(['properties', 'required', 'items', 'allOf', 'anyOf', 'oneOf']);

/** Whether an object of this schema has fields of its own, as a pydantic model does; otherwise it is a dictionary. */
export const isModel = ({ properties, allOf = [] }: Schema): boolean =>
  properties !== undefined || allOf.some(isModel);

/** How pydantic names a branch of a union in `loc`. */
export function branchName({ title, type, properties, items }: Schema): string {
  if (properties !== undefined) return title ?? 'model';
  if (type === 'array') return isSchema(items) ? `list[${branchName(items)}]` : 'list[any]';
  return (typeof type === 'string' ? NAMES[type] : undefined) ?? title ?? 'any';
}

const NAMES: Readonly<Record<string, string>> = {
  string: 'str',
  integer: 'int',
  number: 'float',
  boolean: 'bool',
  object: 'dict[str,any]',
};

/** The values of the discriminator that choose a branch: those of its `const` or `enum`. */
export function tagsOf({ properties, allOf = [] }: Schema, discriminator: string): readonly unknown[] {
  const property = properties?.[discriminator];
  if (property === undefined) return allOf.flatMap((part) => tagsOf(part, discriminator));
  return property.const === undefined ? (property.enum ?? []) : [property.const];
}
