/** A changed contract: the files that the generator makes of it, the compiler's errors, and a server of it. */
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { generateKey } from '../../crypto/fernet.ts';
import { build } from '../../openapi/build.ts';
import { isObject, type Json, type JsonObject, objectAt, replaceAt } from '../../openapi/json.ts';
import { addFragment } from '../../openapi/merge.ts';
import { readSources } from '../../openapi/sources.ts';
import { createAuthenticator } from '../../security/authenticate.ts';
import { createApp } from '../../server/app.ts';
import { createHttpServer } from '../../server/http.ts';
import { createLogger } from '../../server/log.ts';
import { assemble } from '../../service/assemble.ts';
import { loadConfig } from '../../service/config.ts';
import { type Answer, IMPORT, type Tenant, type TestVault } from './vault.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const sources = readSources();

/** One place of the published document, and its new value. Undefined: the place is removed. */
export type Change = readonly [
  at: readonly (string | number)[],
  becomes: (there: Json | undefined) => Json | undefined,
];

export const set = (at: readonly (string | number)[], value: Json | undefined): Change => [at, () => value];

/** The files of generated/ for the published document with these changes. @throws Error of the generator */
export function generated(...changes: readonly Change[]): Promise<ReadonlyMap<string, string>> {
  const published = changes.reduce<JsonObject>(
    (document, [at, becomes]) => objectAt(replaceAt(document, at, becomes)),
    sources.published,
  );
  return build({ ...sources, published });
}

/** The published document as a newer version may look: it has the companion operations itself. */
export const newest = (): JsonObject =>
  [...sources.fragments].reduce<JsonObject>(
    (document, [name, fragment]) => addFragment(document, objectAt(withOtherWords(fragment)), name),
    sources.published,
  );

/** Other words for people, so that a test can tell the served document from ours. */
const withOtherWords = (value: Json): Json => {
  if (Array.isArray(value)) return value.map((item: Json) => withOtherWords(item));
  if (!isObject(value)) return value;
  const kept = Object.entries(value).map(([name, inner]) => {
    const isWords = name === 'summary' && typeof inner === 'string';
    return [name, isWords ? `Upstream: ${inner}` : withOtherWords(inner)] as const;
  });
  return Object.fromEntries(kept);
};

/** The files of generated/ for another published document, with a further overlay. */
export const generatedFrom = (published: JsonObject = sources.published, overlay?: JsonObject) =>
  build({
    ...sources,
    published,
    overlays: new Map([
      ...sources.overlays,
      ...(overlay === undefined ? [] : [['further.yaml', overlay] as const]),
    ]),
  });

const options = ts.parseJsonConfigFileContent(
  ts.readConfigFile(`${ROOT}tsconfig.json`, ts.sys.readFile).config,
  ts.sys,
  ROOT,
).options;
const parsed = new Map<string, ts.SourceFile | undefined>();

/** The compiler's errors where a contract meets its handlers, each in one line. */
export function compile(files: ReadonlyMap<string, string>): readonly string[] {
  const host = ts.createCompilerHost(options);
  const read = host.getSourceFile.bind(host);
  host.getSourceFile = (path, languageVersion) => {
    const text = files.get(path.replace(`${ROOT}generated/`, ''));
    if (text !== undefined) return ts.createSourceFile(path, text, languageVersion);
    if (!parsed.has(path)) parsed.set(path, read(path, languageVersion));
    return parsed.get(path);
  };
  const roots = ['handlers/tokens.ts', 'handlers/providers.ts', 'service/assemble.ts'].map(
    (file) => ROOT + file,
  );
  const program = ts.createProgram(roots, options, host);
  return roots
    .flatMap((root) => program.getSemanticDiagnostics(program.getSourceFile(root)))
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' '));
}

export interface Served {
  readonly send: (
    method: string,
    path: string,
    given?: {
      readonly json?: unknown;
      readonly form?: Record<string, string>;
      readonly as?: readonly ('key' | 'bearer')[];
    },
  ) => Promise<Pick<Answer, 'status' | 'body'>>;
  /** POST to the import, with the two required fields and these. */
  readonly import: (fields: object, query?: string) => Promise<Pick<Answer, 'status' | 'body'>>;
  readonly close: () => void;
}

/** A server of the changed contract, with the vault's handlers. The bearer token `bearer` is the tenant's bob. */
export async function serve(
  files: ReadonlyMap<string, string>,
  vault: TestVault,
  tenant: Tenant,
): Promise<Served> {
  const config = loadConfig({
    DATABASE_URL: 'postgresql://unused',
    FERNET_KEYS: generateKey(),
    LOG_LEVEL: 'silent',
  });
  const parts = assemble(config, vault, createLogger('silent'));
  const { organizationId, workspaceId } = tenant;
  const authenticator = createAuthenticator({
    findApiKey: vault.apiKeyLookups.find,
    findWorkspace: vault.workspaces.find,
    verifyBearer: async (token) =>
      token === 'bearer' ? { organizationId, workspaceId, userId: 'bob', role: 'admin' } : undefined,
  });
  const contract = JSON.parse(files.get('openapi.json') ?? '');
  const server = createHttpServer(await createApp({ ...parts, contract, authenticator }), config.limits);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const send: Served['send'] = async (method, path, { json, form, as = ['key'] } = {}) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      headers: {
        ...(as.includes('key') ? { 'X-Api-Key': tenant.apiKey } : {}),
        ...(as.includes('bearer') ? { Authorization: 'Bearer bearer' } : {}),
        ...(json === undefined ? {} : { 'Content-Type': 'application/json' }),
      },
      ...(json === undefined ? {} : { body: JSON.stringify(json) }),
      ...(form === undefined ? {} : { body: new URLSearchParams(form) }),
    });
    const text = await response.text();
    return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
  };
  return {
    send,
    import: (fields, query = '') =>
      send('POST', IMPORT + query, { json: { provider_id: 'slack', access_token: 'x', ...fields } }),
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
