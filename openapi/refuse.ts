/** Finds the parts of a document that the service would silently ignore. Each finding names its place. */
import { type Described, operationsOf } from './describe.ts';
import { isObject, type Json, type JsonObject, listAt, objectAt, pointer } from './json.ts';
import { resolve, schemaProblems } from './refuse-schemas.ts';

const REQUEST_MEDIA_TYPES = ['application/json', 'application/x-www-form-urlencoded'];
const ANSWER_MEDIA_TYPES = ['application/json', 'text/html'];
/** The header parameters that the authentication and `ServedCall` read. */
const SERVED_HEADERS = ['x-tenant-id', 'x-user-id', 'idempotency-key'];
const ERROR_BODIES = ['#/components/schemas/ErrorAnswer', '#/components/schemas/HTTPValidationError'];
/** Segments that no client, proxy or router rewrites, and whole parameters with names that Express takes. */
const ROUTABLE = /^(?:\/(?:[A-Za-z0-9._~-]+|\{[A-Za-z_][A-Za-z0-9_]*\}))+$/;

/** @returns a line for each problem. None: all of the document is served */
export function refusals(document: JsonObject): readonly string[] {
  const operations = operationsOf(document);
  return [
    ...(document['webhooks'] === undefined ? [] : ['#/webhooks: webhooks are not served']),
    ...operations.flatMap((described) => operationProblems(described, document)),
    ...pathProblems(operations),
    ...duplicates(operations.map(({ id }) => id)).map((id) => `the operationId "${id}" is there twice`),
  ];
}

const duplicates = (values: readonly string[]): readonly string[] => [
  ...new Set(values.filter((value, index) => values.indexOf(value) !== index)),
];

/** Two templates of one shape match the same requests. */
function pathProblems(operations: readonly Described[]): readonly string[] {
  const paths = [...new Set(operations.map(({ path }) => path))];
  const shapes = duplicates(paths.map((path) => path.replaceAll(/\{[^}]*\}/g, '{}')));
  return [
    ...paths
      .filter((path) => !ROUTABLE.test(path))
      .map((path) => `${path} cannot be routed: a segment is a plain name or one {parameter}`),
    ...shapes.map((shape) => `${shape} is the shape of two paths`),
  ];
}

function operationProblems(described: Described, document: JsonObject): readonly string[] {
  const { method, path, operation, pathItem } = described;
  const unserved = [
    ...(['HEAD', 'OPTIONS', 'TRACE'].includes(method) ? ['the method is not served'] : []),
    ...['callbacks', 'servers']
      .filter((name) => operation[name] !== undefined)
      .map((name) => `${name} are not served`),
    ...(pathItem['servers'] === undefined ? [] : ['servers of a path are not served']),
    ...parameterProblems(described, document),
    ...bodyProblems(objectAt(resolve(operation['requestBody'], document)), document),
    ...Object.entries(objectAt(operation, 'responses')).flatMap(([status, response]) =>
      answerProblems(status, objectAt(resolve(response, document)), document),
    ),
  ];
  return unserved.map((problem) => `${method} ${path}: ${problem}`);
}

function parameterProblems(
  { path, operation, pathItem }: Described,
  document: JsonObject,
): readonly string[] {
  const parameters = [...listAt(pathItem, 'parameters'), ...listAt(operation, 'parameters')].map(
    (parameter) => objectAt(resolve(parameter, document)),
  );
  const inTemplate = [...path.matchAll(/\{([^}]*)\}/g)].map(([, name]) => name);
  const declared = parameters.filter((parameter) => parameter['in'] === 'path').map(({ name }) => name);
  return [
    ...parameters.flatMap((parameter) =>
      parameterProblem(parameter, document).map(
        (problem) => `the ${parameter['in']} parameter "${parameter['name']}" ${problem}`,
      ),
    ),
    ...inTemplate
      .filter((name) => !declared.includes(name))
      .map((name) => `the path parameter "${name}" is not declared`),
    ...declared
      .filter((name) => !inTemplate.some((known) => known === name))
      .map((name) => `the path parameter "${name}" is not in the path`),
  ];
}

function parameterProblem(parameter: JsonObject, document: JsonObject): readonly string[] {
  const { in: place, name, required, content, style, explode, schema } = parameter;
  if (place === 'header') {
    const isServed = typeof name === 'string' && SERVED_HEADERS.includes(name.toLowerCase());
    return isServed && required !== true
      ? []
      : ['is not served: only X-Tenant-Id, X-User-Id and Idempotency-Key are, as optional ones'];
  }
  if (place !== 'query' && place !== 'path') return ['is not served'];
  if (content !== undefined) return ['has `content`, which is not served: state a schema'];
  if (style !== undefined && style !== (place === 'query' ? 'form' : 'simple'))
    return [`has the style ${style}, which is not served`];
  const kinds = kindsOf(resolve(schema, document), document);
  if (kinds.includes('object')) return ['is an object, which is not served'];
  if (kinds.includes('array') && (place === 'path' || explode === false))
    return ['is a list in one text, which is not served'];
  if (kinds.includes('array') && kinds.some((kind) => kind !== 'array' && kind !== 'null'))
    return ['is a list or something else, which is not served'];
  const items = kindsOf(objectAt(schema)['items'], document);
  if (items.some((kind) => kind === 'array' || kind === 'object'))
    return ['is a list of lists or objects, which is not served'];
  return schemaProblems(schema, document);
}

/** The types of a schema, including those of its branches and parts. */
function kindsOf(schema: Json | undefined, document: JsonObject): readonly Json[] {
  const resolved = objectAt(resolve(schema, document));
  const { type, properties } = resolved;
  const branches = ['anyOf', 'oneOf', 'allOf'].flatMap((keyword) => listAt(resolved, keyword));
  const own: readonly Json[] = type === undefined ? [] : [type].flat();
  return [
    ...own,
    ...(properties === undefined ? [] : ['object']),
    ...branches.flatMap((branch) => kindsOf(branch, document)),
  ];
}

function bodyProblems(requestBody: JsonObject, document: JsonObject): readonly string[] {
  return Object.entries(objectAt(requestBody, 'content')).flatMap(([mediaType, content]) => {
    if (!REQUEST_MEDIA_TYPES.includes(mediaType)) return [`a body of the type ${mediaType} is not served`];
    const { schema, encoding } = objectAt(content);
    if (schema === undefined) return [`the body of the type ${mediaType} has no schema`];
    const form = mediaType === 'application/json' ? [] : formProblems(schema, encoding, document);
    return [...form, ...schemaProblems(schema, document).map((problem) => `the body ${problem}`)];
  });
}

/** A field of a form is text. */
function formProblems(schema: Json, encoding: Json | undefined, document: JsonObject): readonly string[] {
  const fields = Object.entries(objectAt(resolve(schema, document), 'properties'));
  const notText = fields.filter(([, field]) =>
    kindsOf(field, document).some((kind) => kind !== 'string' && kind !== 'null'),
  );
  return [
    ...(encoding === undefined ? [] : ['the encoding of a form is not served']),
    ...notText.map(([name]) => `the form's field "${name}" is no text, which is not served`),
  ];
}

function answerProblems(status: string, answer: JsonObject, document: JsonObject): readonly string[] {
  if (!/^[2-5]\d\d$/.test(status)) return [`the answer ${status} is not served: state each status`];
  const headers = Object.entries(objectAt(answer, 'headers'))
    .filter(([, header]) => objectAt(resolve(header, document))['required'] === true)
    .filter(([name]) => !(name.toLowerCase() === 'location' && status.startsWith('3')))
    .map(([name]) => `the answer ${status} requires the header ${name}, which is not served`);
  const contents = Object.entries(objectAt(answer, 'content')).flatMap(([mediaType, content]) => {
    if (!ANSWER_MEDIA_TYPES.includes(mediaType))
      return [`the answer ${status} of the type ${mediaType} is not served`];
    return /^[23]/.test(status) ? [] : errorProblems(status, mediaType, objectAt(content)['schema']);
  });
  return [...headers, ...contents];
}

/** Refusals have one body for all operations, except for the pages of operations that answer HTML. */
function errorProblems(status: string, mediaType: string, schema: Json | undefined): readonly string[] {
  if (mediaType === 'text/html') return [];
  const { $ref: reference } = objectAt(schema);
  const isOurs = isObject(schema) && typeof reference === 'string' && ERROR_BODIES.includes(reference);
  return isOurs
    ? []
    : [
        `the answer ${status} has a body of its own, which is not served: refer to ${pointer(['components', 'responses'])}`,
      ];
}
