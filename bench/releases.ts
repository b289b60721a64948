/**
 * `npm run bench:releases`: tokens that `authenticate` gives out in a second, against pgbench with the
 * statement of one release.
 */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import autocannon from 'autocannon';
import { type BenchVault, openServer } from './database.ts';
import { hasPgbench } from './pgbench.ts';
import { medianOf } from './report.ts';
import { type Service, startService } from './start.ts';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '4' },
    connections: { type: 'string', default: '1,16,64' },
  },
});
const [rounds, seconds] = [Number(options.rounds), Number(options.seconds)];
const run = promisify(execFile);

/** Gives every caller a default token. */
async function giveTokens({ url }: Service, { callers }: BenchVault): Promise<void> {
  for (const { apiKey } of callers) {
    const { status } = await fetch(`${url}/v2/auth/tokens/import`, {
      method: 'POST',
      headers: { 'X-Api-Key': apiKey, 'Content-Type': 'application/json' },
      body: JSON.stringify({ provider_id: 'slack', access_token: 'xoxb-released', scopes: ['chat:write'] }),
    });
    if (status !== 200) throw new Error(`an import was answered ${status}`);
  }
}

let sent = 0;

/** Releases in a second over HTTP. Every answer must hold the token. */
async function releases({ url }: Service, { callers }: BenchVault, connections: number): Promise<number> {
  const result = await autocannon({
    url,
    connections,
    duration: seconds,
    requests: [
      {
        method: 'POST',
        path: '/v2/auth/authenticate',
        body: JSON.stringify({ provider: 'slack', scopes: ['chat:write'] }),
        setupRequest(given) {
          const apiKey = callers[sent++ % callers.length]?.apiKey;
          given.headers = { 'content-type': 'application/json', 'x-api-key': apiKey };
          return given;
        },
      },
    ],
    verifyBody: (text) => String(text).includes('"xoxb-released"'),
  });
  if (result.errors + result.non2xx + result.mismatches > 0) throw new Error('a release failed');
  return result['2xx'] / result.duration;
}

/** A release as PostgreSQL likes it best: one select, one record, plain columns. */
const script = (organizationId: string) => `\\set user random(0, 63)
WITH chosen AS (
  SELECT token.organization_id, token.id, token.user_id, token.access_token, token.metadata, token.expires_at
  FROM oauth_providers AS provider
  JOIN default_tokens ON default_tokens.organization_id = provider.organization_id
    AND default_tokens.user_id = 'user-' || :user::text AND default_tokens.provider_id = provider.provider_id
  JOIN oauth_tokens AS token ON token.organization_id = default_tokens.organization_id
    AND token.provider_id = default_tokens.provider_id AND token.user_id = default_tokens.user_id
    AND token.id = default_tokens.token_id
  WHERE provider.organization_id = '${organizationId}' AND provider.provider_id = 'slack'
), released AS (
  INSERT INTO audit_records (organization_id, id, user_id, credential, action, object_id, request_id)
  SELECT organization_id, gen_random_uuid(), user_id, 'bearer', 'token.release', id, gen_random_uuid() FROM chosen
)
SELECT id, access_token, metadata, expires_at FROM chosen;
`;

/** Releases in a second by pgbench. */
async function pgbench({ callers, connectionString }: BenchVault, directory: string, connections: number) {
  const file = join(directory, 'release.sql');
  writeFileSync(file, script(callers[0]?.organizationId ?? ''));
  const url = new URL(connectionString);
  const env = {
    ...process.env,
    PGHOST: decodeURIComponent(url.hostname), // the embedded PostgreSQL listens on a socket
    PGPORT: url.port || '5432',
    PGUSER: url.username,
    PGPASSWORD: decodeURIComponent(url.password),
    PGOPTIONS: '-c enable_seqscan=off', // as the service does
  };
  const load = [
    '-n',
    '-M',
    'prepared',
    '-c',
    String(connections),
    '-j',
    '2',
    '-T',
    String(seconds),
    '-f',
    file,
  ];
  const { stdout } = await run('pgbench', [...load, url.pathname.slice(1)], { env });
  return Number(/tps = ([\d.]+)/.exec(stdout)?.[1]);
}

const server = await openServer(process.env['DATABASE_URL']);
const vault = await server.createVault(1);
const service = await startService(server.directory, {
  DATABASE_URL: vault.connectionString,
  FERNET_KEYS: vault.fernetKey,
  TOKENS_PER_USER_AND_PROVIDER_MAX: '0',
});
try {
  const isLimitKnown = await hasPgbench();
  await giveTokens(service, vault);
  await releases(service, vault, 16); // warms up
  const lines = [
    '| connections | pgbench releases/s | authenticate/s | of the limit |',
    '| --- | --- | --- | --- |',
  ];
  for (const connections of options.connections.split(',').map(Number)) {
    const [limits, reached]: [number[], number[]] = [[], []];
    for (let round = 0; round < rounds; round++) {
      if (isLimitKnown) limits.push(await pgbench(vault, server.directory, connections));
      reached.push(await releases(service, vault, connections));
    }
    const [limit, figure] = [medianOf(limits), medianOf(reached)];
    lines.push(
      `| ${connections} | ${limit.toFixed(0)} | ${figure.toFixed(0)} | ${(figure / limit).toFixed(2)} |`,
    );
  }
  process.stdout.write(`${lines.join('\n')}\n`);
} finally {
  await service.stop();
  await server.stop();
}
