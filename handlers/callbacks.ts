import type { PendingAuthorization } from '../db/consents.ts';
import { TooManyTokensError } from '../db/imports.ts';
import type { AuthorizationResponse } from '../oauth/authorization-response.ts';
import { redirectUri } from '../oauth/provider-settings.ts';
import { UnauthenticatedError } from '../security/authenticate.ts';
import { type Caller, mayActFor } from '../security/caller.ts';
import type { Handlers, Reading } from '../server/contract.ts';
import { ApiError, PageError } from '../server/errors.ts';
import { notFoundPage, type OutcomePath, refusalPath, setupPages } from '../server/pages/outcomes.ts';
import type { Finish } from '../vault/finish.ts';
import {
  type BrowserRequest,
  isBound,
  queryOf,
  refusePrefetch,
  type Site,
  unbindingCookie,
} from './browser.ts';

interface Parts {
  readonly site: Site;
  /** The URL where the application receives callbacks itself. Undefined: they end here. */
  readonly bridgeUrl: string | undefined;
  /** False: there is no button of ours, so no browser is bound. */
  readonly hasConnectPage: boolean;
  /** The challenge of a 401 (RFC 9110, section 11.6.1). */
  readonly challenge: string;
  /** The pending authorization of a state; undefined: unknown, used, expired, invented, or another provider's. */
  readonly find: (state: string, providerId: string) => Promise<PendingAuthorization | undefined>;
  /** What the parameters say as an answer to the authorization. */
  readonly read: (begun: PendingAuthorization, parameters: URLSearchParams) => AuthorizationResponse;
  readonly finish: (
    begun: PendingAuthorization,
    parameters: URLSearchParams,
    requestId: string,
  ) => Promise<Finish>;
}

/** The parameters are read from the URL as it came, because a repeated one must be refused. */
const IN_URL = { code: false, state: false, error: false, error_description: false } as const;

const READS = {
  oauth_callback_get_v2_auth_callback__provider_id__get: { path: { provider_id: true }, query: IN_URL },
  oauth_callback_v2_auth_callback__provider_id__post: {
    path: { provider_id: true },
    body: { code: true, state: true, iss: true, error: true },
  },
  oauth_setup_callback_v2_auth_setup__provider_id__get: {
    path: { provider_id: true },
    query: { ...IN_URL, setup_action: true, installation_id: false },
  },
} as const satisfies Reading;

/** The fields of a provider's form that go into the URL of our own GET. */
const FORWARDED = ['code', 'state', 'iss', 'error'] as const;

const notFound = () => new ApiError(404, 'Authorization not found');
const notFoundInBrowser = () => new PageError(400, notFoundPage);

export const callbackHandlers = (parts: Parts): Handlers<typeof READS> => {
  const { site, bridgeUrl, hasConnectPage, find, read, finish } = parts;

  /** Finishes a callback of a browser. */
  async function finishInBrowser(
    request: BrowserRequest,
    providerId: string,
    requestId: string,
    caller?: Caller,
  ) {
    refusePrefetch(request);
    const parameters = new URLSearchParams(queryOf(request));
    const begun = await pendingOf(parameters, providerId);
    if (begun === undefined || !isOwn(caller, begun)) throw notFoundInBrowser();
    if (bridgeUrl !== undefined) {
      const response = read(begun, parameters);
      if (response.outcome === 'invalid') throw notFoundInBrowser();
      return { status: 303, headers: { Location: bridged(bridgeUrl, response, parameters) } } as const;
    }
    // Before the claim, because a request without the cookie must not use the state up.
    if (hasConnectPage && !isBound(site, request, begun)) throw notFoundInBrowser();
    const ended = await finish(begun, parameters, requestId);
    if (ended.outcome === 'invalid' || ended.outcome === 'gone') throw notFoundInBrowser();
    const headers = {
      Location: site.publicUrl + outcomePath(ended),
      'Set-Cookie': unbindingCookie(site, begun),
    };
    return { status: 303, headers } as const;
  }

  async function pendingOf(parameters: URLSearchParams, providerId: string) {
    const [state, ...repeated] = parameters.getAll('state');
    return state === undefined || repeated.length > 0 ? undefined : find(state, providerId);
  }

  return {
    oauth_callback_get_v2_auth_callback__provider_id__get: ({ request, path, requestId, caller }) =>
      finishInBrowser(request, path.provider_id, requestId, caller),

    async oauth_callback_v2_auth_callback__provider_id__post(call) {
      const { caller, path, requestId } = call;
      if (call.mediaType === 'application/x-www-form-urlencoded') {
        const { body } = call;
        const query = new URLSearchParams();
        for (const name of FORWARDED) if (body[name] !== undefined) query.set(name, body[name]);
        const callback = redirectUri(site.publicUrl, path.provider_id);
        return { status: 303, headers: { Location: `${callback}?${query}` } };
      }
      if (caller === undefined) throw new UnauthenticatedError(parts.challenge);
      const { code, state, iss } = call.body;
      const begun = await find(state, path.provider_id);
      if (begun === undefined || !mayFinish(caller, begun)) throw notFound();
      const parameters = new URLSearchParams({ code, state, ...(iss !== undefined && { iss }) });
      const ended = await finish(begun, parameters, requestId);
      if (ended.outcome !== 'completed') throw refused(ended);
      return { status: 200, body: { status: 'completed', auth_id: begun.id, provider_id: begun.providerId } };
    },

    async oauth_setup_callback_v2_auth_setup__provider_id__get({ request, path, query, requestId }) {
      if (query.setup_action === 'update') return { status: 200, ...setupPages.updated };
      if (query.setup_action === 'request') return { status: 200, ...setupPages.requested };
      const parameters = new URLSearchParams(queryOf(request));
      if (!parameters.has('state')) return { status: 200, ...setupPages.installed };
      return finishInBrowser(request, path.provider_id, requestId);
    },
  };
};

/** If a bearer token is sent too, it must be the user's. */
const isOwn = (caller: Caller | undefined, begun: PendingAuthorization): boolean =>
  caller === undefined || (caller.organizationId === begun.organizationId && caller.userId === begun.userId);

const mayFinish = (caller: Caller, begun: PendingAuthorization): boolean =>
  caller.organizationId === begun.organizationId && mayActFor(caller, begun.userId);

/** The application's URL, with the parameters that it gives back. Some providers have a name of their own for the code. */
function bridged(bridgeUrl: string, response: AuthorizationResponse, given: URLSearchParams): string {
  const url = new URL(bridgeUrl);
  if (response.outcome === 'code') url.searchParams.set('code', response.code);
  for (const name of ['error', 'state', 'iss']) {
    const value = given.get(name);
    if (value !== null) url.searchParams.set(name, value);
  }
  return url.href;
}

function outcomePath(ended: Finish): OutcomePath {
  switch (ended.outcome) {
    case 'completed':
      return '/connected';
    case 'refused':
      return refusalPath(ended.error);
    case 'full':
      return '/not-connected/full';
    case 'misconfigured':
      return '/not-connected/misconfigured';
    case 'unavailable':
      return '/not-connected/unavailable';
    default:
      return '/not-connected/failed';
  }
}

/** The answer to an application whose code brought no token. The authorization is used up. */
function refused({ outcome }: Finish): ApiError | TooManyTokensError {
  if (outcome === 'full') return new TooManyTokensError();
  if (outcome === 'unavailable')
    return new ApiError(503, 'The provider did not answer', { 'Retry-After': '5' });
  if (outcome === 'misconfigured')
    return new ApiError(400, 'The provider refused the settings of this client');
  if (outcome === 'failed') return new ApiError(400, 'The provider refused the authorization code');
  return notFound();
}
