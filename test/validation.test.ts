import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { IMPORT, startVault, type Tenant, type TestVault } from './support/vault.ts';

let vault: TestVault;
let tenant: Tenant;

beforeAll(async () => {
  vault = await startVault();
  tenant = await vault.newTenant();
});

afterAll(() => vault.close());

const send = (body: string | Uint8Array<ArrayBuffer>, contentType: string | undefined = 'application/json') =>
  vault.call('POST', IMPORT, {
    key: tenant.apiKey,
    headers: contentType === undefined ? {} : { 'Content-Type': contentType },
    body,
  });

/** The refusal of a body that has the two required fields, and these. */
const refusal = async (fields: string) => {
  const { status, body } = await send(`{"provider_id":"slack","access_token":"x",${fields}}`);
  return { status, body };
};

const entry = (loc: (string | number)[], type: string, msg: string, rest: object = {}) => ({
  status: 422,
  body: { detail: [{ loc: ['body', ...loc], msg, type, ...rest }] },
});

const UNICODE = 'Input should be a valid string, unable to parse raw data as a unicode string';
const NULL_CHARACTER = [
  'value_error',
  'Value error, null characters are not allowed',
  { ctx: { error: 'null characters are not allowed' } },
] as const;

describe('a wrong field', () => {
  it.each([
    ['"refresh_token":5', ['refresh_token'], 'string_type', 'Input should be a valid string', {}],
    ['"refresh_token":"\\ud800"', ['refresh_token'], 'string_unicode', UNICODE, {}],
    [
      '"expires_in_seconds":"3600"',
      ['expires_in_seconds'],
      'int_type',
      'Input should be a valid integer',
      {},
    ],
    [
      '"expires_in_seconds":true',
      ['expires_in_seconds'],
      'int_type',
      'Input should be a valid integer',
      { input: true },
    ],
    [
      '"expires_in_seconds":3600.5',
      ['expires_in_seconds'],
      'int_from_float',
      'Input should be a valid integer, got a number with a fractional part',
      { input: 3600.5 },
    ],
    [
      '"expires_in_seconds":1e400',
      ['expires_in_seconds'],
      'finite_number',
      'Input should be a finite number',
      {},
    ],
    [
      '"expires_in_seconds":-1e400',
      ['expires_in_seconds'],
      'finite_number',
      'Input should be a finite number',
      {},
    ],
    [
      '"expires_in_seconds":250000000001',
      ['expires_in_seconds'],
      'less_than_equal',
      'Input should be less than or equal to 250000000000',
      { ctx: { le: 250000000000 }, input: 250000000001 },
    ],
    [
      '"expires_in_seconds":-1',
      ['expires_in_seconds'],
      'greater_than_equal',
      'Input should be greater than or equal to 0',
      { ctx: { ge: 0 }, input: -1 },
    ],
    ['"scopes":null', ['scopes'], 'list_type', 'Input should be a valid list', { input: null }],
    ['"scopes":"a b"', ['scopes'], 'list_type', 'Input should be a valid list', {}],
    ['"scopes":["a",null]', ['scopes', 1], 'string_type', 'Input should be a valid string', { input: null }],
    ['"scopes":["\\ud800"]', ['scopes', 0], 'string_unicode', UNICODE, {}],
    ['"scopes":["a\\u0000"]', ['scopes', 0], ...NULL_CHARACTER],
    ['"metadata":[]', ['metadata'], 'dict_type', 'Input should be a valid dictionary', {}],
    ['"metadata":7', ['metadata'], 'dict_type', 'Input should be a valid dictionary', { input: 7 }],
    ['"metadata":{"a":[{"\\ud800":1}]}', ['metadata'], 'string_unicode', UNICODE, {}],
    ['"metadata":{"a":{"b\\u0000":1}}', ['metadata'], ...NULL_CHARACTER],
    ['"metadata":{"a":[1e400]}', ['metadata'], 'finite_number', 'Input should be a finite number', {}],
    ['"metadata":{"a":1e400,"b":"\\u0000","c":"\\udfff"}', ['metadata'], 'string_unicode', UNICODE, {}],
    ['"is_default":null', ['is_default'], 'bool_type', 'Input should be a valid boolean', { input: null }],
    ['"is_default":1', ['is_default'], 'bool_type', 'Input should be a valid boolean', { input: 1 }],
    ['"is_default":"yes"', ['is_default'], 'bool_type', 'Input should be a valid boolean', {}],
  ] as const)('is named with its place: %s', async (fields, loc, type, msg, rest) => {
    expect(await refusal(fields)).toEqual(entry([...loc], type, msg, rest));
  });

  it.each([
    ['{"access_token":"x","provider_id":5}', ['provider_id'], { input: 5 }],
    ['{"access_token":5,"provider_id":"slack"}', ['access_token'], {}],
    ['{"access_token":null,"provider_id":"slack"}', ['access_token'], {}],
  ])('repeats a plain value, but never of a secret field: %s', async (text, loc, rest) => {
    const { status, body } = await send(text);
    expect({ status, body }).toEqual(entry(loc, 'string_type', 'Input should be a valid string', rest));
  });

  it('is refused for a null character in what is not secret', async () => {
    const { status, body } = await send('{"access_token":"x","provider_id":"a\\u0000"}');
    expect({ status, body }).toEqual(entry(['provider_id'], ...NULL_CHARACTER));
  });

  it('is one of several, all told in the order of the contract', async () => {
    const { body } = await send('{"is_default":0,"scopes":[1,"a",2],"expires_in_seconds":"1"}');
    expect(body).toMatchObject({
      detail: [
        { loc: ['body', 'provider_id'], type: 'missing', msg: 'Field required' },
        { loc: ['body', 'access_token'], type: 'missing', msg: 'Field required' },
        { loc: ['body', 'expires_in_seconds'] },
        { loc: ['body', 'scopes', 0], input: 1 },
        { loc: ['body', 'scopes', 2], input: 2 },
        { loc: ['body', 'is_default'], input: 0 },
      ],
    });
  });

  it('is told at most a hundred times', async () => {
    const { status, body } = await send(JSON.stringify({ scopes: Array(1_000).fill(1) }));
    expect(status).toBe(422);
    expect(body).toMatchObject({ detail: { length: 100 } });
  });
});

describe('a field that looks wrong and is not', () => {
  it.each([
    '"expires_in_seconds":3600.0',
    '"expires_in_seconds":1e3',
    '"expires_in_seconds":-0',
    '"toString":1,"hasOwnProperty":2,"client_secret":{"a":"\\ud800"},"Scopes":5,"constructor":null',
    '"refresh_token":"a\\u0000b"',
    '"metadata":{}',
  ])('is accepted: %s', async (fields) => {
    expect(await refusal(fields)).toMatchObject({ status: 200 });
  });
});

describe('a body that is no JSON object', () => {
  const missing = {
    status: 422,
    body: { detail: [{ loc: ['body'], msg: 'Field required', type: 'missing', input: null }] },
  };
  const notAnObject = entry(
    [],
    'model_attributes_type',
    'Input should be a valid dictionary or object to extract fields from',
  );

  it.each(['application/json', 'text/plain'])(
    'is missing when it has no bytes, as %s',
    async (contentType) => {
      const { status, body } = await send('', contentType);
      expect({ status, body }).toEqual(missing);
    },
  );

  it('is missing when it is null', async () => {
    const { status, body } = await send('null');
    expect({ status, body }).toEqual(missing);
  });

  it.each(['[]', '"{\\"provider_id\\":\\"slack\\",\\"access_token\\":\\"x\\"}"', '1', 'true'])(
    'is no dictionary: %s',
    async (text) => {
      const { status, body } = await send(text);
      expect({ status, body }).toEqual(notAnObject);
    },
  );

  it.each(['text/plain', 'text/json', 'application/geo+json-seq', 'application/jsonp', 'json', ''])(
    'is no dictionary when it is declared as %p',
    async (contentType) => {
      const { status, body } = await send('{"provider_id":"slack","access_token":"x"}', contentType);
      expect({ status, body }).toEqual(notAnObject);
    },
  );

  it.each([
    'application/json; charset=iso-8859-1',
    'APPLICATION/JSON',
    'application/vnd.api+json',
    'Application/X+JSON ;a=b',
  ])('is read as JSON when it is declared as %p', async (contentType) => {
    expect(await send('{"provider_id":"slack","access_token":"x"}', contentType)).toMatchObject({
      status: 200,
    });
  });
});

describe('text that is not JSON', () => {
  it.each([
    ['{"access_token":"secret",}', 25],
    ['  ', 2],
    ['{"provider_id":NaN}', 15],
    ['{"a":1} x', 8],
    ['/**/{}', 0],
  ])('is told by the place where it stops being JSON: %p', async (text, position) => {
    const { status, body } = await send(text);
    expect({ status, body }).toEqual(
      entry([position], 'json_invalid', 'JSON decode error', {
        input: {},
        ctx: { error: 'invalid JSON syntax' },
      }),
    );
  });

  it('is told by place 0 when it is long', async () => {
    const { status, body } = await send(`{"a":"${'x'.repeat(65_536)}",}`);
    expect({ status, body }).toEqual(
      entry([0], 'json_invalid', 'JSON decode error', { input: {}, ctx: { error: 'invalid JSON syntax' } }),
    );
  });

  it('is refused when it nests deeper than 200 levels, however deep', async () => {
    const nested = (levels: number) =>
      `{"provider_id":"slack","access_token":"x","metadata":{"a":${'['.repeat(levels - 2)}${']'.repeat(levels - 2)}}}`;
    expect(await send(nested(200))).toMatchObject({ status: 200 });
    const { status, body } = await send(nested(201));
    expect({ status, body }).toEqual(
      entry([expect.any(Number) as never], 'json_invalid', 'JSON decode error', {
        input: {},
        ctx: { error: 'recursion limit exceeded' },
      }),
    );
    expect(await send(nested(500_000))).toMatchObject({ status: 422 });
    expect(await send('['.repeat(1_000_000))).toMatchObject({ status: 422 });
  });

  it('is refused with 400 when it is not UTF-8', async () => {
    for (const bytes of [[0x80], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xff, 0xfe]]) {
      const { status, body } = await send(
        new Uint8Array([...Buffer.from('{"access_token":"'), ...bytes, ...Buffer.from('"}')]),
      );
      expect({ status, body }).toEqual({
        status: 400,
        body: { detail: 'There was an error parsing the body' },
      });
    }
  });

  it('may begin with one byte order mark, not two', async () => {
    const text = '{"provider_id":"slack","access_token":"x"}';
    expect(await send(`\ufeff${text}`)).toMatchObject({ status: 200 });
    expect(await send(`\ufeff\ufeff${text}`)).toMatchObject({ status: 422 });
  });
});

describe('a body that would cost too much', () => {
  const many = (count: number) =>
    JSON.stringify({
      provider_id: 'slack',
      access_token: 'x',
      metadata: Object.fromEntries(Array.from({ length: count }, (_, index) => [`key${index}`, index])),
    });
  const tooLong = (kind: string, limit: number, length: number | 'more') => ({
    msg: `${kind} should have at most ${limit} items after validation, not ${length}`,
    type: 'too_long',
    ctx: { field_type: kind, max_length: limit, actual_length: length === 'more' ? null : length },
  });

  it('has at most 10,000 values in metadata, at any depth', async () => {
    expect(await send(many(10_000))).toMatchObject({ status: 200 });
    const { status, body } = await send(many(10_001));
    expect({ status, body }).toEqual({
      status: 422,
      body: { detail: [{ loc: ['body', 'metadata'], ...tooLong('Dictionary', 10_000, 'more') }] },
    });
    const nested = await refusal(`"metadata":{"a":{"b":[${'1,'.repeat(10_000)}1]}}`);
    expect(nested).toMatchObject({ status: 422, body: { detail: [{ loc: ['body', 'metadata'] }] } });
  });

  it('has at most 1,000 scopes', async () => {
    expect(await refusal(`"scopes":["a"${',"a"'.repeat(999)}]`)).toMatchObject({ status: 200 });
    const { status, body } = await refusal(`"scopes":["a"${',"a"'.repeat(1000)}]`);
    expect({ status, body }).toEqual({
      status: 422,
      body: { detail: [{ loc: ['body', 'scopes'], ...tooLong('List', 1000, 1001) }] },
    });
  });

  it('may hold half a megabyte of metadata in a few long strings, whatever they are made of', async () => {
    const text = '[{,"'.repeat(32_768);
    expect(
      await send(JSON.stringify({ provider_id: 'slack', access_token: 'x', metadata: { a: text, b: text } })),
    ).toMatchObject({ status: 200 });
  });

  it('is refused before it is parsed when it holds more than 12,000 values anywhere', async () => {
    const refusedUnread = {
      status: 422,
      body: { detail: [{ loc: ['body'], ...tooLong('Dictionary', 12_000, 'more') }] },
    };
    for (const text of [
      many(50_000),
      JSON.stringify({ other: Array(400_000).fill(1) }),
      '['.repeat(20_000),
    ]) {
      const { status, body } = await send(text);
      expect({ status, body }).toEqual(refusedUnread);
    }
  });
});

describe('the limits of values', () => {
  it('are settings', async () => {
    const strict = await startVault({ METADATA_MAX_VALUES: '2', SCOPES_MAX: '1' });
    const { apiKey } = await strict.newTenant();
    const token = { provider_id: 'slack', access_token: 'x' };
    expect(await strict.import(apiKey, { ...token, scopes: ['a'], metadata: { a: 1, b: 2 } })).toMatchObject({
      status: 200,
    });
    expect(await strict.import(apiKey, { ...token, scopes: ['a', 'b'] })).toMatchObject({ status: 422 });
    expect(await strict.import(apiKey, { ...token, metadata: { a: { b: { c: 1 } } } })).toMatchObject({
      status: 422,
    });
    await strict.close();
  });
});

describe('an empty access token', () => {
  it('is refused', async () => {
    const { status, body } = await send('{"provider_id":"slack","access_token":""}');
    expect({ status, body }).toEqual(
      entry(['access_token'], 'string_too_short', 'String should have at least 1 character', {
        ctx: { min_length: 1 },
      }),
    );
  });
});
