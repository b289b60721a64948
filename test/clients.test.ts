/** Clients that others generate from our document compile strictly, and import a token. */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { startVault, type TestVault } from './support/vault.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const DOCUMENT = join(ROOT, 'generated/openapi.json');
const bin = (name: string): string => join(ROOT, 'node_modules/.bin', name);
const ORVAL = join(ROOT, 'test/orval/node_modules/.bin/orval');

interface Client {
  readonly generate: readonly [string, ...string[]];
  /** Imports the access token that is the client's name, and prints the id. `url` and `key` are constants. */
  readonly program: string;
}

const clients: Readonly<Record<string, Client>> = {
  'openapi-typescript': {
    // Without the flag it takes fields with a default for required ones, in requests too.
    generate: [bin('openapi-typescript'), DOCUMENT, '--default-non-nullable=false', '--output=paths.ts'],
    program: `
      import createClient from 'openapi-fetch';
      import type { paths } from './paths.ts';
      const client = createClient<paths>({ baseUrl: url, headers: { 'X-Api-Key': key } });
      const { data, error } = await client.POST('/v2/auth/tokens/import', {
        body: { provider_id: 'slack', access_token: 'openapi-typescript' },
      });
      if (data === undefined) throw new Error(JSON.stringify(error));
      console.log(data.token_id);`,
  },
  'hey-api': {
    generate: [bin('openapi-ts'), `--input=${DOCUMENT}`, '--output=hey-api', '--no-log-file'],
    program: `
      import { importOauthTokenV2AuthTokensImportPost } from './hey-api';
      import { client } from './hey-api/client.gen';
      client.setConfig({ baseUrl: url, auth: ({ type }) => (type === 'apiKey' ? key : undefined) });
      const { data, error } = await importOauthTokenV2AuthTokensImportPost({
        body: { provider_id: 'slack', access_token: 'hey-api' },
      });
      if (data === undefined) throw new Error(JSON.stringify(error));
      console.log(data.token_id);`,
  },
  orval: {
    generate: [ORVAL, '--config=orval.config.mjs'],
    program: `
      import { importOauthTokenV2AuthTokensImportPost } from './orval.ts';
      const { status, data } = await importOauthTokenV2AuthTokensImportPost(
        { provider_id: 'slack', access_token: 'orval' },
        { headers: { 'X-Api-Key': key } },
      );
      if (status !== 200) throw new Error(JSON.stringify(data));
      console.log(data.token_id);`,
  },
};

/** Those whose generator is installed. In CI all are. */
const tried = Object.entries(clients).filter(([name, { generate }]) => {
  const isThere = existsSync(generate[0]) || (process.env['CI'] ?? '') !== '';
  if (!isThere) {
    process.stderr.write(`Skipped, because it is not installed (npm ci --prefix test/${name}): ${name}\n`);
  }
  return isThere;
});

const COMPILER = {
  compilerOptions: {
    strict: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: true,
    noEmit: true,
    target: 'es2023',
    lib: ['es2023', 'dom', 'dom.iterable'],
    types: [],
    module: 'esnext',
    moduleResolution: 'bundler',
    allowImportingTsExtensions: true,
  },
  include: ['*.ts'],
};

let vault: TestVault;
let directory: string;
let key: string;

const run = ([file, ...args]: readonly [string, ...string[]]) =>
  promisify(execFile)(file, args, { cwd: directory }).catch((error: { stdout: string; stderr: string }) => {
    throw new Error(`${file} ${args.join(' ')}\n${error.stdout}${error.stderr}`);
  });

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'tokenhold-clients-'));
  symlinkSync(join(ROOT, 'node_modules'), join(directory, 'node_modules'));
  vault = await startVault();
  const { apiKey } = await vault.newTenant();
  key = apiKey;
  const files = {
    'package.json': '{ "type": "module" }',
    'tsconfig.json': JSON.stringify(COMPILER),
    'orval.config.mjs': `export default { vault: {
      input: ${JSON.stringify(DOCUMENT)},
      output: { target: 'orval.ts', client: 'fetch', baseUrl: ${JSON.stringify(vault.url)} } } };`,
    ...Object.fromEntries(tried.map(([name, { program }]) => [`with-${name}.ts`, withConstants(program)])),
  };
  for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), content);
  await Promise.all(tried.map(([, { generate }]) => run(generate)));
}, 60_000);

const withConstants = (program: string): string =>
  `const [url, key] = ${JSON.stringify([vault.url, key])} as const;\n${program}\n`;

afterAll(async () => {
  await vault?.close();
  rmSync(directory, { recursive: true });
});

it('the generated clients compile strictly, and so do programs that use them', async () => {
  await run([bin('tsc'), '--project', '.']);
}, 60_000);

it.each(tried.map(([name]) => name))('the client of %s imports a token', async (name) => {
  const { stdout } = await run([process.execPath, '--import', 'tsx', `with-${name}.ts`]);
  const { body } = await vault.call('GET', '/v2/auth/tokens?provider_id=slack', { key });
  expect(body).toContainEqual(expect.objectContaining({ id: stdout.trim() }));
});
