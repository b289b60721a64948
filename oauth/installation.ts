import type { Outbound } from '../outbound/outbound.ts';
import { isObject, readObject } from './json.ts';

const TIMEOUT_MS = 3_000; // for all pages: a person waits
const MAX_BYTES = 1_048_576; // GitHub's entries have 3 KB, and a page has 100
const MAX_PAGES = 10;

/**
 * Whether the provider's list of the user's installations holds this installation of the client (a GitHub App).
 * Reads up to 10 pages of the list (RFC 8288, relation `next`). It never rejects.
 * @returns false also if the provider does not answer within 3 s, or answers something else
 */
export async function isInstalled(
  request: Outbound['request'],
  { id, listUrl }: { readonly id: number; readonly listUrl: string },
  accessToken: string,
): Promise<boolean> {
  const headers = { accept: 'application/json', authorization: `Bearer ${accessToken}` };
  const asked = { purpose: 'installation', headers, maxBytes: MAX_BYTES } as const;
  const until = performance.now() + TIMEOUT_MS;
  let page: string | undefined = listUrl;
  for (let count = 0; count < MAX_PAGES && page !== undefined; count += 1) {
    const timeoutMs = Math.max(1, Math.round(until - performance.now()));
    const answer = await request({ ...asked, url: page, timeoutMs }).catch(() => undefined);
    if (answer?.status !== 200) return false;
    const installations = readObject(answer.text)?.['installations'];
    if (!Array.isArray(installations)) return false;
    if (installations.some((one) => isObject(one) && one['id'] === id)) return true;
    page = nextPage(listUrl, answer.headers['link']);
  }
  return false;
}

/** The next page. Undefined: there is none, or it is not a page of the same list, which must not get the token. */
function nextPage(listUrl: string, links = ''): string | undefined {
  const [, next] = /<([^<>]*)>[^,<]*;\s*rel="?next"?(?:[;,\s]|$)/i.exec(links) ?? [];
  if (next === undefined || !URL.canParse(next, listUrl)) return undefined;
  const [page, list] = [new URL(next, listUrl), new URL(listUrl)];
  return page.origin === list.origin && page.pathname === list.pathname ? page.href : undefined;
}
