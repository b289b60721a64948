/**
 * The service in a process of its own, wired as `tokenhold serve` wires it. It reports its use of resources. BENCH_OPERATIONS
 * is the number of operations in the contract: the import, and copies of it on other paths.
 */
import { once } from 'node:events';
import { type AppParts, createApp } from '../server/app.ts';
import { createHttpServer } from '../server/http.ts';
import { createLogger } from '../server/log.ts';
import { assemble } from '../service/assemble.ts';
import { loadConfig } from '../service/config.ts';
import { openServerVault } from '../service/repositories.ts';
import { tellUsage } from './start.ts';

const IMPORT = '/v2/auth/tokens/import';

/** The contract reduced to the import, with copies of it added. */
function withOperations(parts: AppParts, count: number): AppParts {
  const post = parts.contract.paths?.[IMPORT]?.post;
  if (post === undefined) throw new Error('the contract has no import');
  const copies = Array.from({ length: count - 1 }, (_, index) => `copy_${index}`);
  const paths = copies.map((operationId, index) => {
    const path = index % 2 === 0 ? `/v2/auth/copies/${index}` : `/v2/auth/copies/{id}/${index}`;
    const parameters =
      index % 2 === 0 ? [] : [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }];
    return [path, { post: { ...post, operationId, parameters } }] as const;
  });
  const handler = parts.handlers['import_oauth_token_v2_auth_tokens_import_post'];
  return {
    ...parts,
    contract: Object.assign({}, parts.contract, {
      paths: { ...Object.fromEntries(paths), [IMPORT]: { post } },
    }),
    handlers: Object.assign({}, parts.handlers, Object.fromEntries(copies.map((id) => [id, handler]))),
  };
}

const config = loadConfig(process.env);
const vault = await openServerVault(config);
const parts = assemble(config, vault, createLogger(config.logLevel));
const operations = Number(process.env['BENCH_OPERATIONS'] ?? 0);
const app = await createApp(operations > 0 ? withOperations(parts, operations) : parts);
const server = createHttpServer(app, config.limits).listen(0, '127.0.0.1');
await once(server, 'listening');
tellUsage(server);
await once(process, 'disconnect');
server.closeAllConnections();
server.close();
await vault.close();
