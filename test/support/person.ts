import type { HostileServer } from './hostile-authorization-server.ts';

/** A person at a browser. The browser keeps cookies, and follows redirects one step at a time. */
export function person(browserHeaders: Readonly<Record<string, string>> = {}) {
  const cookies = new Map<string, string>();

  async function go(url: string, options: RequestInit = {}): Promise<Response> {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const headers = { ...browserHeaders, ...(cookie !== '' && { cookie }), ...options.headers };
    const response = await fetch(url, { redirect: 'manual', ...options, headers });
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (/max-age=0/i.test(line)) cookies.delete(name);
      else cookies.set(name, value);
    }
    return response;
  }

  /** Presses the button of the connect page. @returns the answer, and the URL to which it goes on */
  async function press(
    url: string,
    headers: Readonly<Record<string, string>> = { 'Sec-Fetch-Site': 'same-origin' },
  ) {
    const response = await go(url, { method: 'POST', headers });
    const text = await response.text();
    const next = /content="0;url=([^"]*)"/.exec(text)?.[1]?.replaceAll('&amp;', '&') ?? '';
    return { response, text, next };
  }

  /** Consents at the provider. @returns the callback's URL */
  async function consent(providerUrl: string): Promise<string> {
    return (await go(providerUrl)).headers.get('location') ?? '';
  }

  return {
    cookies,
    go,
    press,
    consent,
    /** Goes from the link to the callback's URL, and does not open that. */
    async untilCallback(url: string): Promise<string> {
      return consent((await press(url)).next);
    },
    /** Goes the whole way. @returns the callback's answer */
    async connect(url: string): Promise<Response> {
      return go(await consent((await press(url)).next));
    },
  };
}

/** A provider of the vault whose endpoints are the hostile server's. */
export const providerOf = (
  server: HostileServer,
  providerId: string,
  {
    authMode,
    tokenMode,
    ...fields
  }: { authMode?: string; tokenMode?: string; [field: string]: unknown } = {},
) => ({
  provider_id: providerId,
  name: 'Example',
  client_id: 'client',
  client_secret: 'client-secret',
  auth_url: server.authUrl(authMode),
  token_url: server.tokenUrl(tokenMode),
  ...fields,
});
