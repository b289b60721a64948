import type { PendingAuthorization } from '../db/consents.ts';
import { PageError } from '../server/errors.ts';
import { connectPage, goingOnPage } from '../server/pages/connect.ts';
import { foreignFormPage, gonePage, outcomePages } from '../server/pages/outcomes.ts';
import type { PageCall, ServicePage } from '../server/serving.ts';
import { bindingCookies, isFromOurPage, type Site } from './browser.ts';

interface Parts {
  readonly site: Site;
  /** The pending authorization of a link; undefined: expired, finished or invented. */
  readonly find: (ticket: string) => Promise<PendingAuthorization | undefined>;
  /** The URL where the provider asks for consent. */
  readonly providerUrl: (begun: PendingAuthorization) => string;
}

const PATH = '/connect/{ticket}';

/** The pages before a consent and after it. */
export const connectPages = ({ site, find, providerUrl }: Parts): readonly ServicePage[] => {
  async function pending({ path }: PageCall): Promise<PendingAuthorization> {
    const begun = await find(String(path['ticket']));
    if (begun === undefined) throw new PageError(410, gonePage);
    return begun;
  }

  return [
    {
      method: 'GET',
      path: PATH,
      async serve(call) {
        const begun = await pending(call);
        const page = connectPage({
          provider: begun.provider.name,
          authorizationUrl: new URL(begun.provider.authUrl),
          organization: begun.organizationName,
          user: begun.userId,
          scopes: begun.scopes,
        });
        return { status: 200, ...page };
      },
    },
    {
      method: 'POST',
      path: PATH,
      async serve(call) {
        if (!isFromOurPage(call.request, site.publicUrl)) throw new PageError(403, foreignFormPage);
        const begun = await pending(call);
        const page = goingOnPage({ provider: begun.provider.name, url: new URL(providerUrl(begun)) });
        const headers = { ...page.headers, 'Set-Cookie': bindingCookies(site, call.request, begun) };
        return { status: 200, html: page.html, headers };
      },
    },
    ...Object.entries(outcomePages).map(([path, page]) => ({
      method: 'GET',
      path,
      serve: async () => ({ status: 200, ...page }),
    })),
  ];
};
