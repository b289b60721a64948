import { isIP, type LookupFunction } from 'node:net';
import { Agent, type Dispatcher, errors, request as send } from 'undici';
import type { AddressRules } from './addresses.ts';
import { readBody } from './body.ts';
import { OutboundError } from './errors.ts';
import { createInFlight } from './in-flight.ts';
import { type ObserveOutbound, observed } from './observe.ts';
import type { OutboundRequest, OutboundResponse } from './request.ts';
import { createResolve, type Resolve } from './resolve.ts';
import { isLoopback } from './urls.ts';

export interface OutboundParts {
  readonly rules: AddressRules;
  /** Default: `createResolve`. */
  readonly resolve?: Resolve;
  readonly observe?: ObserveOutbound;
}

const TIMEOUT_MS = 10_000;
const CONNECT_TIMEOUT_MS = 5_000;
const MAX_BYTES = 262_144;
const MAX_HEADER_BYTES = 16_384;
const CONNECTIONS_PER_ORIGIN = 32;

/**
 * Makes every request to another server. It uses `https`, and `http` to loopback hosts only. Each address is checked, and the
 * connection goes to the checked address. No redirect is followed. Time and size are limited.
 */
export function createOutbound({ rules, resolve = createResolve(rules), observe }: OutboundParts) {
  const agent = new Agent({
    connect: { timeout: CONNECT_TIMEOUT_MS, lookup: checkedLookup(rules, resolve) },
    connections: CONNECTIONS_PER_ORIGIN,
    // A new connection for each request. If a server closes a kept one just then, nobody knows whether it has redeemed a
    // refresh token.
    pipelining: 0,
    allowH2: false,
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: 0, // the total time limit holds for every phase
    bodyTimeout: 0,
  });

  async function exchange(given: OutboundRequest): Promise<OutboundResponse> {
    const url = checkedUrl(given.url, rules);
    const signal = limited(given);
    const sending = noticeSending(agent, signal);
    try {
      const answer = await untilAborted(
        signal,
        send(url, {
          dispatcher: sending.dispatcher,
          method: given.method ?? 'GET',
          headers: { 'user-agent': 'tokenhold', 'accept-encoding': 'identity', ...given.headers },
          body: given.body ?? null,
          signal,
        }),
      );
      const headers = firstLines(answer.headers);
      const text = await readBody(answer.body, headers, given.maxBytes ?? MAX_BYTES);
      return { status: answer.statusCode, headers, text };
    } catch (error) {
      throw told(error, sending.hasBegun(), signal, given.signal);
    }
  }

  const inFlight = createInFlight();
  /** @throws OutboundError, and nothing else */
  const request = (given: OutboundRequest, organizationId?: string): Promise<OutboundResponse> =>
    observed(given, observe, () => inFlight(organizationId, () => exchange(given)));
  return {
    /** For requests that belong to no organization. */
    request: (given: OutboundRequest) => request(given),
    /** For requests that an organization causes. It has a share of the requests in flight. */
    requestFor: (organizationId: string) => (given: OutboundRequest) => request(given, organizationId),
  };
}

export type Outbound = ReturnType<typeof createOutbound>;

function checkedUrl(text: string, { isAllowedAddress, isAllowedHost }: AddressRules): URL {
  const refused = new OutboundError('refused', false);
  if (!URL.canParse(text)) throw refused;
  const url = new URL(text);
  const { protocol, hostname, username, password } = url;
  if (username !== '' || password !== '') throw refused;
  if (protocol !== 'https:' && !(protocol === 'http:' && isLoopback(hostname))) throw refused;
  // An address in the URL never reaches the look-up. `hostname` has converted decimal, octal and short forms.
  const address = hostname.replace(/^\[(.*)\]$/, '$1');
  if (isIP(address) !== 0 && !isAllowedAddress(address) && !isAllowedHost(hostname)) throw refused;
  return url;
}

/** Refuses a name if any of its addresses is not allowed, because the connection may go to any of them. */
function checkedLookup({ isAllowedAddress, isAllowedHost }: AddressRules, resolve: Resolve): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname).then(
      (addresses) => {
        const [first] = addresses;
        const isAllowed =
          isAllowedHost(hostname) || addresses.every(({ address }) => isAllowedAddress(address));
        if (first === undefined) callback(new OutboundError('unreachable', false), '');
        else if (!isAllowed) callback(new OutboundError('refused', false), '');
        else if (options.all === true) callback(null, [...addresses]);
        else callback(null, first.address, first.family);
      },
      () => callback(new OutboundError('unreachable', false), ''),
    );
  };
}

function limited({ timeoutMs = TIMEOUT_MS, signal }: OutboundRequest): AbortSignal {
  const timeout = AbortSignal.timeout(timeoutMs);
  return signal === undefined ? timeout : AbortSignal.any([timeout, signal]);
}

/** Notices whether undici has begun to write the request. It never writes one that is aborted while it waits to connect. */
function noticeSending(agent: Agent, signal: AbortSignal) {
  let hasBegun = false;
  const notice =
    (dispatch: Dispatcher.Dispatch): Dispatcher.Dispatch =>
    (options, handler) =>
      dispatch(options, {
        onRequestStart(controller, context) {
          hasBegun ||= !signal.aborted;
          handler.onRequestStart?.(controller, context);
        },
        onRequestUpgrade: (...given) => handler.onRequestUpgrade?.(...given),
        onResponseStart: (...given) => handler.onResponseStart?.(...given),
        onResponseData: (...given) => handler.onResponseData?.(...given),
        onResponseEnd: (...given) => handler.onResponseEnd?.(...given),
        onResponseError: (...given) => handler.onResponseError?.(...given),
      });
  return { dispatcher: agent.compose(notice), hasBegun: () => hasBegun };
}

/** undici notices an aborted signal only once the request has its connection. */
async function untilAborted<Result>(signal: AbortSignal, result: Promise<Result>): Promise<Result> {
  let abort = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
  });
  try {
    return await Promise.race([result, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
    result.catch(() => undefined);
  }
}

/** Replaces any error by one of ours, without a cause. */
function told(error: unknown, hasBegun: boolean, signal: AbortSignal, given?: AbortSignal): OutboundError {
  if (error instanceof OutboundError) return new OutboundError(error.kind, hasBegun);
  if (signal.aborted) return new OutboundError(given?.aborted === true ? 'cancelled' : 'timeout', hasBegun);
  if (error instanceof errors.ConnectTimeoutError) return new OutboundError('timeout', hasBegun);
  const isUnreadable = [errors.HTTPParserError, errors.HeadersOverflowError].some(
    (one) => error instanceof one,
  );
  return new OutboundError(isUnreadable ? 'unreadable' : 'unreachable', hasBegun);
}

function firstLines(fields: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  const lines: Record<string, string> = {};
  for (const [name, value] of Object.entries(fields)) lines[name] = [value].flat()[0] ?? '';
  return lines;
}
