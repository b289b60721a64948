/**
 * No part of a contract is silently ignored. Each case changes one thing in the published contract. The service honours and
 * words the change, or the generator or the compiler refuses it by name.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  type Change,
  compile,
  generated,
  generatedFrom,
  newest,
  type Served,
  serve,
  set,
} from './support/changed-contract.ts';
import { IMPORT, startVault, type Tenant, type TestVault } from './support/vault.ts';

let vault: TestVault;
let tenant: Tenant;
const started: Served[] = [];

beforeAll(async () => {
  vault = await startVault();
  tenant = await vault.newTenant();
});

afterAll(async () => {
  for (const { close } of started) close();
  await vault.close();
});

const OPERATION = ['paths', IMPORT, 'post'];
const BODY = ['components', 'schemas', 'OAuthTokenImportRequest'];
const field = (name: string) => [...BODY, 'properties', name];
const parameters = (...list: readonly object[]): Change =>
  set([...OPERATION, 'parameters'], JSON.parse(JSON.stringify(list)));
const schema = (name: string, value: object): Change =>
  set(['components', 'schemas', name], JSON.parse(JSON.stringify(value)));
const query = (name: string, value: object, rest: object = {}) => ({
  name,
  in: 'query',
  schema: value,
  ...rest,
});

async function served(...changes: readonly Change[]): Promise<Served> {
  const server = await serve(await generated(...changes), vault, tenant);
  started.push(server);
  return server;
}

const entry = (loc: readonly (string | number)[], type: string, msg: string, rest: object = {}) => ({
  loc,
  type,
  msg,
  ...rest,
});
const refused = (...detail: readonly object[]) => ({ status: 422, body: { detail } });

/** Optional fields that are added to the import, all at once. The name of a field tells its case. */
const FIELDS: Readonly<Record<string, object>> = {
  pattern: { type: 'string', pattern: '^[a-z]+$' },
  short: { type: 'string', maxLength: 3 },
  long: { type: 'string', minLength: 1 },
  above: { type: 'number', exclusiveMinimum: 0 },
  below: { type: 'number', exclusiveMaximum: 1 },
  step: { type: 'integer', multipleOf: 5 },
  most: { type: 'integer', maximum: 5 },
  kind: { type: 'string', enum: ['a', 'b'] },
  only: { const: 'bot' },
  few: { type: 'array', items: { type: 'string' }, maxItems: 2 },
  some: { type: 'array', items: { type: 'string' }, minItems: 1 },
  unique: { type: 'array', items: { type: 'string' }, uniqueItems: true },
  nullable: { type: ['string', 'null'], examples: ['x'] },
  either: { type: ['string', 'integer'] },
  optional: { anyOf: [{ type: 'integer' }, { type: 'null' }] },
  pair: { type: 'array', prefixItems: [{ type: 'string' }, { type: 'integer' }], items: false },
  closed: { type: 'object', properties: { a: { type: 'string' } }, additionalProperties: false },
  inner: {
    type: 'object',
    properties: { a: { type: 'object', properties: { b: { type: 'integer' } }, required: ['b'] } },
  },
  texts: { type: 'object', additionalProperties: { type: 'string' } },
  numbers: { type: 'object', patternProperties: { '^n': { type: 'integer' } } },
  names: { type: 'object', propertyNames: { pattern: '^[a-z]+$' } },
  needs: { type: 'object', properties: { a: {}, b: {} }, dependentRequired: { a: ['b'] } },
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema.
  when: { type: 'object', properties: { a: {}, b: {} }, if: { required: ['a'] }, then: { required: ['b'] } },
  whole: { allOf: [{ $ref: '#/components/schemas/Part' }] },
  wide: { $ref: '#/components/schemas/Word', minLength: 3 },
  never: { not: { type: 'string' } },
  has: { type: 'array', contains: { const: 'x' } },
  email: { type: 'string', format: 'email' },
  big: { type: 'integer', format: 'int64' },
  union: { anyOf: [{ type: 'integer' }, { type: 'array', items: { type: 'string' } }] },
  pet: {
    oneOf: [{ $ref: '#/components/schemas/Cat' }, { $ref: '#/components/schemas/Dog' }],
    discriminator: { propertyName: 'kind' },
  },
};

const animal = (kind: string) => ({
  type: 'object',
  properties: { kind: { const: kind }, age: { type: 'integer' } },
  required: ['kind', 'age'],
});

describe('a keyword of JSON Schema', () => {
  let server: Served;

  beforeAll(async () => {
    const added = Object.entries(FIELDS).map(([name, value]) =>
      set(field(name), JSON.parse(JSON.stringify(value))),
    );
    const part = { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] };
    server = await served(
      ...added,
      schema('Part', part),
      schema('Word', { type: 'string' }),
      schema('Cat', animal('cat')),
      schema('Dog', animal('dog')),
    );
  });

  it.each<[string, unknown, string, string, object, (readonly (string | number)[])?]>([
    [
      'pattern',
      'A1',
      'string_pattern_mismatch',
      "String should match pattern '^[a-z]+$'",
      { ctx: { pattern: '^[a-z]+$' } },
    ],
    [
      'short',
      'abcd',
      'string_too_long',
      'String should have at most 3 characters',
      { ctx: { max_length: 3 } },
    ],
    ['long', '', 'string_too_short', 'String should have at least 1 character', { ctx: { min_length: 1 } }],
    ['above', 0, 'greater_than', 'Input should be greater than 0', { ctx: { gt: 0 }, input: 0 }],
    ['below', 1, 'less_than', 'Input should be less than 1', { ctx: { lt: 1 }, input: 1 }],
    ['step', 7, 'multiple_of', 'Input should be a multiple of 5', { ctx: { multiple_of: 5 }, input: 7 }],
    ['most', 6, 'less_than_equal', 'Input should be less than or equal to 5', { ctx: { le: 5 }, input: 6 }],
    ['kind', 'c', 'literal_error', "Input should be 'a' or 'b'", { ctx: { expected: "'a' or 'b'" } }],
    ['only', 'user', 'literal_error', "Input should be 'bot'", { ctx: { expected: "'bot'" } }],
    [
      'few',
      ['a', 'b', 'c'],
      'too_long',
      'List should have at most 2 items after validation, not 3',
      { ctx: { field_type: 'List', max_length: 2, actual_length: 3 } },
    ],
    [
      'some',
      [],
      'too_short',
      'List should have at least 1 item after validation, not 0',
      { ctx: { field_type: 'List', min_length: 1, actual_length: 0 } },
    ],
    [
      'unique',
      ['a', 'a'],
      'value_error',
      'Value error, the items are not unique',
      { ctx: { error: 'the items are not unique' } },
    ],
    ['nullable', 5, 'string_type', 'Input should be a valid string', { input: 5 }],
    ['optional', 'x', 'int_type', 'Input should be a valid integer', {}],
    ['pair', ['a', 'b'], 'int_type', 'Input should be a valid integer', {}, [1]],
    [
      'closed',
      { a: 'x', extra_name: 1 },
      'extra_forbidden',
      'Extra inputs are not permitted',
      {},
      ['extra_name'],
    ],
    ['closed', { a: 'x', 'xoxb-1': 1 }, 'extra_forbidden', 'Extra inputs are not permitted', {}],
    ['inner', { a: {} }, 'missing', 'Field required', {}, ['a', 'b']],
    [
      'inner',
      { a: 5 },
      'model_attributes_type',
      'Input should be a valid dictionary or object to extract fields from',
      { input: 5 },
      ['a'],
    ],
    ['texts', { secret: 5 }, 'string_type', 'Input should be a valid string', { input: 5 }],
    ['numbers', { n: 'x' }, 'int_type', 'Input should be a valid integer', {}],
    ['needs', { a: 1 }, 'missing', 'Field required', {}, ['b']],
    ['when', { a: 1 }, 'missing', 'Field required', {}, ['b']],
    ['whole', {}, 'missing', 'Field required', {}, ['a']],
    [
      'wide',
      'ab',
      'string_too_short',
      'String should have at least 3 characters',
      { ctx: { min_length: 3 } },
    ],
    ['never', 'x', 'value_error', 'Value error, invalid value', { ctx: { error: 'invalid value' } }],
    ['has', ['a'], 'value_error', 'Value error, invalid value', { ctx: { error: 'invalid value' } }],
    ['email', 'x', 'value_error', 'Value error, not a valid email', { ctx: { error: 'not a valid email' } }],
    [
      'pet',
      { age: 1 },
      'union_tag_not_found',
      "Unable to extract tag using discriminator 'kind'",
      { ctx: { discriminator: "'kind'" } },
    ],
    [
      'pet',
      { kind: 'cow', age: 1 },
      'union_tag_invalid',
      "Input tag found using 'kind' does not match any of the expected tags: 'cat', 'dog'",
      { ctx: { discriminator: "'kind'", expected_tags: "'cat', 'dog'" } },
    ],
    ['pet', { kind: 'cat', age: 'x' }, 'int_type', 'Input should be a valid integer', {}, ['cat', 'age']],
  ])('is honoured and worded: %s %j', async (name, value, type, msg, rest, inside = []) => {
    expect(await server.import({ [name]: value })).toEqual(
      refused(entry(['body', name, ...inside], type, msg, rest)),
    );
  });

  it('is refused wherever ajv refuses it', async () => {
    for (const [name, value] of [
      ['names', { A: 1 }],
      ['big', 1e300],
    ] as const) {
      expect(await server.import({ [name]: value })).toMatchObject({
        status: 422,
        body: { detail: [{ loc: ['body', name] }] },
      });
    }
  });

  it('is told for each branch of a union without a discriminator', async () => {
    expect(await server.import({ union: 'x', either: true })).toEqual(
      refused(
        entry(['body', 'either', 'str'], 'string_type', 'Input should be a valid string', { input: true }),
        entry(['body', 'either', 'int'], 'int_type', 'Input should be a valid integer', { input: true }),
        entry(['body', 'union', 'int'], 'int_type', 'Input should be a valid integer'),
        entry(['body', 'union', 'list[str]'], 'list_type', 'Input should be a valid list'),
      ),
    );
  });

  it('lets all through that fits', async () => {
    const fitting = {
      ...{
        pattern: 'a',
        short: 'abc',
        long: 'x',
        above: 0.1,
        below: 0.9,
        step: 10,
        most: 5,
        kind: 'a',
        only: 'bot',
      },
      ...{
        few: ['a'],
        some: ['a'],
        unique: ['a', 'b'],
        nullable: null,
        either: 5,
        optional: null,
        pair: ['a', 1],
      },
      ...{
        closed: { a: 'x' },
        inner: { a: { b: 1 } },
        texts: { a: 'b' },
        numbers: { n: 1, x: 'y' },
        names: { a: 1 },
      },
      ...{ needs: { a: 1, b: 2 }, when: { b: 1 }, whole: { a: 'x' }, wide: 'abc', never: 5, has: ['x'] },
      ...{ email: 'a@example.com', big: 5, union: ['a'], pet: { kind: 'dog', age: 3 } },
    };
    expect(await server.import(fitting)).toMatchObject({ status: 200 });
  });

  it('keeps text that cannot be stored out of every place', async () => {
    for (const [name, value] of [
      ['texts', { a: '\0' }],
      ['whole', { a: '\0' }],
      ['union', ['\0']],
      ['pair', ['\0', 1]],
    ] as const) {
      expect(await server.import({ [name]: value })).toMatchObject({ status: 422 });
    }
  });
});

describe('a query parameter', () => {
  let server: Served;

  beforeAll(async () => {
    const declared = [
      query('count', { type: 'integer', maximum: 9 }),
      query('perhaps', { type: ['integer', 'null'] }),
      query('word', { type: 'string', pattern: '^a' }),
      query('n', { type: 'array', items: { type: 'integer' }, maxItems: 2 }),
      { $ref: '#/components/parameters/Flag' },
    ];
    const flag = query('flag', { type: 'boolean' }, { required: true });
    server = await served(
      parameters(...declared),
      set(['components', 'parameters'], { Flag: JSON.parse(JSON.stringify(flag)) }),
    );
  });

  it.each([
    ['flag', 'true', 'maybe', 'bool_parsing', 'Input should be a valid boolean, unable to interpret input'],
    [
      'count',
      '7',
      'x',
      'int_parsing',
      'Input should be a valid integer, unable to parse string as an integer',
    ],
    [
      'perhaps',
      '7',
      '1.5',
      'int_parsing',
      'Input should be a valid integer, unable to parse string as an integer',
    ],
    ['word', 'a', 'b', 'string_pattern_mismatch', "String should match pattern '^a'"],
  ])('is read as its type: %s', async (name, good, bad, type, msg) => {
    const asking = (value: string) => `?${new URLSearchParams({ flag: 'true', [name]: value })}`;
    expect(await server.import({}, asking(good))).toMatchObject({ status: 200 });
    expect(await server.import({}, asking(bad))).toMatchObject(refused({ loc: ['query', name], type, msg }));
  });

  it('is missed where it is required', async () => {
    expect(await server.import({})).toEqual(refused(entry(['query', 'flag'], 'missing', 'Field required')));
  });

  it('is a list of all its values', async () => {
    expect(await server.import({}, '?flag=1&n=1&n=2')).toMatchObject({ status: 200 });
    expect(await server.import({}, '?flag=1&n=1')).toMatchObject({ status: 200 });
    expect(await server.import({}, '?flag=1&n=1&n=x')).toMatchObject(
      refused({ loc: ['query', 'n', 1], type: 'int_parsing' }),
    );
    expect(await server.import({}, '?flag=1&n=1&n=2&n=3')).toMatchObject(
      refused({ loc: ['query', 'n'], type: 'too_long' }),
    );
  });
});

describe('the security of an operation', () => {
  const secured = (list: readonly object[]) =>
    served(set([...OPERATION, 'security'], JSON.parse(JSON.stringify(list))));
  const statuses = async ({ send }: Served) => {
    const json = { provider_id: 'slack', access_token: 'x' };
    const kinds = [[], ['key'], ['bearer'], ['key', 'bearer']] as const;
    return Promise.all(kinds.map(async (as) => (await send('POST', IMPORT, { json, as })).status));
  };

  it('is the corrected one where it is the published one', async () => {
    expect(await statuses(await served())).toEqual([401, 200, 200, 200]);
  });

  it('is served as it says', async () => {
    expect(await statuses(await secured([{ 'Bearer Auth': [] }]))).toEqual([401, 401, 200, 200]);
    expect(await statuses(await secured([{ 'API Key': [], 'Bearer Auth': [] }]))).toEqual([
      401, 401, 401, 200,
    ]);
  });

  it.each([
    [[{ 'Tenant ID': [] }], /POST .*import wants the security scheme "Tenant ID"/],
    [[{ OAuth: [] }], /"OAuth"/],
    [[{ 'Bearer Auth': ['read'] }], /scopes of BearerAuth/],
  ])('is refused by name where it cannot be checked: %j', async (list, error) => {
    await expect(generated(set([...OPERATION, 'security'], list))).rejects.toThrow(error);
  });

  const forgotten = set([...OPERATION, 'security'], undefined);

  it("is the document's where the operation states none", async () => {
    const server = await served(forgotten, set(['security'], [{ 'API Key': [] }]));
    expect(await statuses(server)).toEqual([401, 200, 401, 200]);
  });

  it.each([[], undefined])('is never public by a forgotten list (the document says %j)', async (security) => {
    const generating = generated(forgotten, set(['security'], security));
    await expect(generating).rejects.toThrow(/POST .*import states no security/);
  });
});

describe('the generator refuses', () => {
  const string = { type: 'string' };
  const answer = { description: 'x', content: { 'application/json': { schema: string } } };
  it.each<[string, readonly Change[], RegExp]>([
    [
      'a bound that an overlay would overwrite',
      [set([...field('expires_in_seconds'), 'anyOf', 0, 'minimum'], 60)],
      /20-import\.yaml, action \d+: #\/components\/schemas\/OAuthTokenImportRequest\/properties\/expires_in_seconds\/anyOf\/0\/minimum holds 60/,
    ],
    [
      'a renamed field that an overlay amends',
      [set(field('access_token'), undefined), set(field('token'), string)],
      /20-import.*access_token matches nothing/,
    ],
    [
      'a 403 of its own',
      [set([...OPERATION, 'responses', '403'], answer)],
      /80-answers\.yaml.*responses\/403/,
    ],
    [
      'a 404 of its own',
      [set([...OPERATION, 'responses', '404'], answer)],
      /20-import\.yaml.*responses\/404/,
    ],
    [
      'another error with a body of its own',
      [set([...OPERATION, 'responses', '402'], answer)],
      /the answer 402 has a body of its own/,
    ],
    [
      'an unknown format',
      [set(field('label'), { type: 'string', format: 'isbn' })],
      /POST .*import: unknown format "isbn"/,
    ],
    [
      'an unknown keyword',
      [set(field('label'), { type: 'string', minimumLength: 3 })],
      /POST .*import.*unknown keyword: "minimumLength"/,
    ],
    [
      'nullable of OpenAPI 3.0',
      [set(field('label'), { type: 'string', nullable: true })],
      /label has the keyword nullable/,
    ],
    [
      'a readOnly field',
      [set(field('label'), { type: 'string', readOnly: true })],
      /label has the keyword readOnly/,
    ],
    [
      'a header parameter',
      [parameters({ name: 'X-Trace', in: 'header', schema: string })],
      /the header parameter "X-Trace" is not served/,
    ],
    [
      'a cookie parameter',
      [parameters({ name: 'session', in: 'cookie', required: true, schema: string })],
      /the cookie parameter "session" is not served/,
    ],
    [
      'a content parameter',
      [parameters({ name: 'q', in: 'query', content: { 'application/json': { schema: string } } })],
      /the query parameter "q" has `content`/,
    ],
    [
      'a deepObject parameter',
      [parameters(query('q', { type: 'object' }, { style: 'deepObject' }))],
      /the query parameter "q" has the style deepObject/,
    ],
    [
      'a list in one text',
      [parameters(query('q', { type: 'array', items: string }, { explode: false }))],
      /"q" is a list in one text/,
    ],
    [
      'another media type',
      [set([...OPERATION, 'requestBody', 'content', 'multipart/form-data'], { schema: string })],
      /a body of the type multipart\/form-data/,
    ],
    [
      'a form with a field that is no text',
      [
        set([...OPERATION, 'requestBody', 'content', 'application/x-www-form-urlencoded'], {
          schema: { $ref: '#/components/schemas/OAuthTokenImportRequest' },
        }),
      ],
      /the form's field "expires_in_seconds"/,
    ],
    [
      'an answer of another type',
      [set([...OPERATION, 'responses', '200', 'content', 'text/csv'], { schema: string })],
      /the answer 200 of the type text\/csv/,
    ],
    [
      'a required response header',
      [set([...OPERATION, 'responses', '200', 'headers'], { 'X-Cost': { required: true, schema: string } })],
      /requires the header X-Cost/,
    ],
    [
      'a range of statuses',
      [set([...OPERATION, 'responses', 'default'], answer)],
      /the answer default is not served/,
    ],
    [
      'a path that cannot be routed',
      [
        [
          'paths'.split(' '),
          (paths) => ({ ...Object(paths), '/v2/auth/{a}.json': Object(paths)[IMPORT] }) as never,
        ],
      ],
      /\/v2\/auth\/\{a\}\.json cannot be routed/,
    ],
    [
      'recursion',
      [
        set(field('tree'), { $ref: '#/components/schemas/Tree' }),
        schema('Tree', { type: 'object', properties: { below: { $ref: '#/components/schemas/Tree' } } }),
      ],
      /tree\.below refers to itself/,
    ],
    [
      'a path that an overlay amends',
      [
        [
          'paths'.split(' '),
          (paths) => ({ '/v2/auth/tokens/{provider}/import': Object(paths)[IMPORT] }) as never,
        ],
      ],
      /20-import.* matches nothing/,
    ],
    ['OpenAPI 3.0', [set(['openapi'], '3.0.3')], /openapi is 3\.0\.3/],
    ['what is no OpenAPI', [set([...OPERATION, 'responses'], 5)], /./],
    [
      'a secret that moves',
      [
        set(field('refresh_token'), undefined),
        schema('Secrets', { type: 'object', properties: { refresh_token: string } }),
        set(field('secrets'), { $ref: '#/components/schemas/Secrets' }),
      ],
      /20-import.*refresh_token matches nothing/,
    ],
  ])('%s', async (_, changes, error) => {
    await expect(generated(...changes)).rejects.toThrow(error);
  });
});

describe('the compiler', () => {
  it('names a new field and another status', async () => {
    const errors = compile(
      await generated(
        set(field('label'), { type: 'string' }),
        set([...OPERATION, 'responses', '201'], { description: 'Stored.' }),
        set([...OPERATION, 'responses', '200'], undefined),
      ),
    ).join('\n');
    expect(errors).toMatch(/'label' is missing/);
    expect(errors).toMatch(/200.*201|201.*200/);
  });

  it('names a new parameter, and an operation whose callers are gone', async () => {
    const errors = compile(
      await generated(
        parameters(query('dry_run', { type: 'boolean' }, { required: true })),
        set([...OPERATION, 'security'], []),
      ),
    ).join('\n');
    expect(errors).toMatch(/dry_run/);
    expect(errors).toMatch(/'caller' does not exist/);
  });

  it('names a renamed operation', async () => {
    const errors = compile(await generated(set([...OPERATION, 'operationId'], 'import_token')));
    expect(errors.join('\n')).toMatch(/import_token/);
  });
});

describe('a contract that has the companion operations itself', () => {
  it('wins, and what we add still applies', async () => {
    const files = await generatedFrom(newest());
    const document = JSON.parse(files.get('openapi.json') ?? '');
    const create = document.paths['/v2/auth/providers'].post;
    expect(create).toMatchObject({ summary: expect.stringMatching(/^Upstream: /), 'x-role': 'admin' });
    expect(document.components.schemas.OAuthProviderCreateRequest.properties).toMatchObject({
      client_secret: { 'x-secret': true },
      auth_url: { format: 'provider-url' },
    });
    expect(files.get('operations.ts')).toEqual((await generated()).get('operations.ts'));
    const server = await serve(files, vault, tenant);
    started.push(server);
    const urls = { auth_url: 'javascript:alert(1)', token_url: 'https://provider.example/token' };
    const json = { provider_id: 'new', name: 'New', client_id: 'c', client_secret: 5, ...urls };
    expect(await server.send('POST', '/v2/auth/providers', { json })).toEqual(
      refused(
        entry(['body', 'client_secret'], 'string_type', 'Input should be a valid string'),
        entry(['body', 'auth_url'], 'value_error', 'Value error, not a valid provider-url', {
          ctx: { error: 'not a valid provider-url' },
        }),
      ),
    );
  });

  it('loses an operation that an overlay leaves out', async () => {
    const [path, operationId] = [
      '/v2/auth/tokens/workspace/slack/exists',
      'check_workspace_slack_tokens_exist_v2_auth_tokens_workspace_slack_exists_get',
    ];
    const action = { target: `$.paths['${path}'].get`, remove: true };
    const overlay = (replaces: object) => ({ overlay: '1.0.0', actions: [{ ...action, ...replaces }] });
    await expect(generatedFrom(newest(), overlay({}))).rejects.toThrow(
      /further\.yaml, action 1: .* does not state/,
    );
    const files = await generatedFrom(newest(), overlay({ 'x-replaces': { operationId } }));
    expect(JSON.parse(files.get('openapi.json') ?? '').paths).not.toHaveProperty([path]);
    expect(compile(files).join('\n')).toMatch(operationId);
  });
});

describe('a form beside JSON', () => {
  it('is served, each by its own schema', async () => {
    const form = {
      type: 'object',
      properties: { provider_id: { type: 'string' }, access_token: { type: 'string' } },
      required: ['provider_id', 'access_token'],
    };
    const files = await generated(
      set([...OPERATION, 'requestBody', 'content', 'application/x-www-form-urlencoded'], { schema: form }),
    );
    const server = await serve(files, vault, tenant);
    started.push(server);
    const sent = { provider_id: 'slack', access_token: 'x' };
    expect(await server.send('POST', IMPORT, { form: sent })).toMatchObject({ status: 200 });
    expect(await server.send('POST', IMPORT, { form: { provider_id: 'slack' } })).toMatchObject({
      status: 422,
    });
    expect(await server.send('POST', IMPORT, { json: sent })).toMatchObject({ status: 200 });
  });
});
