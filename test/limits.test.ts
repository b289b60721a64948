import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { detail, raw, request, statuses } from './support/raw.ts';
import { IMPORT, startVault, type Tenant, type TestVault } from './support/vault.ts';

const BODY = '{"provider_id":"slack","access_token":"x"}';
const WRONG_KEY = `thk_AAAAAA_${'A'.repeat(43)}`;

let vault: TestVault;
let tenant: Tenant;

beforeAll(async () => {
  vault = await startVault({
    BODY_LIMIT_BYTES: '2048',
    HEADER_LIMIT_BYTES: '4096',
    HEADER_LIMIT_COUNT: '20',
    HEADERS_TIMEOUT_SECONDS: '1',
    REQUEST_TIMEOUT_SECONDS: '1',
    DATABASE_POOL_MAX: '1',
    DATABASE_STATEMENT_TIMEOUT_SECONDS: '1',
    DATABASE_ACQUIRE_TIMEOUT_SECONDS: '1',
    AUTH_FAILURES_PER_MINUTE: '5',
    TRUST_PROXY: '1',
  });
  tenant = await vault.newTenant();
});

afterAll(() => vault.close());

const authorized = () => [`X-Api-Key: ${tenant.apiKey}`, 'Content-Type: application/json'];

describe('a request beyond a limit', () => {
  it('of its body gets 413', async () => {
    const big = JSON.stringify({ provider_id: 'slack', access_token: 'x'.repeat(2048) });
    expect(statuses(await raw(vault.port, request(`POST ${IMPORT}`, authorized(), big)))).toEqual([413]);
  });

  it('of the size of its headers gets 431', async () => {
    const answer = await raw(vault.port, request(`POST ${IMPORT}`, [`X-Big: ${'x'.repeat(5000)}`], BODY));
    expect([statuses(answer), detail(answer)]).toEqual([[431], 'Request Header Fields Too Large']);
  });

  it('of the number of its headers gets 431, rather than to lose the last ones', async () => {
    const many = Array.from({ length: 30 }, (_, index) => `X-${index}: y`);
    const answer = await raw(vault.port, request(`POST ${IMPORT}`, [...many, ...authorized()], BODY));
    expect([statuses(answer), detail(answer)]).toEqual([[431], 'Request Header Fields Too Large']);
  });

  it.each([
    ['headers', () => `POST ${IMPORT} HTTP/1.1\r\nHost: x\r\nX-Slow: `],
    ['body', () => request(`POST ${IMPORT}`, [...authorized(), 'Content-Length: 100'])],
  ])('of the time for its %s gets 408 and is cut off', async (_, bytes) => {
    expect(statuses(await raw(vault.port, bytes()))).toEqual([408]);
  });
});

describe('a database that is too slow', () => {
  it('is answered for with 503, and serves again afterwards', async () => {
    const importToken = () => vault.import(tenant.apiKey, { provider_id: 'slack', access_token: 'x' });
    expect(await importToken()).toMatchObject({ status: 200 });
    const locker = vault.outside();
    const lock = await locker.transaction();
    await lock.raw('LOCK TABLE oauth_tokens IN ACCESS EXCLUSIVE MODE');
    const [slow, waiting] = await Promise.all([importToken(), importToken()]);
    await lock.rollback();
    await locker.destroy();
    for (const answer of [slow, waiting]) {
      expect(answer).toMatchObject({ status: 503, body: { detail: 'Service Unavailable' } });
      expect(answer.headers.get('retry-after')).toBe('5');
    }
    expect(await importToken()).toMatchObject({ status: 200 });
  });
});

describe('API keys that cannot be looked up in time', () => {
  it('get 503, and the service goes on', async () => {
    const { apiKey: key } = await vault.newTenant();
    const locker = vault.outside();
    const lock = await locker.transaction();
    await lock.raw('LOCK TABLE api_keys IN ACCESS EXCLUSIVE MODE');
    const refused = await vault.call('GET', '/v2/auth/tokens', { key });
    await lock.rollback();
    await locker.destroy();
    expect(refused).toMatchObject({ status: 503, body: { detail: 'Service Unavailable' } });
    expect(await vault.call('GET', '/v2/auth/tokens', { key })).toMatchObject({ status: 200 });
  });
});

describe('an address that guesses', () => {
  const from = (address: string, headers: Readonly<Record<string, string>>) =>
    vault.call('POST', IMPORT, {
      headers: { 'X-Forwarded-For': address, ...headers },
      json: { provider_id: 'slack', access_token: 'x' },
    });

  it('gets 429 beyond the limit, and when it may try again', async () => {
    const answers = [];
    for (let attempt = 0; attempt < 6; attempt++)
      answers.push(await from('192.0.2.1', { 'X-Api-Key': WRONG_KEY }));
    expect(answers.map(({ status }) => status)).toEqual([401, 401, 401, 401, 401, 429]);
    expect(answers[5]?.body).toEqual({ detail: 'Too Many Requests' });
    expect(Number(answers[5]?.headers.get('retry-after'))).toBeGreaterThan(0);
  });

  it('is still let in with good credentials', async () => {
    expect(await from('192.0.2.1', { 'X-Api-Key': tenant.apiKey })).toMatchObject({ status: 200 });
  });

  it('does not slow another address, nor those who bring no credentials', async () => {
    expect(await from('192.0.2.2', { 'X-Api-Key': WRONG_KEY })).toMatchObject({ status: 401 });
    expect(await from('192.0.2.1', {})).toMatchObject({ status: 401 });
  });

  it('is known by what the proxies of the configured addresses say', async () => {
    const behindProxies = await startVault({
      AUTH_FAILURES_PER_MINUTE: '1',
      TRUST_PROXY: '10.0.0.0/8, loopback',
    });
    const guess = async (forwarded: string) => {
      const headers = { 'X-Forwarded-For': forwarded, 'X-Api-Key': WRONG_KEY };
      return (await behindProxies.call('POST', IMPORT, { headers })).status;
    };
    expect(await guess('192.0.2.1, 10.1.2.3')).toBe(401);
    expect(await guess('192.0.2.2, 10.1.2.3')).toBe(401);
    expect(await guess('192.0.2.9, 192.0.2.1, 10.1.2.3')).toBe(429); // what 192.0.2.1 says is not trusted
    expect(await guess('no address')).toBe(401);
    await behindProxies.close();
  });

  it('is counted as one, in whatever form its address is written', async () => {
    const forms = async (...addresses: string[]) => {
      const behindProxy = await startVault({ AUTH_FAILURES_PER_MINUTE: '1', TRUST_PROXY: 'loopback' });
      const statuses = [];
      for (const address of addresses) {
        const headers = { 'X-Forwarded-For': address, 'X-Api-Key': WRONG_KEY };
        statuses.push((await behindProxy.call('POST', IMPORT, { headers })).status);
      }
      await behindProxy.close();
      return statuses;
    };
    expect(await forms('192.0.2.1', '192.0.2.1:4711', '::ffff:192.0.2.1', '[::FFFF:c000:201]:80')).toEqual([
      401, 429, 429, 429,
    ]);
    expect(
      await forms('2001:db8::1', '2001:DB8:0:0:ffff::2', '[2001:db8::3]:443', '2001:db8:0:1::1'),
    ).toEqual([401, 429, 429, 401]);
    expect(await forms('fe80::1%br-lan', 'fe80::1%eth0.2')).toEqual([401, 429]);
  });

  it('cannot choose its address where no proxy is trusted', async () => {
    const untrusting = await startVault({ AUTH_FAILURES_PER_MINUTE: '1' });
    const guess = (address: string) =>
      untrusting.call('POST', IMPORT, { headers: { 'X-Forwarded-For': address, 'X-Api-Key': WRONG_KEY } });
    expect([(await guess('192.0.2.1')).status, (await guess('192.0.2.2')).status]).toEqual([401, 429]);
    await untrusting.close();
  });
});
