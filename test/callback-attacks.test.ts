/** Attacks on a consent that is under way. None may finish it, and most must leave it usable for its person. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type HostileServer, startHostileServer } from './support/hostile-authorization-server.ts';
import { person, providerOf } from './support/person.ts';
import { startVault, type Tenant, type TestVault } from './support/vault.ts';

let vault: TestVault;
let provider: HostileServer;
let tenant: Tenant;

beforeAll(async () => {
  [vault, provider] = await Promise.all([
    startVault({ AUTHORIZATIONS_PER_USER_MAX: '1000' }),
    startHostileServer(),
  ]);
  tenant = await vault.newTenant();
  await newProvider('example');
  await newProvider('another');
});

afterAll(async () => {
  await Promise.all([vault.close(), provider.stop()]);
});

async function newProvider(
  id: string,
  options: Parameters<typeof providerOf>[2] = {},
  at = vault,
  of = tenant,
) {
  const { status, text } = await at.call('POST', '/v2/auth/providers', {
    key: of.apiKey,
    json: providerOf(provider, id, options),
  });
  if (status !== 200) throw new Error(text);
}

async function start(id = 'example', at = vault, key = tenant.apiKey) {
  const json = { provider: id, scopes: [], force_new: true };
  const { url, auth_id } = Object((await at.call('POST', '/v2/auth/authenticate', { key, json })).body);
  return { url: String(url), authId: String(auth_id) };
}

/** A link that its person has followed until the provider sends the browser back. */
async function atCallback(id = 'example') {
  const started = await start(id);
  const alice = person();
  return { ...started, alice, callback: await alice.untilCallback(started.url) };
}

const status = async (authId: string, at = vault, key = tenant.apiKey) =>
  Object((await at.call('GET', `/v2/auth/wait/${authId}?timeout=0`, { key })).body).status;

const changed = (callback: string, change: (url: URL) => void): string => {
  const url = new URL(callback);
  change(url);
  return url.href;
};

/** The honest callback still finishes. */
async function expectUsable({ alice, callback }: { alice: ReturnType<typeof person>; callback: string }) {
  const end = await alice.go(callback);
  expect(end.headers.get('location')).toBe(`${vault.url}/connected`);
}

async function expectNotFound(response: Response) {
  expect(response.status).toBe(400);
  expect(response.headers.get('content-type')).toMatch(/^text\/html/);
  const text = await response.text();
  expect(text).toContain('Authorization not found');
  return text;
}

describe('a browser with very many of our cookies', () => {
  it('loses the oldest of them, and none of its ten newest', async () => {
    const alice = person();
    const names = Array.from({ length: 13 }, (_, index) => `__Host-th_c_${String(index).padStart(8, '0')}`);
    for (const name of names) alice.cookies.set(name, 'x');
    alice.cookies.set('th_c_of_another', 'x');
    const { url } = await start();
    const callback = await alice.untilCallback(url);
    const left = [...alice.cookies.keys()];
    expect(left).toEqual(expect.arrayContaining([...names.slice(3), 'th_c_of_another']));
    expect(left).toHaveLength(12);
    await expectUsable({ alice, callback });
  });
});

describe('tokens that cannot be stored at once', () => {
  it('are stored as soon as the database takes them', async () => {
    const { alice, callback, authId } = await atCallback();
    await vault.db.raw('ALTER TABLE oauth_tokens ADD CONSTRAINT never CHECK (false) NOT VALID');
    const end = alice.go(callback);
    try {
      expect(await Promise.race([end, setTimeout(500, 'waiting')])).toBe('waiting');
    } finally {
      await vault.db.raw('ALTER TABLE oauth_tokens DROP CONSTRAINT never');
    }
    expect((await end).headers.get('location')).toBe(`${vault.url}/connected`);
    expect(await status(authId)).toBe('completed');
  });
});

describe('a link that somebody else opens', () => {
  it('finishes only in the browser that pressed the button', async () => {
    const mallory = await atCallback();
    await expectNotFound(await person().go(mallory.callback));
    await expectUsable(mallory);
  });

  it('finishes once where two browsers have pressed the button', async () => {
    const { url, authId } = await start();
    const browsers = await Promise.all(
      [person(), person()].map(async (one) => ({ one, callback: await one.untilCallback(url) })),
    );
    const answers = await Promise.all(browsers.map(({ one, callback }) => one.go(callback)));
    expect(answers.map(({ status }) => status).sort()).toEqual([303, 400]);
    expect(await status(authId)).toBe('completed');
  });

  it('is not pressed by a page of another site, nor by one that hides its origin', async () => {
    const { url } = await start();
    for (const headers of [
      { 'Sec-Fetch-Site': 'cross-site' },
      { 'Sec-Fetch-Site': 'same-site' },
      { 'Sec-Fetch-Site': 'none' },
      { 'Sec-Fetch-Site': 'cross-site', Origin: vault.url },
      { Origin: 'https://evil.example' },
      { Origin: 'null' },
      {},
    ]) {
      const bob = person();
      const { response } = await bob.press(url, Object(headers));
      expect([response.status, bob.cookies.size]).toEqual([403, 0]);
    }
    const { response } = await person().press(url, { Origin: vault.url });
    expect(response.status).toBe(200);
  });

  it('names whom it is for, and starts nothing by itself', async () => {
    const { url, authId } = await start();
    const preview = await person().go(url);
    expect(preview.headers.getSetCookie()).toEqual([]);
    expect(await preview.text()).toContain('alice');
    expect(await status(authId)).toBe('pending');
  });

  it('is gone when its ticket was invented or changed', async () => {
    const { url } = await start();
    const flipped = `${url.slice(0, -1)}${url.endsWith('A') ? 'B' : 'A'}`;
    for (const link of [flipped, `${vault.url}/connect/x`, `${vault.url}/connect/${'A'.repeat(64)}`]) {
      expect((await person().go(link)).status).toBe(410);
    }
  });
});

describe('a state', () => {
  it('is used once, however many use it at once', async () => {
    const { alice, callback } = await atCallback();
    const before = provider.tokenRequests.length;
    const answers = await Promise.all(Array.from({ length: 8 }, () => alice.go(callback)));
    expect(answers.filter(({ status }) => status === 303)).toHaveLength(1);
    expect(provider.tokenRequests.length - before).toBe(1);
  });

  it('is worth nothing at the callback of another provider', async () => {
    const whole = await atCallback();
    const elsewhere = changed(whole.callback, (url) => {
      url.pathname = url.pathname.replace('example', 'another');
    });
    await expectNotFound(await whole.alice.go(elsewhere));
    await expectUsable(whole);
  });

  it('ends with a change of the settings of its provider', async () => {
    await newProvider('changing');
    const { alice, callback, url } = await atCallback('changing');
    await vault.call('PATCH', '/v2/auth/providers/changing', {
      key: tenant.apiKey,
      json: { client_id: 'new' },
    });
    await expectNotFound(await alice.go(callback));
    expect((await person().go(url)).status).toBe(410);
  });

  it('never reaches the database when it was invented', async () => {
    const queries: unknown[] = [];
    // The background passes go on.
    const listener = ({ sql }: { sql: string }) => void (sql.includes('authorizations') && queries.push(sql));
    vault.db.on('query', listener);
    for (const state of ['', 'x', 'A'.repeat(86), 'A'.repeat(4000)]) {
      await expectNotFound(await person().go(`${vault.url}/v2/auth/callback/example?code=c&state=${state}`));
    }
    expect(queries).toEqual([]);
    const { callback } = await atCallback();
    queries.length = 0;
    await expectNotFound(await person().go(callback));
    expect(queries).toHaveLength(1);
    vault.db.removeListener('query', listener);
  });

  it('of an expired authorization finishes nothing', async () => {
    const { alice, callback, authId } = await atCallback();
    await vault
      .db('authorizations')
      .where({ id: authId })
      .update({ expires_at: vault.db.raw('now()') });
    await expectNotFound(await alice.go(callback));
  });
});

describe('a callback that no honest provider sends', () => {
  it.each<[string, (url: URL) => void]>([
    ['another issuer', ({ searchParams }) => searchParams.set('iss', 'https://evil.example')],
    ['an issuer that is no URL', ({ searchParams }) => searchParams.set('iss', 'x')],
    ['a repeated code', ({ searchParams }) => searchParams.append('code', 'another')],
    ['a repeated state', ({ searchParams }) => searchParams.append('state', 'another')],
    ['a repeated issuer', ({ searchParams }) => searchParams.append('iss', 'https://evil.example')],
    ['a code and an error', ({ searchParams }) => searchParams.set('error', 'access_denied')],
    ['neither code nor error', ({ searchParams }) => searchParams.delete('code')],
    ['a code of more than 4 KiB', ({ searchParams }) => searchParams.set('code', 'x'.repeat(4097))],
  ])('with %s changes nothing', async (_, change) => {
    const whole = await atCallback();
    await expectNotFound(await whole.alice.go(changed(whole.callback, change)));
    await expectUsable(whole);
  });

  it('shows and keeps nothing of its query', async () => {
    const { alice, callback } = await atCallback();
    const markup = '<script>alert(1)</script>';
    const url = changed(callback, ({ searchParams }) => {
      searchParams.append('state', markup);
      searchParams.set('error_description', markup);
    });
    expect(await expectNotFound(await alice.go(url))).not.toContain('alert');
  });

  it('is not finished by a browser that only prepares a page', async () => {
    const whole = await atCallback();
    for (const purpose of ['prefetch', 'prefetch;prerender']) {
      const { status } = await whole.alice.go(whole.callback, { headers: { 'Sec-Purpose': purpose } });
      expect(status).toBe(503);
    }
    for (const method of ['HEAD', 'OPTIONS'])
      expect((await whole.alice.go(whole.callback, { method })).status).toBe(405);
    await expectUsable(whole);
  });

  it('does not follow the Host header', async () => {
    const { url, authId } = await start();
    const alice = person();
    const callback = await alice.untilCallback(url);
    const end = await alice.go(callback, { headers: { 'X-Forwarded-Host': 'evil.example' } });
    expect(end.headers.get('location')).toBe(`${vault.url}/connected`);
    expect(await status(authId)).toBe('completed');
  });
});

describe('a request that cannot be served', () => {
  const OF_CHROMIUM = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8';

  it.each<[string, number, string, RequestInit?]>([
    ['/v2/auth/setup/example?installation_id=x', 422, 'This address cannot be used'],
    ['/v2/auth/setup/example?state=%00', 422, 'This address cannot be used'],
    ['/v2/auth/callback/example?state=%00', 422, 'This address cannot be used'],
    ['/v2/auth/callback/exam%00ple?state=s', 422, 'This address cannot be used'],
    [
      '/v2/auth/callback/example',
      422,
      'This address cannot be used',
      { method: 'POST', body: new URLSearchParams({ code: 'c'.repeat(5_000) }) },
    ],
    ['/v2/auth/callback/example', 503, 'Not available just now', { headers: { 'Sec-Purpose': 'prefetch' } }],
  ])('%s is %s: a page for a person, JSON for a program', async (path, status, title, options = {}) => {
    const [ofPerson, ofProgram] = await Promise.all(
      [OF_CHROMIUM, '*/*'].map((Accept) =>
        fetch(vault.url + path, { ...options, headers: { ...options.headers, Accept } }),
      ),
    );
    expect(ofPerson?.status).toBe(status);
    expect(ofPerson?.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(await ofPerson?.text()).toContain(`<h1>${title}</h1>`);
    expect(ofProgram?.status).toBe(status);
    expect(Object(await ofProgram?.json())).toHaveProperty('detail');
  });
});

describe('a form that the browser posts (response_mode=form_post)', () => {
  it('goes on to the GET, which has the cookie', async () => {
    const { alice, callback } = await atCallback();
    const { origin, pathname, searchParams } = new URL(callback);
    searchParams.set('error_description', 'not forwarded');
    const posted = await person().go(origin + pathname, { method: 'POST', body: searchParams });
    expect(posted.status).toBe(303);
    const location = posted.headers.get('location') ?? '';
    expect(location).not.toContain('error_description');
    const end = await alice.go(location);
    expect(end.headers.get('location')).toBe(`${vault.url}/connected`);
  });

  it('goes on to an escaped address, whatever provider the path names', async () => {
    const body = new URLSearchParams({ code: 'c', state: 's' });
    const path = '/v2/auth/callback/%F0%9F%99%82%0D%0A';
    const { status, headers } = await person().go(vault.url + path, { method: 'POST', body });
    expect([status, headers.get('location')]).toEqual([303, `${vault.url}${path}?code=c&state=s`]);
  });
});

describe('an application that finishes by itself', () => {
  const finish = (key: string, callback: string, id = 'example') => {
    const { code, state } = Object.fromEntries(new URL(callback).searchParams);
    return vault.call('POST', `/v2/auth/callback/${id}`, { key, json: { code, state } });
  };

  it('needs credentials of the user, and gets no token', async () => {
    const { callback, authId } = await atCallback();
    const bob = await vault.newKey(tenant, { userId: 'bob' });
    const foreign = (await vault.newTenant()).apiKey;
    for (const key of [bob, foreign]) {
      const { status, body } = await finish(key, callback);
      expect([status, body]).toEqual([404, { detail: 'Authorization not found' }]);
    }
    const { status, body } = await finish(tenant.apiKey, callback);
    expect([status, body]).toEqual([200, { status: 'completed', auth_id: authId, provider_id: 'example' }]);
    expect((await finish(tenant.apiKey, callback)).status).toBe(404);
  });

  it('is told that the code was refused', async () => {
    const { callback } = await atCallback();
    const wrong = changed(callback, ({ searchParams }) => searchParams.set('code', 'wrong'));
    const { status, body } = await finish(tenant.apiKey, wrong);
    expect([status, body]).toEqual([400, { detail: 'The provider refused the authorization code' }]);
  });
});

describe('settings', () => {
  it('CALLBACK_BRIDGE_URL hands code, state and issuer on, and finishes nothing', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bridge-'));
    const PROVIDER_CATALOGUE_FILE = join(folder, 'catalogue.json');
    const entry = {
      ...{ name: 'market', displayName: 'Market', match: [new URL(provider.url).host] },
      ...{ issuer: provider.url, sendsIssuer: true, callbackRenames: { market_code: 'code' } },
    };
    writeFileSync(PROVIDER_CATALOGUE_FILE, JSON.stringify([entry]));
    const bridged = await startVault({
      CALLBACK_BRIDGE_URL: 'https://app.example/callback?from=vault',
      PROVIDER_CATALOGUE_FILE,
    });
    try {
      const own = await bridged.newTenant();
      await newProvider('example', {}, bridged, own);
      const { url, authId } = await start('example', bridged, own.apiKey);
      const callback = await person().untilCallback(url);
      const answer = await person().go(callback.replace('?code=', '?market_code='));
      const location = new URL(answer.headers.get('location') ?? '');
      const { code, state } = Object.fromEntries(new URL(callback).searchParams);
      expect([answer.status, location.origin]).toEqual([303, 'https://app.example']);
      const json = { code, state, iss: provider.url };
      expect(Object.fromEntries(location.searchParams)).toEqual({ from: 'vault', ...json });
      expect(await status(authId, bridged, own.apiKey)).toBe('pending');
      const finish = (iss: string) =>
        bridged.call('POST', '/v2/auth/callback/example', { key: own.apiKey, json: { ...json, iss } });
      expect((await finish('https://evil.example')).status).toBe(404);
      expect((await finish(json.iss)).status).toBe(200);
    } finally {
      await bridged.close();
      rmSync(folder, { recursive: true });
    }
  });

  it('CONNECT_PAGE=off answers the URL of the provider', async () => {
    const direct = await startVault({ CONNECT_PAGE: 'off' });
    try {
      const own = await direct.newTenant();
      await newProvider('example', {}, direct, own);
      const { url } = await start('example', direct, own.apiKey);
      expect(url).toMatch(new RegExp(`^${provider.url}`));
      const alice = person();
      const end = await alice.go(await alice.consent(url));
      expect(end.headers.get('location')).toBe(`${direct.url}/connected`);
    } finally {
      await direct.close();
    }
  });

  it('AUTHORIZATIONS_PER_ORGANIZATION_MAX limits what is pending, until a person has finished', async () => {
    const limited = await startVault({ AUTHORIZATIONS_PER_ORGANIZATION_MAX: '2' });
    try {
      const [own, neighbour] = [await limited.newTenant(), await limited.newTenant()];
      await newProvider('example', {}, limited, own);
      const ask = (key: string, provider: string) =>
        limited.call('POST', '/v2/auth/authenticate', {
          key,
          json: { provider, scopes: [], force_new: true },
        });
      const first = await ask(own.apiKey, 'example');
      const bob = await limited.newKey(own, { userId: 'bob' });
      expect((await ask(bob, 'example')).status).toBe(200);
      expect((await ask(bob, 'example')).status).toBe(429);
      expect((await ask(neighbour.apiKey, 'slack')).status).toBe(200);
      await person().connect(String(Object(first.body).url));
      expect((await ask(bob, 'example')).status).toBe(200);
    } finally {
      await limited.close();
    }
  });

  it('WAITERS_PER_KEY_MAX limits how many requests wait, which leave when their client does', async () => {
    const limited = await startVault({ WAITERS_PER_KEY_MAX: '3' });
    try {
      const own = await limited.newTenant();
      await newProvider('example', {}, limited, own);
      const { authId } = await start('example', limited, own.apiKey);
      const waiting = new AbortController();
      const held = Array.from({ length: 3 }, () =>
        fetch(`${limited.url}/v2/auth/wait/${authId}?timeout=60`, {
          headers: { 'X-Api-Key': own.apiKey },
          signal: waiting.signal,
        }).catch(() => undefined),
      );
      const look = () =>
        limited
          .call('GET', `/v2/auth/wait/${authId}?timeout=0`, { key: own.apiKey })
          .then(({ status }) => status);
      while ((await look()) !== 429);
      waiting.abort();
      await Promise.all(held);
      while ((await look()) === 429);
    } finally {
      await limited.close();
    }
  });
});
