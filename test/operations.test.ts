/** Requests made from generated/openapi.json itself: whatever operations the contract holds, this covers them. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import standardFormats from 'ajv-formats';
import fc from 'fast-check';
import { OpenAPIBackend, type Operation } from 'openapi-backend';
import { formats } from '../oauth/provider.ts';
import { startVault, type Tenant, type TestVault } from './support/vault.ts';

const definition = JSON.parse(readFileSync(new URL('../generated/openapi.json', import.meta.url), 'utf8'));
const api = new OpenAPIBackend({
  definition,
  quick: true,
  strict: true,
  customizeAjv(ajv) {
    for (const [name, validate] of Object.entries(formats)) ajv.addFormat(name, validate);
    return standardFormats.default(ajv);
  },
});
await api.init();

let vault: TestVault;
let tenant: Tenant;

beforeAll(async () => {
  vault = await startVault();
  tenant = await vault.newTenant();
});

afterAll(() => vault.close());

interface Schema {
  readonly type?: string;
  readonly format?: string;
  readonly enum?: readonly string[];
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
      return fc.webUrl({ validSchemes: ['https'], withQueryParameters: true });
    default:
      throw new Error(`no example of the format ${format}`);
  }
}

/** What the schema allows. Strings are sometimes the name of something that exists. */
function valid(schema: Schema): fc.Arbitrary<unknown> {
  if (schema.anyOf !== undefined) return fc.oneof(...schema.anyOf.map(valid));
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  switch (schema.type) {
    case 'string':
      if (schema.format !== undefined) return ofFormat(schema.format);
      return fc.oneof(fc.constant('slack'), text);
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
  requestBody && schemaOf(Object(requestBody).content['application/json'].schema);

/** The operation's request with this body, its parameters filled. */
async function send(operation: Operation, parameters: readonly string[], body: unknown) {
  const given = (operation.parameters ?? []).map((parameter, index) => ({
    ...Object(parameter),
    value: parameters[index] ?? 'x',
  }));
  const path = given
    .filter((parameter) => parameter.in === 'path')
    .reduce(
      (template, { name, value }) => template.replace(`{${name}}`, encodeURIComponent(value || 'x')),
      operation.path,
    );
  const query = new URLSearchParams();
  for (const { name, value } of given.filter((parameter) => parameter.in === 'query')) query.set(name, value);
  return vault.call(operation.method.toUpperCase(), given.length === 0 ? path : `${path}?${query}`, {
    key: tenant.apiKey,
    ...(bodySchema(operation) === undefined ? {} : { json: body }),
  });
}

function expectDocumented(operation: Operation, status: number, body: unknown): void {
  expect(Object.keys(operation.responses ?? {})).toContain(String(status));
  expect(api.validator.validateResponse(body, operation, status).errors).toBeNull();
}

describe.each(api.router.getOperations().map((operation) => [operation.operationId, operation] as const))(
  '%s',
  (_, operation) => {
    const parameters = fc.array(fc.oneof(fc.constant('slack'), text), { maxLength: 4 });
    const schema = bodySchema(operation) ?? {};

    it('serves every request that the contract allows, or knows nothing of that name', async () => {
      await fc.assert(
        fc.asyncProperty(parameters, valid(schema), async (values, body) => {
          const answer = await send(operation, values, body);
          expect([200, 201, 204, 404, 409]).toContain(answer.status);
          expectDocumented(operation, answer.status, answer.body);
        }),
        { numRuns: 150 },
      );
    });

    it('answers every other request as documented, and never with a 5xx', async () => {
      await fc.assert(
        fc.asyncProperty(parameters, mutated(schema), async (values, body) => {
          const answer = await send(operation, values, body);
          expect(answer.status).toBeLessThan(500);
          expectDocumented(operation, answer.status, answer.body);
        }),
        { numRuns: 300 },
      );
    });

    it('lets in nobody without credentials', async () => {
      const { status } = await vault.call(
        operation.method.toUpperCase(),
        operation.path.replaceAll(/\{.*?\}/g, 'x'),
      );
      expect(status).toBe(401);
    });
  },
);
