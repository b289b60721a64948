import type { KeyRing } from '../crypto/key-ring.ts';
import { isUuid } from '../crypto/uuid.ts';
import type { Actor } from '../db/audit.ts';
import type { AuthorizationState } from '../db/authorizations.ts';
import type { ReleaseRepository } from '../db/releases.ts';
import type { components } from '../generated/api.d.ts';
import { type Caller, mayActFor } from '../security/caller.ts';
import { StoppingError } from '../server/call.ts';
import { actor, type Handlers, type Reading } from '../server/contract.ts';
import { ApiError } from '../server/errors.ts';
import type { AuthorizationWish, Started } from '../vault/authorize.ts';
import { subjectOf } from '../vault/subject.ts';
import { type NeedsConsent, type Refreshing, type TokenWish, usableToken } from '../vault/usable-token.ts';
import { TooManyWaitersError, type Waiters } from '../vault/waiters.ts';

interface Parts {
  readonly releases: Pick<ReleaseRepository, 'release'>;
  readonly refreshing: Refreshing;
  readonly open: KeyRing['open'];
  readonly start: (wish: AuthorizationWish, by: Actor) => Promise<Started>;
  readonly waiters: Pick<Waiters, 'wait'>;
}

const READS = {
  authenticate_v2_auth_authenticate_post: {
    body: {
      user_id: true,
      ls_user_id: true,
      agent_id: true,
      provider: true,
      scopes: true,
      force_new: true,
      token_id: true,
      is_default: true,
      check_only: true,
      use_agent_builder_public_oauth: false,
      redirect_uri: false, // null, or refused
    },
  },
  wait_for_auth_completion_v2_auth_wait__auth_id__get: { path: { auth_id: true }, query: { timeout: true } },
} as const satisfies Reading;

type Answer = components['schemas']['AuthAuthenticateResponse'];

const NOTHING = { url: null, auth_id: null, token: null, user_id: null, metadata: null } as const;
const MAX_WAIT_SECONDS = 300;
const DEFAULT_WAIT_SECONDS = 30;
/** The limit of a consent's scopes, which travel in a URL. Servers accept URLs of at least 8 KiB. */
const MAX_SCOPE_CHARACTERS = 4_096;
/** Seconds until a place is likely to be free. Authorizations live for minutes, and so do waiters. */
const RETRY = { 'Retry-After': '30' };

export const authorizationHandlers = ({
  releases,
  refreshing,
  open,
  start,
  waiters,
}: Parts): Handlers<typeof READS> => {
  /** Starts an authorization, and answers its link. */
  async function ask(wish: AuthorizationWish, by: Actor): Promise<Answer> {
    const started = await start(wish, by);
    if (started.outcome !== 'started') {
      throw started.outcome === 'full'
        ? new ApiError(429, 'Too many pending authorizations', RETRY)
        : new ApiError(404, 'OAuth provider not found');
    }
    return { ...NOTHING, status: 'pending', url: started.url, auth_id: started.id };
  }

  return {
    async authenticate_v2_auth_authenticate_post(call) {
      const { caller, body } = call;
      const userId = subjectOf(caller, { userId: body.user_id, lsUserId: body.ls_user_id });
      const by = { ...actor(call), userId };
      const { organizationId, workspaceId } = caller;
      const [providerId, agentId] = [body.provider, body.agent_id ?? null];
      const isCheckOnly = body.check_only ?? false;
      // Each field is named, because spreading an object into a larger one takes ten times as much memory.
      const wish = {
        organizationId,
        userId,
        providerId,
        scopes: [...new Set(body.scopes)],
        agentId,
        tokenId: body.token_id ?? null,
        isNewWanted: body.force_new ?? false,
        isCheckOnly,
        isPersonThere: !isAgentOnly(caller, body),
        connectionsOf: connectionsOf(caller, body.force_new ?? false),
      };
      const choice = await usableToken({ releases, refreshing, open }, wish, by);
      if (choice.kind === 'no-provider') throw new ApiError(404, 'OAuth provider not found');
      if (choice.kind === 'not-yet') {
        const retry = { 'Retry-After': String(choice.retrySeconds) };
        throw new ApiError(503, 'OAuth provider is unavailable', retry);
      }
      if (choice.kind === 'no-token') throw new ApiError(404, 'OAuth token not found');
      if (choice.kind === 'usable') {
        const { accessToken: token, ownerId: user_id, metadata } = choice;
        const body = { url: null, auth_id: null, token, user_id, metadata, status: 'completed' } as const;
        return { status: 200, body };
      }
      if (!wish.isPersonThere) {
        const status = choice.isConnectionDead ? 'token_expired' : 'connection_required';
        return { status: 200, body: { ...NOTHING, status } };
      }
      if (isCheckOnly) return { status: 200, body: { ...NOTHING, status: 'pending' } };
      const isDefault = body.is_default ?? true;
      const owner = { organizationId, workspaceId, userId, providerId, agentId };
      const consent = { ...owner, ...asked(wish.scopes, choice), isDefault };
      requireShort(consent.scopes);
      return { status: 200, body: await ask(consent, by) };
    },

    async wait_for_auth_completion_v2_auth_wait__auth_id__get(call) {
      const { caller, path, query, signal } = call;
      const seconds = Math.min(Math.max(query.timeout ?? DEFAULT_WAIT_SECONDS, 0), MAX_WAIT_SECONDS);
      const state = await waitFor(path.auth_id, caller, seconds, signal);
      if (signal.aborted && !(signal.reason instanceof StoppingError)) throw signal.reason;
      if (state?.status === 'pending' || state?.status === 'claimed') {
        return { status: 200, body: { status: seconds === 0 ? 'pending' : 'timeout', token: null } };
      }
      const token = state?.status === 'completed' ? await released(state, actor(call)) : undefined;
      return token === undefined
        ? { status: 200, body: { status: 'not_found', token: null } }
        : { status: 200, body: { status: 'completed', token } };
    },
  };

  async function waitFor(authId: string, caller: Caller, seconds: number, signal: AbortSignal) {
    if (!isUuid(authId)) return undefined;
    const { organizationId } = caller;
    try {
      return await waiters.wait({ organizationId, id: authId.toLowerCase() }, waitingAs(caller), {
        timeoutMs: seconds * 1000,
        signal,
        mayWait: ({ userId }) => mayActFor(caller, userId),
      });
    } catch (error) {
      if (error instanceof TooManyWaitersError) throw new ApiError(429, 'Too many waiting requests', RETRY);
      throw error;
    }
  }

  /** The token of a completed authorization. Undefined: it has been deleted, or has expired already. */
  async function released(state: AuthorizationState, by: Actor): Promise<string | undefined> {
    const { organizationId, userId, providerId, agentId, tokenId } = state;
    const request = {
      organizationId,
      userId,
      providerId,
      agentId,
      tokenId,
      scopes: [],
      connectionsOf: null,
    } as const;
    const found = await releases.release(request, { minSeconds: 0, isReleased: true }, { ...by, userId });
    const accessToken = found?.token?.accessToken ?? null;
    return accessToken === null ? undefined : open(accessToken);
  }
};

/** No person is there to consent: an agent asks through a key that acts for its organization, and names no user. */
const isAgentOnly = (
  { actsFor }: Caller,
  body: {
    readonly user_id?: string | null;
    readonly ls_user_id?: string | null;
    readonly agent_id?: string | null;
  },
): boolean =>
  actsFor === 'organization' &&
  (body.user_id ?? null) === null &&
  (body.ls_user_id ?? null) === null &&
  (body.agent_id ?? null) !== null;

/** The owner of a share of waiters: an API key, or the user of a bearer token. */
const waitingAs = ({ credential, organizationId, userId }: Caller): string =>
  credential === 'bearer' ? `${credential} ${organizationId} ${userId}` : credential;

/** Scopes travel in the provider's URL, and are kept for as long as the authorization. @throws ApiError */
function requireShort(scopes: readonly string[]): void {
  if (scopes.join(' ').length <= MAX_SCOPE_CHARACTERS) return;
  const error = `the scopes must have at most ${MAX_SCOPE_CHARACTERS} characters together`;
  const finding = {
    loc: ['body', 'scopes'],
    msg: `Value error, ${error}`,
    type: 'value_error',
    ctx: { error },
  };
  throw new ApiError(422, [finding]);
}

/** Naming an agent is never enough: the caller must be able to act for the owner of the connected token. */
const connectionsOf = ({ actsFor }: Caller, isNewWanted: boolean): TokenWish['connectionsOf'] =>
  isNewWanted ? null : actsFor;

/** A consent covers the requested scopes and those of the token that it replaces, so that none gets lost. */
const asked = (requested: readonly string[], { scopes, replacesTokenId }: NeedsConsent) => ({
  scopes: [...new Set([...requested, ...scopes])],
  replacesTokenId,
});
