/** Spans go to a collector by OTLP, and hold nothing secret. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { expect, it } from '@jest/globals';
import { generateKey } from '../crypto/fernet.ts';
import { summarize } from '../db/postgres/summary.ts';
import { isOneServer } from './support/postgres.ts';
import { exit, printed, spawnTokenhold } from './support/process.ts';
import { startVault } from './support/vault.ts';

interface Span {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly attributes: readonly { readonly key: string; readonly value: unknown }[];
}

it('a request is a span in the trace of its caller, its statements are spans within it, and none holds a secret', async () => {
  const received: string[] = [];
  const collector = createServer(async (request, response) => {
    received.push(await text(request));
    response.end('{}');
  }).listen(0, '127.0.0.1');
  await once(collector, 'listening');
  const address = collector.address();
  const port = typeof address === 'object' ? address?.port : undefined;

  const keys = generateKey();
  const vault = await startVault({ FERNET_KEYS: keys });
  const { apiKey, organizationId } = await vault.newTenant();
  const server = spawnTokenhold(['serve'], {
    DATABASE_URL: vault.connectionString,
    FERNET_KEYS: keys,
    PORT: '0',
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
  });
  const url = /http:\S+/.exec(await printed(server, /listening on http:\S+/))?.[0];
  const [traceId, parent, secret] = [
    randomBytes(16).toString('hex'),
    randomBytes(8).toString('hex'),
    'xoxb-hush-hush',
  ];
  const answer = await fetch(`${url}/v2/auth/tokens/import?token=${secret}`, {
    method: 'POST',
    headers: {
      'X-Api-Key': apiKey,
      'Content-Type': 'application/json',
      traceparent: `00-${traceId}-${parent}-01`,
      tracestate: 'vendor=of-the-caller',
      baggage: 'note=of-the-caller',
    },
    body: JSON.stringify({ provider_id: 'slack', access_token: secret, metadata: { note: 'of-the-caller' } }),
  });
  expect(answer.status).toBe(200);
  const list = await fetch(`${url}/v2/auth/tokens?provider_id=slack`, { headers: { 'X-Api-Key': apiKey } });
  expect([list.status, await list.json()]).toMatchObject([200, [{}]]);
  server.kill();
  expect(await exit(server)).toBe(0); // which sends what is left

  const spans: Span[] = received.flatMap((body) =>
    JSON.parse(body).resourceSpans.flatMap((resource: { scopeSpans: { spans: Span[] }[] }) =>
      resource.scopeSpans.flatMap((scope) => scope.spans),
    ),
  );
  const request = spans.find(({ name }) => name === 'POST /v2/auth/tokens/import');
  expect(request).toMatchObject({ traceId, parentSpanId: parent });
  const attributes = (span: Span | undefined) =>
    Object.fromEntries(
      (span?.attributes ?? []).map(({ key, value }) => [key, Object.values(Object(value))[0]]),
    );
  expect(attributes(request)).toMatchObject({
    'http.request.method': 'POST',
    'http.route': '/v2/auth/tokens/import',
    'http.response.status_code': 200,
    'client.address': '127.0.0.1',
    'user.id': 'alice',
    'tokenhold.operation': 'import_oauth_token_v2_auth_tokens_import_post',
    'tokenhold.organization.id': organizationId,
    'tokenhold.request.id': answer.headers.get('x-request-id'),
  });
  const statements = spans.filter(({ parentSpanId }) => parentSpanId === request?.spanId);
  expect(statements.map(({ name }) => name).toSorted()).toEqual(
    isOneServer()
      ? ['api-key.find', 'import-single']
      : ['SELECT pg_dist_placement', 'api-key.find', 'import.look', 'import.store'],
  );
  expect(new Set(statements.map((span) => span.traceId))).toEqual(new Set([traceId]));
  const read = spans.find(({ name }) => name === 'SELECT oauth_providers oauth_tokens default_tokens');
  expect(attributes(read)).toMatchObject({
    'db.system.name': 'postgresql',
    'db.query.summary': read?.name,
    'db.query.text': expect.stringContaining('organization_id = $1'),
  });
  const all = received.join();
  for (const hidden of ['hush', apiKey.slice(11), 'of-the-caller', keys.slice(0, 8)])
    expect(all).not.toContain(hidden);

  collector.close();
  await vault.close();
});

it.each([
  ['UPDATE oauth_tokens SET id = $1', 'UPDATE oauth_tokens'],
  ['select a from "providers" join tokens on true', 'SELECT providers tokens'],
  ['WITH step AS (SELECT 1 FROM a FOR UPDATE OF a) DELETE FROM b USING step', 'SELECT a DELETE b'],
  [
    'INSERT INTO a SELECT extract(epoch FROM now()) FROM b ON CONFLICT DO UPDATE SET x = 1',
    'INSERT a SELECT b',
  ],
  ['SELECT x IS DISTINCT FROM y FROM pg_catalog.pg_class, ROWS FROM (f())', 'SELECT'],
  ['BEGIN;', 'BEGIN'],
])('%s is summarized as %s', (sql, summary) => {
  expect(summarize(sql)).toBe(summary);
});
