import type { AddressInfo } from 'node:net';

interface Banner {
  readonly address: AddressInfo;
  /** Shown once, at the very first start. */
  readonly apiKey: string | undefined;
  /** Of the embedded database; undefined where an operator runs one. */
  readonly dataDir: string | undefined;
}

const NEW_KEY = 'npm run -s tokenhold -- api-key create --organization example --user admin --role admin';

/** The text after a start: the address of the service, an import of a token, and how to get it back. */
export function banner({ address, apiKey, dataDir }: Banner): string {
  const url = `http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`;
  if (dataDir === undefined) return `Tokenhold is listening on ${url}\n`;
  const key = apiKey === undefined ? '"X-Api-Key: $TOKENHOLD_API_KEY"' : `'X-Api-Key: ${apiKey}'`;
  return [
    '',
    `  Tokenhold is listening on ${url}`,
    `  The API, to read and try:  ${url}/docs`,
    `  Data and encryption key:   ${dataDir} (embedded PostgreSQL; set DATABASE_URL for your own)`,
    apiKey === undefined
      ? `  API key lost? Another one: ${NEW_KEY}`
      : `  API key, shown only now:   ${apiKey}`,
    '',
    '  Import a token:',
    '',
    `curl -sS ${url}/v2/auth/tokens/import -w '\\n' \\`,
    `  -H ${key} -H 'Content-Type: application/json' \\`,
    `  -d '{"provider_id":"slack-dev","access_token":"xoxb-example","scopes":["chat:write"]}'`,
    '',
    '  Get the token:',
    '',
    `curl -sS ${url}/v2/auth/authenticate -w '\\n' \\`,
    `  -H ${key} -H 'Content-Type: application/json' \\`,
    `  -d '{"provider":"slack-dev","scopes":["chat:write"]}'`,
    '',
    '',
  ].join('\n');
}
