/**
 * Applies overlays (Overlay Specification 1.0) that cannot hide a change of the contract. An action only adds. It may
 * replace or remove a value only if it states the value in `x-replaces`, our extension of an action.
 */
import { paths } from 'jsonpathly';
import { equal, isObject, type Json, type JsonObject, pointer, replaceAt, short } from './json.ts';

type Path = readonly (string | number)[];

/**
 * One action. `x-replaces` holds the values that `update` replaces, at the places where `update` holds the new ones.
 * An action that replaces a whole list or scalar leaves matched places alone that hold another value.
 */
interface Action {
  readonly target: string;
  readonly update: Json | undefined;
  readonly remove: boolean;
  readonly replaces: Json | undefined;
  /** `x-optional`: the action may match nothing. It completes parts that lack something. */
  readonly isOptional: boolean;
}

/** @param name the overlay's file, for errors. @throws Error that names overlay, action and pointer */
export function applyOverlay(document: JsonObject, overlay: JsonObject, name: string): JsonObject {
  const { actions } = overlay;
  if (!Array.isArray(actions)) throw new Error(`${name}: an overlay needs a list of actions`);
  const list: readonly Json[] = actions;
  return list.reduce<JsonObject>((changed, entry, index) => {
    const where = `${name}, action ${index + 1}`;
    try {
      return applyAction(changed, readAction(entry));
    } catch (error) {
      throw new Error(`${where}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }, document);
}

function readAction(entry: Json): Action {
  const {
    target,
    update,
    remove,
    'x-replaces': replaces,
    'x-optional': optional,
  } = isObject(entry) ? entry : {};
  if (typeof target !== 'string') throw new Error('needs a target');
  if ((update === undefined) === (remove !== true)) throw new Error('needs either update or remove: true');
  return { target, update, remove: remove === true, replaces, isOptional: optional === true };
}

function applyAction(document: JsonObject, action: Action): JsonObject {
  const places = matches(document, action);
  if (places.length === 0 && !action.isOptional) {
    const holding = action.replaces === undefined ? '' : ` that holds ${short(action.replaces)}`;
    throw new Error(`${action.target} matches nothing in the contract${holding}`);
  }
  const changed = places.reduce<Json | undefined>(
    (whole, at) =>
      replaceAt(whole, at, (there) => {
        if (action.update !== undefined) return merge(there, action.update, action.replaces, at);
        if (there !== undefined && !states(action.replaces, there)) throw unstated(there, at);
        return undefined;
      }),
    document,
  );
  if (!isObject(changed)) throw new Error(`${action.target} leaves no document`);
  return changed;
}

/** The places of the target. If the action replaces whole lists or scalars: those that hold the replaced values. */
function matches(document: JsonObject, { target, update, remove, replaces }: Action): readonly Path[] {
  const places = paths(document, target).map(segments);
  const isWhole = replaces !== undefined && !remove && !isObject(update);
  return isWhole ? places.filter((at) => equal(valueAt(document, at), replaces)) : places;
}

/** The segments of a normalized path (RFC 9535, section 2.7), such as `$['paths']['/a'][0]`. */
const segments = (path: string): Path =>
  [...path.matchAll(/\['((?:[^'\\]|\\.)*)'\]|\[(\d+)\]/g)].map(([, name, index]) =>
    name === undefined ? Number(index) : name.replaceAll(/\\(.)/g, '$1'),
  );

const valueAt = (value: Json | undefined, at: Path): Json | undefined =>
  at.reduce<Json | undefined>((inner, name) => {
    if (Array.isArray(inner)) return inner[Number(name)];
    return isObject(inner) ? inner[name] : undefined;
  }, value);

/** Whether a removal states the value as a whole, or some fields of an object. */
const states = (stated: Json | undefined, there: Json): boolean =>
  isObject(stated) && isObject(there)
    ? Object.entries(stated).every(([name, value]) => equal(there[name], value))
    : equal(stated, there);

function merge(there: Json | undefined, update: Json, replaces: Json | undefined, at: Path): Json {
  // The document's title and introduction are always ours.
  if (there === undefined || equal(there, update) || (at[0] === 'info' && !isObject(update))) return update;
  if (replaces !== undefined && equal(there, replaces)) return update;
  if (isObject(there) && isObject(update) && !('$ref' in there) && !('$ref' in update)) {
    const stated = isObject(replaces) ? replaces : {};
    const merged = Object.entries(update).map(
      ([name, value]) => [name, merge(there[name], value, stated[name], [...at, name])] as const,
    );
    return { ...there, ...Object.fromEntries(merged) };
  }
  throw unstated(there, at);
}

const unstated = (there: Json, at: Path) =>
  new Error(`${pointer(at)} holds ${short(there)}, which the action does not state in x-replaces`);
