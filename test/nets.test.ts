/** Rules for every operation of the contract, also for future ones. Each exception is named here. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { operations } from '../generated/operations.ts';
import { startVault, type TestVault } from './support/vault.ts';

/** A provider sends a browser here. Its credential is the state. */
const WITHOUT_CREDENTIALS = ['GET /v2/auth/callback/{provider_id}', 'GET /v2/auth/setup/{provider_id}'];
/** They give a token out to a caller who may act for its owner. */
const WITH_SECRETS = ['POST /v2/auth/authenticate', 'GET /v2/auth/wait/{auth_id}'];

const SECRET =
  /^(?:access_token|refresh_token|id_token|token|client_secret|api_key|code|state|code_verifier)$/;

const document = JSON.parse(readFileSync(new URL('../generated/openapi.json', import.meta.url), 'utf8'));
const served = Object.values(operations).map(({ method, path }) => `${method} ${path}`);

let vault: TestVault;

beforeAll(async () => {
  vault = await startVault();
});

afterAll(() => vault.close());

const without = (exceptions: readonly string[]) => served.filter((name) => !exceptions.includes(name));

/** The names of the properties in a schema, or in a schema that it refers to. */
function propertiesOf(value: unknown, seen = new Set<unknown>()): readonly string[] {
  if (typeof value !== 'object' || value === null || seen.has(value)) return [];
  seen.add(value);
  const { properties, $ref } = Object(value);
  const referred =
    typeof $ref === 'string'
      ? $ref
          .split('/')
          .slice(1)
          .reduce((at, key) => at[key], document)
      : undefined;
  return [
    ...Object.keys(properties ?? {}),
    ...[...Object.values(value), referred].flatMap((inner) => propertiesOf(inner, seen)),
  ];
}

describe.each(without(WITHOUT_CREDENTIALS))('%s', (name) => {
  it('lets in nobody without credentials', async () => {
    const [method = '', path = ''] = name.split(' ');
    expect(await vault.call(method, path.replaceAll(/\{.*?\}/g, 'x'))).toMatchObject({
      status: 401,
      body: { detail: 'Not authenticated' },
    });
  });
});

describe.each(without(WITH_SECRETS))('%s', (name) => {
  it('has no field for a secret in any answer', () => {
    const [method = '', path = ''] = name.split(' ');
    const names = propertiesOf(document.paths[path][method.toLowerCase()].responses);
    expect(names).toContain('detail');
    expect(names.filter((property) => SECRET.test(property))).toEqual([]);
  });
});
