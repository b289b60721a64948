/** A client that does what `langchain_auth` 0.2 (Python) does, call by call: the same paths, fields and expectations. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { type HostileServer, startHostileServer } from './support/hostile-authorization-server.ts';
import { person } from './support/person.ts';
import { startVault, type TestVault } from './support/vault.ts';

let vault: TestVault;
let provider: HostileServer;
let apiKey: string;

beforeAll(async () => {
  [vault, provider] = await Promise.all([startVault(), startHostileServer()]);
  apiKey = (await vault.newTenant()).apiKey;
});

afterAll(async () => {
  await Promise.all([vault.close(), provider.stop()]);
});

/** Every call but `wait` times out after 5 s and wants one status exactly. The client sends `x-api-key` and nothing else. */
async function send(method: string, path: string, { json, status = 200, timeoutMs = 5_000 }: Sent = {}) {
  const response = await fetch(vault.url + path, {
    method,
    headers: { 'x-api-key': apiKey, ...(json && { 'content-type': 'application/json' }) },
    signal: AbortSignal.timeout(timeoutMs),
    ...(json && { body: JSON.stringify(json) }),
  });
  if (response.status !== status) throw new Error(`${response.status} ${await response.text()}`);
  return response.text();
}

interface Sent {
  readonly json?: object;
  readonly status?: number;
  readonly timeoutMs?: number;
}

const call = async (method: string, path: string, sent: Sent = {}) =>
  Object(JSON.parse(await send(method, path, sent)));

/** Members without which the client raises `KeyError`. */
function providerOf(answer: object) {
  for (const name of PROVIDER) expect(answer).toHaveProperty(name);
  return Object(answer);
}
const PROVIDER = [
  ...['id', 'organization_id', 'provider_id', 'name', 'client_id', 'auth_url', 'token_url', 'uses_pkce'],
  ...['created_at', 'updated_at'],
];

/** `Client.authenticate`: a token, or a link and an id. Without LangGraph there is no `agent_id`. */
async function authenticate(provider: string, scopes: readonly string[], agentId?: string) {
  const json = { user_id: 'alice', provider, scopes, ...(agentId && { agent_id: agentId }) };
  const answer = await call('POST', '/v2/auth/authenticate', { json });
  if (answer.status === 'completed') return { token: String(answer.token) };
  return { url: String(answer.url), authId: String(answer.auth_id) };
}

/** `Client.wait_for_completion`: one request, held for as long as it takes; everything but a token is a failure. */
async function waitForCompletion(authId: string, timeout = 300): Promise<string> {
  const path = `/v2/auth/wait/${authId}?timeout=${timeout}`; // the id is put into the URL without quoting
  const answer = await call('GET', path, { timeoutMs: (timeout + 10) * 1_000 });
  if (answer.status !== 'completed') throw new Error(answer.status);
  return String(answer.token);
}

/** `Client.create_oauth_provider`, and `authenticate` until a person has consented. */
async function connected(providerId: string): Promise<string> {
  await call('POST', '/v2/auth/providers', { json: settings(providerId) });
  const { url = '', authId = '' } = await authenticate(providerId, ['read']);
  expect(authId).toMatch(/^[A-Za-z0-9._~-]+$/);
  const waiting = waitForCompletion(authId);
  await person().connect(url);
  return waiting;
}

const settings = (providerId: string) => ({
  provider_id: providerId,
  name: 'GitHub',
  client_id: 'client',
  client_secret: 'secret',
  auth_url: provider.authUrl(),
  token_url: provider.tokenUrl(),
});

it('gets a link, waits for the person, and has the token', async () => {
  const token = await connected('github-local');
  expect(provider.secrets).toContain(token);
  expect(await authenticate('github-local', ['read'])).toEqual({ token });
  // LangGraph sends the assistant's id with every call.
  expect(await authenticate('github-local', ['read'], 'an assistant')).toEqual({ token });
});

it('raises when nobody consents in time, and for an id that is unknown', async () => {
  const { authId = '' } = await authenticate('github-local', ['other']);
  await expect(waitForCompletion(authId, 1)).rejects.toThrow('timeout');
  await expect(waitForCompletion('unknown')).rejects.toThrow('not_found');
});

it('creates, reads, lists, changes and deletes a provider', async () => {
  const json = { ...settings('crud'), uses_pkce: true, code_challenge_method: 'S256' };
  const created = providerOf(await call('POST', '/v2/auth/providers', { json }));
  expect(created).toMatchObject({ provider_id: 'crud', uses_pkce: true, code_challenge_method: 'S256' });
  expect(providerOf(await call('GET', '/v2/auth/providers/crud'))).toEqual(created);
  const all: object[] = await call('GET', '/v2/auth/providers');
  expect(all.map(providerOf)).toContainEqual(created);
  const changed = { json: { name: 'Forge', token_url: provider.tokenUrl('slack') } };
  expect(providerOf(await call('PATCH', '/v2/auth/providers/crud', changed)).name).toBe('Forge');
  expect(await call('DELETE', '/v2/auth/providers/crud')).toHaveProperty('message');
  await expect(call('GET', '/v2/auth/providers/crud')).rejects.toThrow('404');
});

it('asks whether there is a token, lists tokens, and revokes them', async () => {
  await connected('revocable');
  const exists = () => call('GET', '/v2/auth/tokens/exists?provider_id=revocable');
  expect(await exists()).toEqual({ has_token: true });
  expect(await call('GET', '/v2/auth/tokens?provider_id=revocable')).toHaveLength(1);
  const { message, provider_id } = await call('DELETE', '/v2/auth/tokens?provider_id=revocable');
  expect([typeof message, provider_id]).toEqual(['string', 'revocable']);
  expect(await exists()).toEqual({ has_token: false });
});

it('connects an agent to a token, uses it, and deletes both', async () => {
  const token = await connected('of-agent');
  const [{ id }] = await call('GET', '/v2/auth/tokens?provider_id=of-agent');
  const connections = '/v2/auth/agents/6f1d8a52-1b7e-4ed1-9d31-2f0e6f7a0c11/connections';
  const connection = await call('POST', connections, { json: { oauth_token_id: id }, status: 201 });
  expect(connection).toMatchObject({
    oauth_token_id: id,
    provider_id: 'of-agent',
    scopes: ['read', 'write'],
  });
  expect((await call('GET', connections)).data).toEqual([connection]);
  expect(await authenticate('of-agent', [], connection.agent_id)).toEqual({ token });
  expect(await send('DELETE', `${connections}/${connection.id}`, { status: 204 })).toBe('');
  expect((await call('GET', connections)).data).toEqual([]);
  expect(await send('DELETE', `/v2/auth/tokens/${id}`, { status: 204 })).toBe('');
  expect(await call('GET', '/v2/auth/tokens?provider_id=of-agent')).toEqual([]);
});
