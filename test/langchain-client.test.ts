/** A client that does what `langchain_auth` 0.2 (Python) does, call by call. */
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

/** Every call but `wait` times out after 5 s and wants status 200 exactly. It sends `x-api-key` and nothing else. */
async function call(method: string, path: string, json?: object, timeoutMs = 5_000) {
  const response = await fetch(vault.url + path, {
    method,
    headers: { 'x-api-key': apiKey, ...(json && { 'content-type': 'application/json' }) },
    signal: AbortSignal.timeout(timeoutMs),
    ...(json && { body: JSON.stringify(json) }),
  });
  if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`);
  return Object(await response.json());
}

/** `Client.authenticate`: a token, or a link and an id. */
async function authenticate(providerId: string, scopes: readonly string[], userId: string) {
  const json = { provider: providerId, scopes, user_id: userId, ls_user_id: null, agent_id: null };
  const answer = await call('POST', '/v2/auth/authenticate', json);
  if (answer.status === 'completed') return { token: String(answer.token) };
  return { url: String(answer.url), authId: String(answer.auth_id) };
}

/** `Client.wait_for_completion`: one request, held for as long as it takes; everything but a token is a failure. */
async function waitForCompletion(authId: string, timeout = 300): Promise<string> {
  const path = `/v2/auth/wait/${authId}?timeout=${timeout}`; // the id is put into the URL without quoting
  const answer = await call('GET', path, undefined, (timeout + 10) * 1_000);
  if (answer.status !== 'completed') throw new Error(answer.status);
  return String(answer.token);
}

it('creates a provider, gets a link, waits for the person, and has the token', async () => {
  const created = await call('POST', '/v2/auth/providers', {
    provider_id: 'github-local',
    name: 'GitHub',
    client_id: 'client',
    client_secret: 'secret',
    auth_url: provider.authUrl(),
    token_url: provider.tokenUrl(),
  });
  expect(created.provider_id).toBe('github-local');
  const { url = '', authId = '' } = await authenticate('github-local', ['read'], 'alice');
  expect(authId).toMatch(/^[A-Za-z0-9._~-]+$/);
  const waiting = waitForCompletion(authId);
  await person().connect(url);
  const token = await waiting;
  expect(provider.secrets).toContain(token);
  expect(await authenticate('github-local', ['read'], 'alice')).toEqual({ token });
});

it('lists providers and tokens', async () => {
  expect(await call('GET', '/v2/auth/providers')).toMatchObject([{}, { provider_id: 'github-local' }]);
  expect(await call('GET', '/v2/auth/tokens?provider_id=github-local')).toHaveLength(1);
});

it('raises when nobody consents in time, and for an id that is unknown', async () => {
  const { authId = '' } = await authenticate('github-local', ['other'], 'alice');
  await expect(waitForCompletion(authId, 1)).rejects.toThrow('timeout');
  await expect(waitForCompletion('unknown')).rejects.toThrow('not_found');
});
