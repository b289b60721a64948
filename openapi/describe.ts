/** The operations that a document describes. */
import { isObject, type JsonObject, objectAt } from './json.ts';

const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'];

/** An operation of the document with its method, in capitals, and its path. */
export interface Described {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly operation: JsonObject;
  readonly pathItem: JsonObject;
}

/** @throws Error for an operation without an id */
export function operationsOf(document: JsonObject): readonly Described[] {
  return Object.entries(objectAt(document, 'paths')).flatMap(([path, item]) =>
    Object.entries(objectAt(item)).flatMap(([method, operation]) => {
      if (!METHODS.includes(method) || !isObject(operation)) return [];
      const { operationId: id } = operation;
      if (typeof id !== 'string') throw new Error(`${method.toUpperCase()} ${path} has no operationId`);
      return [{ id, method: method.toUpperCase(), path, operation, pathItem: objectAt(item) }];
    }),
  );
}
