import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import axe from 'axe-core';
import fc from 'fast-check';
import type { Browser, BrowserContextOptions } from 'playwright-core';
import { connectPage, goingOnPage } from '../server/pages/connect.ts';
import { html, htmlText } from '../server/pages/html.ts';
import {
  foreignFormPage,
  gonePage,
  malformedPage,
  notFoundPage,
  outcomePages,
  refusalPath,
  setupPages,
  unavailablePage,
} from '../server/pages/outcomes.ts';
import type { Page } from '../server/pages/page.ts';
import { describeInChromium, launchChromium } from './support/browser.ts';

const HOSTILE = `"><script>document.title='owned'</script><img src=x onerror=alert(1)>' & ${'\u202e'}`;

const connect = (text: string, scopes: readonly string[] = [text]) =>
  connectPage({
    provider: text,
    authorizationUrl: new URL('https://github.com/login/oauth/authorize?prompt=consent'),
    organization: text,
    user: text,
    scopes,
  });

const github = connectPage({
  provider: 'GitHub',
  authorizationUrl: new URL('https://github.com/login/oauth/authorize'),
  organization: 'Acme Industries',
  user: 'alice@example.com',
  scopes: ['repo', 'read:org', `https://www.googleapis.com/auth/${'a'.repeat(200)}`],
});

const PAGES: Readonly<Record<string, Page>> = {
  '/connect': github,
  '/connect/none': connect('GitHub', []),
  '/connect/long': connect('x'.repeat(255)),
  '/connect/hostile': connect(HOSTILE),
  '/not-found': notFoundPage,
  '/gone': gonePage,
  '/foreign-form': foreignFormPage,
  '/malformed': malformedPage,
  '/unavailable': unavailablePage,
  ...outcomePages,
  ...Object.fromEntries(Object.entries(setupPages).map(([name, page]) => [`/setup/${name}`, page])),
};

const isForm = (path: string) => path.startsWith('/connect') && path !== '/connected';

describe('HTML', () => {
  it('escapes every string for element content and for quoted attributes', () => {
    const decoded = (text: string) =>
      text.replace(/&(?:amp|lt|gt|quot|#39);/g, (entity) => {
        const at = ['&amp;', '&lt;', '&gt;', '&quot;', '&#39;'].indexOf(entity);
        return '&<>"\''.charAt(at);
      });
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const [, attribute = '', content = ''] =
          /^<p title="([^"<>']*)">([^"<>']*)<\/p>$/s.exec(htmlText(html`<p title="${text}">${text}</p>`)) ??
          [];
        expect([decoded(attribute), decoded(content)]).toEqual([text, text]);
      }),
    );
  });

  it('nests HTML as it is, joins arrays, writes numbers, and leaves undefined out', () => {
    const items = ['<a>', 2].map((item) => html`<li>${item}</li>`);
    expect(htmlText(html`<ul>${items}</ul>${undefined}${['&', 1]}`)).toBe(
      '<ul><li>&lt;a&gt;</li><li>2</li></ul>&amp;1',
    );
  });

  it('is made by nothing that came as JSON', () => {
    const forged = JSON.parse('{"markup":"<b>","Symbol(markup)":"<b>","text":"<b>"}');
    expect(() => htmlText(html`<p>${forged}</p>`)).toThrow(TypeError);
  });
});

describe('a page', () => {
  it.each(Object.entries(PAGES))('%s allows its own style and nothing else', (path, { headers }) => {
    const { 'Content-Security-Policy': policy, ...others } = headers;
    expect(policy).toMatch(
      isForm(path)
        ? /^default-src 'none'; style-src 'sha256-[\w+/]{43}='; form-action 'self'; base-uri 'none'; frame-ancestors 'none'$/
        : /^default-src 'none'; style-src 'sha256-[\w+/]{43}='; form-action 'none'; base-uri 'none'; frame-ancestors 'none'$/,
    );
    expect(others).toEqual({
      'Cache-Control': 'no-store',
      'Referrer-Policy': isForm(path) ? 'same-origin' : 'no-referrer',
      'X-Frame-Options': 'DENY',
    });
  });

  it.each(Object.entries(PAGES))('%s has a title that repeats nothing', (_path, { html }) => {
    expect(/<title>(.*)<\/title>/.exec(htmlText(html))?.[1]).toMatch(/^[A-Z][a-z ]+$/);
  });

  it('goes on to web addresses only', () => {
    const url = new URL('javascript:alert(1)');
    expect(() => goingOnPage({ provider: 'GitHub', url })).toThrow('not a web address');
  });

  it('has one fixed page for each kind of refusal', () => {
    expect(refusalPath('access_denied')).toBe('/not-connected/refused');
    expect(refusalPath('invalid_scope')).toBe('/not-connected/misconfigured');
    expect(refusalPath('temporarily_unavailable')).toBe('/not-connected/unavailable');
    expect(refusalPath('<b>constructor</b>')).toBe('/not-connected/failed');
    expect(refusalPath('constructor')).toBe('/not-connected/failed');
  });
});

interface Site {
  readonly url: string;
  readonly requests: IncomingMessage[];
  readonly server: Server;
}

async function serve(
  hostname: string,
  answer: (request: IncomingMessage) => Page | undefined,
): Promise<Site> {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    const page = answer(request);
    // A browser stays where it is on a 204.
    if (page === undefined) response.writeHead(204).end();
    else
      response
        .writeHead(200, { ...page.headers, 'Content-Type': 'text/html; charset=utf-8' })
        .end(htmlText(page.html));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { url: `http://${hostname}:${address.port}`, requests, server };
}

describeInChromium('pages in Chromium', () => {
  let browser: Browser;
  let site: Site;
  let provider: Site;

  beforeAll(async () => {
    browser = await launchChromium();
    provider = await serve('localhost', ({ url }) => (url === '/stay' ? undefined : setupPages.updated));
    const goingOn = (path: string) => goingOnPage({ provider: HOSTILE, url: new URL(provider.url + path) });
    site = await serve('127.0.0.1', ({ method, url = '' }) => {
      if (method === 'POST') return goingOn(`/authorize?a="1'&b=<2>;url=x`);
      return url === '/going-on' ? goingOn('/stay') : PAGES[url];
    });
  });

  afterAll(async () => {
    await browser?.close();
    for (const { server } of [site, provider].filter((started) => started !== undefined)) {
      server.closeAllConnections();
      server.close();
    }
  });

  async function open(path: string, options: BrowserContextOptions) {
    const context = await browser.newContext(options);
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on('console', (message) => complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(error.message));
    await page.goto(site.url + path);
    return { page, complaints, close: () => context.close() };
  }

  const looks = [360, 1280].flatMap((width) =>
    (['light', 'dark'] as const).map((colorScheme) => ({ width, colorScheme })),
  );

  it.each(looks)('are accessible and fit at $width pixels, $colorScheme', async ({ width, colorScheme }) => {
    const { page, complaints, close } = await open('/connect', {
      viewport: { width, height: 740 },
      colorScheme,
    });
    for (const path of [
      '/connect',
      '/connect/none',
      '/connect/long',
      '/connect/hostile',
      '/going-on',
      '/gone',
    ]) {
      await page.goto(site.url + path);
      await page.evaluate(axe.source);
      const found = await page.evaluate(
        'axe.run(document).then(({ violations, incomplete }) => [...violations, ...incomplete].map(({ id }) => id))',
      );
      expect([path, found]).toEqual([path, []]);
      expect([path, await page.evaluate('document.documentElement.scrollWidth')]).toEqual([path, width]);
    }
    expect(complaints).toEqual([]);
    await close();
  });

  it('show hostile text as text', async () => {
    const { page, close } = await open('/connect/hostile', {});
    expect(await page.title()).toBe('Connect an account');
    expect(await page.locator('script, img').count()).toBe(0);
    expect(await page.locator('dd bdi').allTextContents()).toEqual([HOSTILE, HOSTILE, 'github.com', HOSTILE]);
    await close();
  });

  it('lead to the provider without scripts: the POST names our origin, the provider is told nothing', async () => {
    const { page, complaints, close } = await open('/connect', { javaScriptEnabled: false });
    site.requests.length = 0;
    provider.requests.length = 0;
    await page.getByRole('button', { name: 'Continue to GitHub' }).click();
    await page.waitForURL(`${provider.url}/**`);
    expect(site.requests.map(({ method, url }) => [method, url])).toEqual([['POST', '/connect']]);
    expect(site.requests[0]?.headers).toMatchObject({ origin: site.url, 'sec-fetch-site': 'same-origin' });
    expect(provider.requests[0]?.url).toBe(`/authorize?a=%221%27&b=%3C2%3E;url=x`);
    expect(provider.requests[0]?.headers.referer).toBeUndefined();
    expect(complaints).toEqual([]);
    await close();
  });
});
