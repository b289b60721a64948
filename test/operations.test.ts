/** Requests made from generated/openapi.json itself, so they cover every operation of the contract. */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import standardFormats from 'ajv-formats';
import fc from 'fast-check';
import { OpenAPIBackend, type Operation } from 'openapi-backend';
import { operations } from '../generated/operations.ts';
import { formats } from '../oauth/provider.ts';
import { tries } from './support/postgres.ts';
import { startVault, type Tenant, type TestVault } from './support/vault.ts';

const definition = JSON.parse(readFileSync(new URL('../generated/openapi.json', import.meta.url), 'utf8'));
/** JSON Schema as OpenAPI 3.1 means it, without code of the server. */
const ajv = new Ajv2020({ strict: false, strictNumbers: true, ownProperties: true, validateSchema: false });
standardFormats.default(ajv);
for (const [name, validate] of Object.entries(formats)) ajv.addFormat(name, validate);

const api = new OpenAPIBackend({
  definition,
  quick: true,
  strict: true,
  customizeAjv: () => ajv,
});
await api.init();

let vault: TestVault;
let tenant: Tenant;
/** An API key that may do all that the document allows. */
let key: string;

beforeAll(async () => {
  vault = await startVault({ AUTHORIZATIONS_PER_USER_MAX: '10000' });
  tenant = await vault.newTenant();
  key = await vault.newKey(tenant, { userId: 'alice', role: 'admin', actsFor: 'organization' });
});

afterAll(() => vault.close());

interface Schema {
  readonly type?: string;
  readonly format?: string;
  readonly enum?: readonly unknown[];
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
}

const text = fc.string({ unit: 'grapheme', maxLength: 40 });
const json = fc.jsonValue({ maxDepth: 3, stringUnit: 'grapheme' });

function ofFormat(format: string): fc.Arbitrary<string> {
  switch (format) {
    case 'provider-id':
      return fc.constantFrom('slack', 'github', 'A.b_c~d-9');
    case 'provider-url':
    case 'uri':
      return fc.webUrl({ validSchemes: ['https'], withQueryParameters: true });
    case 'uuid':
      return fc.uuid();
    case 'date-time':
      return fc
        .date({ noInvalidDate: true, min: new Date(0), max: new Date(4e12) })
        .map((date) => date.toISOString());
    default:
      throw new Error(`no example of the format ${format}`);
  }
}

/** A value that the schema allows. Strings are sometimes the name of something that exists. */
function valid(schema: Schema): fc.Arbitrary<unknown> {
  const branches = schema.anyOf ?? schema.oneOf;
  if (branches !== undefined) return fc.oneof(...branches.map(valid));
  if (schema.allOf !== undefined) {
    return fc.tuple(...schema.allOf.map(valid)).map((parts) => Object.assign({}, ...parts));
  }
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  switch (schema.type) {
    case 'string':
      if (schema.format !== undefined) return ofFormat(schema.format);
      return fc
        .oneof(fc.constant('slack'), text)
        .filter(({ length }) => length >= (schema.minLength ?? 0) && length <= (schema.maxLength ?? length));
    case 'number':
    case 'integer':
      return fc.integer({
        min: schema.minimum ?? -(2 ** 31),
        max: Math.min(schema.maximum ?? 2 ** 31 - 1, 2 ** 53 - 1),
      });
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    case 'array':
      return fc.array(valid(schema.items ?? {}), { maxLength: 5 });
    case 'object':
      return schema.properties === undefined ? fc.dictionary(text, json) : record(schema);
    default:
      return json;
  }
}

const record = ({ properties = {}, required = [] }: Schema): fc.Arbitrary<object> =>
  fc.record(
    Object.fromEntries(Object.entries(properties).map(([name, property]) => [name, valid(property)])),
    {
      requiredKeys: [...required],
    },
  );

const anything = fc.oneof(
  json,
  fc.double(),
  fc.string({ unit: 'binary' }),
  fc.constantFrom('\0', '\ud800', -1, 1e30, [], {}, null),
);

/** A valid body with a few fields spoiled, removed or added. */
const mutated = (schema: Schema): fc.Arbitrary<unknown> =>
  fc.oneof(
    { weight: 1, arbitrary: anything },
    {
      weight: 5,
      arbitrary: fc
        .tuple(
          valid(schema),
          fc.dictionary(
            fc.constantFrom(...Object.keys(schema.properties ?? { x: {} }), '__proto__'),
            anything,
            { maxKeys: 3 },
          ),
        )
        .map(([body, changes]) => ({ ...Object(body), ...changes })),
    },
  );

const schemaOf = (part: unknown): Schema => Object(part);
const bodySchema = ({ requestBody }: Operation): Schema | undefined =>
  requestBody && schemaOf(Object(requestBody).content['application/json']?.schema);

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly schema: Schema;
  readonly example?: string;
}

const parametersOf = ({ parameters = [] }: Operation): readonly Parameter[] =>
  parameters.map((parameter) => Object(parameter)).filter((parameter) => parameter.in !== 'header');

/** The text of a parameter that the contract allows. Numbers are small: some of them are seconds to wait. */
const parameterText = ({ anyOf: [schema = {}] = [], ...own }: Schema): fc.Arbitrary<string> => {
  const { type = schema.type, minimum = 0, format } = own;
  if (type === 'integer' || type === 'number') return fc.constantFrom(String(minimum), String(minimum + 1));
  if (type === 'boolean') return fc.constantFrom('true', 'false', '1', 'off');
  return format === undefined ? fc.oneof(fc.constant('slack'), text) : ofFormat(format);
};

type Texts = Readonly<Record<string, string>>;

const textsOf = (operation: Operation, text: (schema: Schema) => fc.Arbitrary<string>): fc.Arbitrary<Texts> =>
  fc.record(Object.fromEntries(parametersOf(operation).map(({ name, schema }) => [name, text(schema)])), {
    requiredKeys: [...requiredOf(operation)],
  });

/** Clients resolve dot segments, and an empty segment is another path. */
const segment = (text = ''): string => (/^\.{0,2}$/.test(text) ? 'x' : text);

/** The operation's request with these parameters and this body. */
async function send(operation: Operation, texts: Texts, body: unknown) {
  const placed = (place: string) => parametersOf(operation).filter((parameter) => parameter.in === place);
  const path = placed('path').reduce(
    (template, { name }) => template.replace(`{${name}}`, encodeURIComponent(segment(texts[name]))),
    operation.path,
  );
  const query = new URLSearchParams(
    placed('query').flatMap(({ name }) => {
      const value = texts[name];
      return value === undefined ? [] : [[name, value] satisfies [string, string]];
    }),
  );
  return vault.call(operation.method.toUpperCase(), query.size === 0 ? path : `${path}?${query}`, {
    key,
    ...(bodySchema(operation) === undefined ? {} : { json: body }),
  });
}

/** The examples of the document: of a body, and of parameters by name. */
function examplesOf(operation: Operation) {
  const texts = parametersOf(operation).flatMap(({ name, example }) => (example ? [[name, example]] : []));
  const content = Object(operation.requestBody).content?.['application/json'];
  const timeout = operation.path.includes('/wait/') ? { timeout: '0' } : {};
  const body: unknown = content === undefined ? {} : content.example;
  return { texts: { ...Object.fromEntries(texts), ...timeout } satisfies Texts, body };
}

const requiredOf = (operation: Operation): readonly string[] =>
  parametersOf(operation).flatMap(({ name, required }) => (required === true ? [name] : []));

/** The ids of a new token, a connection to it and a consent, all of the examples' provider. */
async function newIds(): Promise<Texts> {
  await vault.newProvider(tenant.organizationId, 'slack-dev'); // another operation may have deleted it
  const post = async (path: string, json: object) =>
    Object((await vault.call('POST', `/v2/auth${path}`, { key, json })).body);
  const given = { provider_id: 'slack-dev', access_token: 'x' };
  const { token_id } = await post('/tokens/import', given);
  const { id } = await post('/agents/support-bot/connections', { oauth_token_id: token_id });
  const { auth_id } = await post('/authenticate', { provider: 'slack-dev', scopes: [randomUUID()] });
  return { token_id, oauth_token_id: token_id, connection_id: id, auth_id };
}

function expectDocumented(operation: Operation, status: number, body: unknown): void {
  expect(Object.keys(operation.responses ?? {})).toContain(String(status));
  if (status === 204) expect(body).toBeUndefined();
  else expect(api.validator.validateResponse(body, operation, status).errors).toBeNull();
}

/** Whether a database column can hold every text inside. Other texts are refused, also where the contract allows them. */
const isStorable = (value: unknown): boolean => {
  if (typeof value === 'string') return value.isWellFormed() && !value.includes('\0');
  return typeof value !== 'object' || value === null || Object.entries(value).flat().every(isStorable);
};

/** These come from browsers, with no credentials but a state. */
const FROM_BROWSERS = Object.entries(operations).flatMap(([id, { isPublic, isOptional }]) =>
  isPublic || isOptional ? [id] : [],
);

const isFromBrowsers = ({ operationId = '' }: Operation) => FROM_BROWSERS.includes(operationId);

describe('the operations without credentials', () => {
  it('are those of browsers, and no others', () => {
    expect(FROM_BROWSERS).toEqual([
      'oauth_callback_get_v2_auth_callback__provider_id__get',
      'oauth_callback_v2_auth_callback__provider_id__post',
      'oauth_setup_callback_v2_auth_setup__provider_id__get',
    ]);
  });

  it.each(
    api.router
      .getOperations()
      .filter(isFromBrowsers)
      .map((operation) => [operation.operationId, operation] as const),
  )('%s answers whatever it gets with a documented status, and never with a 5xx', async (_, operation) => {
    const anyText = () => fc.oneof(text, fc.string({ unit: 'binary-ascii' }));
    const anyBody = mutated(bodySchema(operation) ?? {});
    await fc.assert(
      fc.asyncProperty(textsOf(operation, anyText), anyBody, async (texts, body) => {
        const { status } = await send(operation, texts, body);
        expect(status).toBeLessThan(500);
        expect(Object.keys(operation.responses ?? {})).toContain(String(status));
      }),
      { numRuns: tries(100) },
    );
  });

  it('ask for credentials where JSON comes in place of a form', async () => {
    const { status, headers } = await vault.call('POST', '/v2/auth/callback/slack', {
      json: { code: 'code', state: 'state' },
    });
    expect([status, headers.get('www-authenticate')]).toEqual([401, 'APIKey']);
  });
});

const ofOthers = api.router
  .getOperations()
  .filter((operation) => !isFromBrowsers(operation))
  .map((operation) => [operation.operationId, operation] as const);

/** An import of another test may have expired, and no authorization server is there to refresh it: that would be 503. */
beforeEach(() => vault.db('oauth_tokens').update({ refresh_token: null, refresh_token_key: null }));

describe.each(ofOthers.filter(([, operation]) => bodySchema(operation) !== undefined))(
  '%s',
  (_, operation) => {
    const schema = bodySchema(operation) ?? {};
    const accepts = ajv.compile(JSON.parse(JSON.stringify(schema)));

    it('refuses a body if and only if JSON Schema does, as documented, and never with a 5xx', async () => {
      await fc.assert(
        fc.asyncProperty(textsOf(operation, parameterText), mutated(schema), async (texts, body) => {
          const answer = await send(operation, texts, body);
          expect(answer.status).toBeLessThan(500);
          expectDocumented(operation, answer.status, answer.body);
          const sent: unknown = JSON.parse(JSON.stringify(body) ?? 'null');
          // The body may be right, and its MCP server not there.
          const isRefused = answer.status === 422 && !JSON.stringify(answer.body).includes('"mcp_discovery"');
          if (isStorable(sent)) expect(isRefused).toBe(!accepts(sent));
        }),
        { numRuns: tries(200) },
      );
    });
  },
);

describe.each(ofOthers)('%s', (_, operation) => {
  const schema = bodySchema(operation) ?? {};
  const accepts = ajv.compile(JSON.parse(JSON.stringify(schema)));
  const hasParameters = parametersOf(operation).length > 0;
  const runsOfParameters = hasParameters ? tries(40) : 1;

  it('serves every request that the contract allows, or knows nothing of that name', async () => {
    await fc.assert(
      fc.asyncProperty(textsOf(operation, parameterText), valid(schema), async (texts, body) => {
        const answer = await send(operation, texts, body);
        expect([200, 201, 204, 404, 409]).toContain(answer.status);
        expectDocumented(operation, answer.status, answer.body);
      }),
      { numRuns: bodySchema(operation) === undefined ? runsOfParameters : tries(100) },
    );
  });

  it('answers every parameter as documented, and never with a 5xx', async () => {
    const anyText = () =>
      fc.oneof(text, fc.string({ unit: 'binary-ascii' }), fc.constantFrom('-1', '1e9', 'null'));
    await fc.assert(
      fc.asyncProperty(textsOf(operation, anyText), valid(schema), async (texts, body) => {
        const answer = await send(operation, texts, body);
        expect(answer.status).toBeLessThan(500);
        expectDocumented(operation, answer.status, answer.body);
      }),
      { numRuns: runsOfParameters },
    );
  });

  it('works with its examples, in which the ids are those of what there is', async () => {
    const examples = examplesOf(operation);
    expect(Object.keys(examples.texts)).toEqual(expect.arrayContaining([...requiredOf(operation)]));
    expect(accepts(examples.body)).toBe(true);
    const ids = await newIds();
    const texts = Object.entries(examples.texts).map(([name, text]) => [name, ids[name] ?? text]);
    const body = Object.entries(Object(examples.body)).map(([name, value]) => [name, ids[name] ?? value]);
    const answer = await send(operation, Object.fromEntries(texts), Object.fromEntries(body));
    expectDocumented(operation, answer.status, answer.body);
    // Its MCP server does not exist.
    if (!operation.path.endsWith('/mcp-discover')) expect([200, 201, 204]).toContain(answer.status);
  });

  it('lets in nobody without credentials', async () => {
    const { status } = await vault.call(
      operation.method.toUpperCase(),
      operation.path.replaceAll(/\{.*?\}/g, 'x'),
    );
    expect(status).toBe(401);
  });
});
