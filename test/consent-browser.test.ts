/** The whole flow by a person in a real browser, at a real authorization server that is another site. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { type AuthorizationServer, startAuthorizationServer } from './support/authorization-server.ts';
import { describeInChromium, launchChromium } from './support/browser.ts';
import { startVault, type Tenant, type TestVault } from './support/vault.ts';

describeInChromium('a person in Chromium', () => {
  let vault: TestVault;
  let tenant: Tenant;
  let server: AuthorizationServer;
  let browser: Browser;
  let alice: BrowserContext;

  beforeAll(async () => {
    [vault, browser] = await Promise.all([
      startVault({ AUTHORIZATIONS_PER_USER_MAX: '100' }),
      launchChromium(),
    ]);
    [tenant, server] = await Promise.all([
      vault.newTenant(),
      startAuthorizationServer({ redirectUris: [`${vault.url}/v2/auth/callback/real`] }),
    ]);
    const { clientId: client_id, clientSecret: client_secret } = server.client;
    const json = {
      ...{ provider_id: 'real', name: 'Real', client_id, client_secret },
      ...{ auth_url: server.authUrl, token_url: server.tokenUrl },
    };
    const created = await vault.call('POST', '/v2/auth/providers', { key: tenant.apiKey, json });
    if (created.status !== 200) throw new Error(created.text);
  });

  afterAll(async () => {
    await browser.close();
    await Promise.all([vault.close(), server.stop()]);
  });

  beforeEach(async () => {
    alice = await browser.newContext({ javaScriptEnabled: false });
  });

  afterEach(() => alice.close());

  const start = async () => {
    const json = { provider: 'real', scopes: ['read'], force_new: true };
    const { body } = await vault.call('POST', '/v2/auth/authenticate', { key: tenant.apiKey, json });
    const { url, auth_id } = Object(body);
    return { url: String(url), authId: String(auth_id) };
  };

  const statusOf = async (authId: string) => {
    const { body } = await vault.call('GET', `/v2/auth/wait/${authId}?timeout=0`, { key: tenant.apiKey });
    return Object(body).status;
  };

  const heading = (page: Page) => page.locator('h1').innerText();

  /** Goes to the provider's page of consent. */
  async function open(url: string, context = alice): Promise<Page> {
    const page = await context.newPage();
    await page.goto(url);
    await page.getByRole('button').click();
    await page.waitForURL(`${server.issuer}/interaction/**`);
    return page;
  }

  async function answer(page: Page, action: 'consent' | 'refuse'): Promise<void> {
    await page.locator(`form[action$="/${action}"] button`).click();
    await page.waitForURL(`${vault.url}/**`);
  }

  it('consents, and nothing of it stays in the address bar', async () => {
    const { url, authId } = await start();
    const page = await open(url);
    await answer(page, 'consent');
    expect([page.url(), await heading(page)]).toEqual([`${vault.url}/connected`, 'Connected']);
    expect(await statusOf(authId)).toBe('completed');
    await page.reload();
    expect(await heading(page)).toBe('Connected');
    expect(await alice.cookies(vault.url)).toEqual([]);
  });

  it('refuses', async () => {
    const { url, authId } = await start();
    const page = await open(url);
    await answer(page, 'refuse');
    expect([page.url(), await heading(page)]).toEqual([
      `${vault.url}/not-connected/refused`,
      'Not connected',
    ]);
    expect(await statusOf(authId)).toBe('not_found');
  });

  it('closes the window, and may come back by the same link', async () => {
    const { url, authId } = await start();
    await (await open(url)).close();
    expect(await statusOf(authId)).toBe('pending');
    await answer(await open(url), 'consent');
    expect(await statusOf(authId)).toBe('completed');
  });

  it('goes back from the end, and finds a link that is not valid any more', async () => {
    const { url } = await start();
    const page = await open(url);
    await answer(page, 'consent');
    while (!page.url().startsWith(url)) await page.goBack();
    expect(await heading(page)).toBe('This link is not valid any more');
  });

  it('clicks the button twice', async () => {
    const { url, authId } = await start();
    const page = await alice.newPage();
    await page.goto(url);
    await page.getByRole('button').dblclick();
    await page.waitForURL(`${server.issuer}/interaction/**`);
    await answer(page, 'consent');
    expect(await statusOf(authId)).toBe('completed');
  });

  it('connects two accounts in two tabs, the later one first', async () => {
    const [one, two] = [await start(), await start()];
    const [first, second] = [await open(one.url), await open(two.url)];
    await answer(second, 'consent');
    await answer(first, 'consent');
    expect(await Promise.all([statusOf(one.authId), statusOf(two.authId)])).toEqual([
      'completed',
      'completed',
    ]);
  });

  it('finishes nothing in a browser in which nobody pressed the button', async () => {
    const { url, authId } = await start();
    const page = await open(url);
    await alice.clearCookies({ domain: '127.0.0.1' });
    await answer(page, 'consent');
    expect(await heading(page)).toBe('Authorization not found');
    expect(await statusOf(authId)).toBe('pending');
  });

  it('opens an expired link, and comes back too late', async () => {
    const [{ url }, late] = [await start(), await start()];
    const page = await open(late.url);
    await vault
      .db('authorizations')
      .where({ status: 'pending' })
      .update({ expires_at: vault.db.raw('now()') });
    await answer(page, 'consent');
    expect(await heading(page)).toBe('Authorization not found');
    await page.goto(url);
    expect(await heading(page)).toBe('This link is not valid any more');
  });
});
