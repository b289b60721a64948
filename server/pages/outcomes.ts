import { html } from './html.ts';
import { type Page, page } from './page.ts';

const TRY_AGAIN = 'To try again, start from your application.';

const told = (tone: 'good' | 'bad' | undefined, title: string, sentences: readonly string[]): Page =>
  page({
    title,
    tone,
    main: html`<h1>${title}</h1>\n${sentences.map((sentence) => html`<p>${sentence}</p>\n`)}`,
  });
const done = (title: string, ...sentences: readonly string[]): Page => told('good', title, sentences);
const failed = (title: string, ...sentences: readonly string[]): Page => told('bad', title, sentences);

/**
 * The static pages that end an authorization, by path. A callback redirects to one of them. So the browser's history keeps
 * neither the code nor a text of the provider, and a reload does nothing.
 */
export const outcomePages = {
  '/connected': done('Connected', 'Your account is connected. You can close this window.'),
  '/not-connected/refused': failed(
    'Not connected',
    'Access was refused at the provider. Nothing was saved.',
    TRY_AGAIN,
  ),
  '/not-connected/misconfigured': failed(
    'Not connected',
    'The provider does not accept the settings of this application. Nothing was saved.',
    'Please tell the people who run the application. Trying again will not help.',
  ),
  '/not-connected/unavailable': failed(
    'Not connected',
    'The provider could not answer just now. Nothing was saved.',
    'Please wait a few minutes. Then start again from your application.',
  ),
  '/not-connected/full': failed(
    'Not connected',
    'You have connected as many accounts of this provider as the application allows. Nothing was saved.',
    'Delete one of them in your application. Then start again from there.',
  ),
  '/not-connected/failed': failed(
    'Not connected',
    'The provider did not give access to an account. Nothing was saved.',
    TRY_AGAIN,
  ),
} as const satisfies Readonly<Record<string, Page>>;

export type OutcomePath = keyof typeof outcomePages;

const BY_ERROR: ReadonlyMap<string, OutcomePath> = new Map([
  ['access_denied', '/not-connected/refused'],
  ['consent_required', '/not-connected/refused'],
  ['interaction_required', '/not-connected/refused'],
  ['login_required', '/not-connected/refused'],
  ['account_selection_required', '/not-connected/refused'],
  ['invalid_request', '/not-connected/misconfigured'],
  ['invalid_scope', '/not-connected/misconfigured'],
  ['invalid_target', '/not-connected/misconfigured'],
  ['unauthorized_client', '/not-connected/misconfigured'],
  ['unsupported_response_type', '/not-connected/misconfigured'],
  ['application_suspended', '/not-connected/misconfigured'],
  ['redirect_uri_mismatch', '/not-connected/misconfigured'],
  ['server_error', '/not-connected/unavailable'],
  ['temporarily_unavailable', '/not-connected/unavailable'],
]);

/** The page for the `error` of an authorization response (RFC 6749, 4.1.2.1; OpenID Connect Core, 3.1.2.6; RFC 8707; GitHub). */
export const refusalPath = (error: string): OutcomePath => BY_ERROR.get(error) ?? '/not-connected/failed';

/** 400: a callback whose state is unknown, used, expired or foreign, all alike. */
export const notFoundPage = failed(
  'Authorization not found',
  'This address belongs to no connection that is under way in this browser. It may have been finished already.',
  TRY_AGAIN,
);

/** 410: a link to the connect page that has expired, was used, or never existed, all alike. */
export const gonePage = failed(
  'This link is not valid any more',
  'It was used already, or it has expired.',
  TRY_AGAIN,
);

/** 4xx: a parameter or a form that the service cannot read. */
export const malformedPage = failed(
  'This address cannot be used',
  'It is incomplete, or it was changed on its way. Nothing was saved.',
  TRY_AGAIN,
);

/** 429 and 5xx. A reload sends the request again. */
export const unavailablePage = failed(
  'Not available just now',
  'The service could not answer just now.',
  'Please wait a moment, and reload this page. If that does not help, start again from your application.',
);

/** 403: the button's POST did not come from our page. */
export const foreignFormPage = failed(
  'Not accepted',
  'The button was not pressed on our page. Nothing was started.',
  'Open the link from your application again, and press the button there.',
);

/** The pages that a person sees after an installation at the provider (GitHub Apps). */
export const setupPages = {
  installed: done(
    'Installed',
    'The application is installed. Now connect your account from your application.',
  ),
  requested: told(undefined, 'Waiting for an owner', [
    'An owner of the organization at the provider must approve the installation. Connect your account from your application after that.',
  ]),
  updated: done('Updated', 'The installation is updated. You can close this window.'),
} as const satisfies Readonly<Record<string, Page>>;
