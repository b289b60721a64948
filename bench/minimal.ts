/**
 * The floor of the service on Node: `node:http`, `JSON.parse`, two texts sealed, and the service's own statement, prepared
 * through one client of `pg`. Nothing is authenticated, checked, logged or shared.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { text as textOf } from 'node:stream/consumers';
import pg from 'pg';
import { createKeyRing } from '../crypto/key-ring.ts';
import { newId } from '../crypto/uuid.ts';
import { IMPORT_COLUMNS, importStatement } from '../db/import-statement.ts';
import { valuesOf } from '../db/postgres/rows.ts';
import type { ImportBody } from './loads.ts';
import { tellUsage } from './start.ts';

const text = importStatement({ isSingle: true, tokensMax: 0 });
const { DATABASE_URL = '', FERNET_KEYS = '', BENCH_ORGANIZATION: organizationId } = process.env;
const keyRing = createKeyRing([FERNET_KEYS]);
/** Opened by the first import, and again after the count of WAL syncs has ended it. */
let connection: Promise<pg.Client> | undefined;

async function connect(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: DATABASE_URL, options: '-c enable_seqscan=off' });
  client.on('error', () => undefined);
  client.once('end', () => {
    connection = undefined;
  });
  await client.connect();
  return client;
}

async function store(token: ImportBody): Promise<string> {
  const id = newId();
  const [access, refresh] = [keyRing.seal(token.access_token), keyRing.seal(token.refresh_token)];
  const row = {
    organizationId,
    id,
    userId: 'user-0',
    providerId: token.provider_id,
    workspaceId: organizationId,
    accessToken: access.ciphertext,
    accessTokenKey: access.key,
    refreshToken: refresh.ciphertext,
    refreshTokenKey: refresh.key,
    scopes: token.scopes,
    metadata: token.metadata,
    expiresInSeconds: token.expires_in_seconds,
    isDefault: token.is_default,
    auditId: newId(),
    credential: 'api-key:bench1',
  };
  connection ??= connect();
  await (await connection).query({ name: 'import', text, values: valuesOf(IMPORT_COLUMNS, row) });
  return id;
}

const server = createServer(async (request, response) => {
  try {
    const token: ImportBody = JSON.parse(await textOf(request));
    const answer = JSON.stringify({ token_id: await store(token) });
    response
      .writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': answer.length })
      .end(answer);
  } catch {
    response.destroy(); // the client, or the database's connection, is gone
  }
}).listen(0, '127.0.0.1');
await once(server, 'listening');
tellUsage(server);
await once(process, 'disconnect');
server.closeAllConnections();
server.close();
await (await connection)?.end();
