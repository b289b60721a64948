import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

const json = (path: string) => JSON.parse(readFileSync(join(ROOT, path), 'utf8'));

describe('the vendored contract', () => {
  it('is byte for byte the one that openapi/README.md names', () => {
    const hash = createHash('sha256')
      .update(readFileSync(join(ROOT, 'openapi/openapi.json')))
      .digest('hex');
    expect(readFileSync(join(ROOT, 'openapi/README.md'), 'utf8')).toContain(hash);
  });
});

describe('the document that is served', () => {
  const { paths } = json('generated/openapi.json');
  const operations = Object.values(paths).flatMap((methods) => Object.values(Object(methods)));

  it('takes a tenant id nowhere for a credential, and none only from browsers', () => {
    const standard = [{ ApiKey: [] }, { BearerAuth: [] }, { ApiKey: [], BearerAuth: [] }];
    const ofBrowsers = new Map<unknown, unknown>([
      ['oauth_callback_get_v2_auth_callback__provider_id__get', [{}, { BearerAuth: [] }]],
      ['oauth_callback_v2_auth_callback__provider_id__post', [{}, ...standard]],
      ['oauth_setup_callback_v2_auth_setup__provider_id__get', []],
    ]);
    for (const operation of operations) {
      const { operationId, security } = Object(operation);
      expect(security).toEqual(ofBrowsers.has(operationId) ? ofBrowsers.get(operationId) : standard);
    }
  });

  it('documents every answer that an operation can give', () => {
    const common = ['400', '401', '403', '405', '408', '413', '415', '417', '429', '431', '500', '503'];
    for (const operation of operations)
      expect(Object.keys(Object(operation).responses)).toEqual(expect.arrayContaining(common));
  });
});

describe('generating', () => {
  let copy: string;

  beforeEach(() => {
    copy = mkdtempSync(join(tmpdir(), 'tokenhold-contract-'));
    for (const part of [
      'openapi',
      'generated',
      'package.json',
      'server',
      'security',
      'oauth',
      'outbound',
      'crypto',
      'db',
    ])
      cpSync(join(ROOT, part), join(copy, part), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  });

  afterEach(() => rmSync(copy, { recursive: true }));

  const generate = (...args: string[]): Promise<{ status: number; stdout: string; stderr: string }> =>
    new Promise((resolve) => {
      const script = ['--import', import.meta.resolve('tsx'), join(copy, 'openapi/generate.ts'), ...args];
      execFile(process.execPath, script, (error, stdout, stderr) =>
        resolve({ status: error === null ? 0 : Number(error.code), stdout, stderr }),
      );
    });

  const rewrite = (path: string, change: (text: string) => string) =>
    writeFileSync(join(copy, path), change(readFileSync(join(copy, path), 'utf8')));

  it('prints in words what changed', async () => {
    rewrite('openapi/openapi.json', (text) =>
      text
        .replace(
          '"required": [\n          "provider_id",',
          '"required": [\n          "refresh_token",\n          "provider_id",',
        )
        .replace('"title": "Refresh Token"', '"title": "Refresh", "maxLength": 9')
        .replace(/"security": \[\s*\{\s*"API Key".*?\]\s*\}\s*\]/s, '"security": [{ "API Key": [] }]')
        .replace('"200": {', '"201": {'),
    );
    const { status, stdout } = await generate();
    expect(status).toBe(0);
    const id = 'import_oauth_token_v2_auth_tokens_import_post';
    expect(stdout.trim().split('\n')).toEqual([
      `${id}: security: ApiKey, or BearerAuth, or ApiKey and BearerAuth, now ApiKey`,
      `${id}: new answer 201`,
      `${id}: answer 200 is gone`,
      'schema OAuthTokenImportRequest: field refresh_token: maxLength is now 9',
      'schema OAuthTokenImportRequest: field refresh_token is now required',
    ]);
  });

  it('finds generated/ stale when the contract has changed', async () => {
    rewrite('openapi/openapi.json', (text) => text.replaceAll('the created token id only', 'the id only'));
    expect(await generate('--check')).toEqual({
      status: 1,
      stdout: '',
      stderr: expect.stringMatching(/stale \(openapi\.json, api\.d\.ts/),
    });
  });

  it('finds generated/ stale when it holds a file of nobody', async () => {
    writeFileSync(join(copy, 'generated/extra.ts'), '');
    expect(await generate('--check')).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/extra\.ts/),
    });
  });
});
