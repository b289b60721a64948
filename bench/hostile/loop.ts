/** How long one request blocks the event loop, for everybody. */
import { medianOf } from '../report.ts';
import type { Arena } from './arena.ts';
import type { Figure } from './report.ts';

export const LOOP = 'event loop';
const MOST_MS = 25;
const ROUNDS = 7;
/** A little less than BODY_LIMIT_BYTES. */
const ROOM = 1_048_000;
const HEADER_ROOM = 15_000;

interface Shape {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array<ArrayBuffer>;
}

const fill = (text: string, bytes = ROOM): string => text.repeat(Math.floor(bytes / Buffer.byteLength(text)));
/** An import with this JSON text in a field. */
const importOf = (field: string, json: string): Shape => ({
  body: `{"provider_id":"slack","access_token":"x","${field}":${json}}`,
});
const metadataOf = (json: string): Shape => importOf('metadata', `{"a":${json}}`);
const namesOf = (name: (index: number) => string, count: number): Shape =>
  importOf('metadata', `{${Array.from({ length: count }, (_, index) => `"${name(index)}":1`).join()}}`);
const list = (item: string, bytes = ROOM): string => `[${fill(`${item},`, bytes)}${item}]`;
const post = (path: string, body: Shape['body'] = ''): Shape => ({ path, body });
const get = (path: string, headers: Shape['headers'] = {}): Shape => ({ method: 'GET', path, headers });

const AUTHENTICATE = '/v2/auth/authenticate';
const EXISTS = '/v2/auth/tokens/exists?provider_id=slack';

const SHAPES: Readonly<Record<string, Shape>> = {
  'an access token of 1 MB': importOf('access_token', `"${fill('x')}"`),
  'a refresh token of 1 MB in escapes': importOf('refresh_token', `"${fill('\\u00e9')}"`),
  'a provider_id of 1 MB': importOf('provider_id', `"${fill('x')}"`),
  'a number of 1 MB': importOf('expires_in_seconds', fill('9')),
  'metadata: a text of 1 MB': metadataOf(`"${fill('x')}"`),
  'metadata: a text of emoji': metadataOf(`"${fill('😀')}"`),
  'metadata: a text of quotes': metadataOf(`"${fill('\\"')}"`),
  'metadata: a text of lone surrogates': metadataOf(`"${fill('\\ud800')}"`),
  'metadata: a text of U+0000': metadataOf(`"${fill('\\u0000')}"`),
  'metadata: 9,990 long names': namesOf((index) => `${index}`.padEnd(95, 'x'), 9_990),
  'metadata: 9,990 numbers as names': namesOf((index) => `${index * 400_000}`, 9_990),
  'metadata: one name 11,900 times': namesOf(() => 'x', 11_900),
  'metadata: 90,000 names': namesOf(String, 90_000),
  'metadata: 9,990 long numbers': metadataOf(list('9'.repeat(100), 9_990 * 101)),
  'metadata: 190 levels': metadataOf(`${'['.repeat(190)}"${fill('x', 1_000_000)}"${']'.repeat(190)}`),
  'scopes: 1,000 long ones': importOf('scopes', list(`"${'x'.repeat(1_040)}"`, 1_040_000)),
  'scopes: 11,900 numbers': importOf('scopes', list('1', 23_800)),
  'scopes: 500,000 numbers': importOf('scopes', list('1')),
  'brackets alone': { body: fill('[') },
  'blanks alone': { body: fill(' ') },
  'an error of syntax at the end': metadataOf(`"${fill('x')}"!`),
  'a byte that is not UTF-8 at the end': { body: Buffer.concat([Buffer.from(fill('x')), Buffer.of(0xff)]) },
  'another media type': { headers: { 'content-type': 'text/plain' }, body: fill('x') },
  'authenticate: a provider of 1 MB': post(AUTHENTICATE, `{"scopes":[],"provider":"${fill('x')}"}`),
  'authenticate: an agent of 1 MB': post(
    AUTHENTICATE,
    `{"scopes":[],"provider":"slack","agent_id":"${fill('x')}"}`,
  ),
  'authenticate: a token_id of 1 MB': post(
    AUTHENTICATE,
    `{"scopes":[],"provider":"slack","token_id":"${fill('x')}"}`,
  ),
  'connections: an oauth_token_id of 1 MB': post(
    '/v2/auth/agents/a/connections',
    `{"oauth_token_id":"${fill('x')}"}`,
  ),
  'providers: an auth_url of 1 MB': post('/v2/auth/providers', `{"auth_url":"https://x/${fill('%41')}"}`),
  'providers: a client_id of 1 MB': post('/v2/auth/providers', `{"client_id":"${fill('x')}"}`),
  'a form of 64 kB': {
    path: '/v2/auth/callback/slack',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: fill('a=%41&', 65_000),
  },
  'a query of 15 kB': get(`${EXISTS}&${fill('a=%41&', HEADER_ROOM)}`),
  'a path of 15 kB': get(`/v2/auth/agents/${fill('%41', HEADER_ROOM)}/connections`),
  'a bearer token of 15 kB': get(EXISTS, { authorization: `Bearer ${fill('eyJ.', HEADER_ROOM)}` }),
  'an Accept of 15 kB': get(`/connect/${'x'.repeat(64)}`, { accept: fill('a/b;q=0.1,', HEADER_ROOM) }),
  'a Cookie of 15 kB': get(`/connect/${'x'.repeat(64)}`, { cookie: fill('a=b;', HEADER_ROOM) }),
  'a user of 15 kB': get(EXISTS, { 'x-user-id': fill('%41', HEADER_ROOM) }),
};

/** The median of several requests of each kind, because other processes can stop this one. */
export async function measureLoop({ service, hostile }: Arena): Promise<readonly Figure[]> {
  const [caller] = hostile;
  const common = { 'x-api-key': caller?.apiKey ?? '', 'content-type': 'application/json' };
  const figures: Figure[] = [];
  for (const [what, { method = 'POST', path = '/v2/auth/tokens/import', headers, body }] of Object.entries(
    SHAPES,
  )) {
    const blocks: number[] = [];
    let status = 0;
    for (let round = 0; round < ROUNDS; round++) {
      await service.longestBlock();
      const answer = await fetch(service.url + path, {
        method,
        headers: { ...common, ...headers },
        body: body ?? null,
      });
      await answer.arrayBuffer();
      status = answer.status;
      blocks.push(await service.longestBlock());
    }
    const value = medianOf(blocks);
    figures.push({
      name: LOOP,
      what: `${what}: ${status}`,
      quiet: '',
      value: `${value.toFixed(1)} ms`,
      must: `≤ ${MOST_MS} ms`,
      holds: value <= MOST_MS && status < 500,
    });
  }
  return figures;
}
