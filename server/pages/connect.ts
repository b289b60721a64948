import { html } from './html.ts';
import { type Page, page } from './page.ts';

export interface Connect {
  /** The provider's name for people. */
  readonly provider: string;
  /** The authorization endpoint: the page names its host, because an administrator may give a provider any name. */
  readonly authorizationUrl: URL;
  readonly organization: string;
  /** The user whose account will be connected. */
  readonly user: string;
  readonly scopes: readonly string[];
}

/** Asks before the browser is bound. The person who opens the link chooses the account, so the page says for whom it is. */
export const connectPage = ({ provider, authorizationUrl, organization, user, scopes }: Connect): Page => {
  const items = scopes.map((scope) => html`<li><bdi>${scope}</bdi></li>`);
  return page({
    title: 'Connect an account',
    hasForm: true,
    main: html`<h1>Connect an account at <bdi>${provider}</bdi></h1>
<p>The application behind this link will be able to use the account that you choose.</p>
<dl>
<div><dt>For</dt><dd><bdi>${user}</bdi></dd></div>
<div><dt>Organization</dt><dd><bdi>${organization}</bdi></dd></div>
<div><dt>You continue at</dt><dd><bdi>${authorizationUrl.host}</bdi></dd></div>
<div><dt>Permissions</dt><dd>${items.length === 0 ? 'Those that the provider sets' : html`<ul>${items}</ul>`}</dd></div>
</dl>
<p><strong>If this is not you, or you did not ask for this, stop and close this window.</strong> Your account would be connected for somebody else.</p>
<form method="post"><button>Continue to <bdi>${provider}</bdi></button></form>`,
  });
};

/**
 * Leads on to the provider after the button. A redirect would fail: browsers apply `form-action` to every redirect after
 * the form, and a provider may redirect to any host.
 * @param url where the provider asks for consent, https or http
 */
export function goingOnPage({ provider, url }: { provider: string; url: URL }): Page {
  if (!['https:', 'http:'].includes(url.protocol)) throw new Error('not a web address');
  return page({
    title: 'Continuing',
    head: html`<meta http-equiv="refresh" content="0;url=${url.href}">
`,
    main: html`<h1>Continuing to <bdi>${provider}</bdi></h1>
<p>If nothing happens, <a href="${url.href}" rel="noreferrer">continue to <bdi>${provider}</bdi></a>.</p>`,
  });
}
