import { setTimeout } from 'node:timers/promises';
import { createRemoteJWKSet, customFetch, errors, type JWTVerifyGetKey } from 'jose';
import type { Outbound } from '../outbound/outbound.ts';
import { isSecureUrl } from '../outbound/urls.ts';

/** The issuer's discovery document or keys cannot be fetched: an outage, never a wrong credential. */
export class IssuerUnavailableError extends Error {}

type Request = Outbound['request'];

const LIMITS = { timeoutMs: 5_000, maxBytes: 262_144 };
const RELOAD_INTERVAL_MS = 1_000;

/**
 * The keys of an OpenID Connect issuer: discovered at first use, fetched again when they are ten minutes old or when a
 * token names an unknown key.
 * @returns a function that resolves to jose's look-up of a key
 * @throws IssuerUnavailableError (the returned function)
 */
export function issuerKeys(issuer: string, request: Request): () => Promise<JWTVerifyGetKey> {
  let keys: Promise<JWTVerifyGetKey> | undefined;
  return () => {
    keys ??= discoverKeys(issuer, request).catch((error: unknown) => {
      keys = undefined; // the next token tries again
      throw error;
    });
    return keys;
  };
}

/** https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig */
async function discoverKeys(issuer: string, request: Request): Promise<JWTVerifyGetKey> {
  const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const { issuer: stated, jwks_uri: jwksUri } = await discover(url, request);
  if (stated !== issuer || typeof jwksUri !== 'string' || !isSecureUrl(jwksUri))
    throw new IssuerUnavailableError();
  const startedAt = { value: Number.NEGATIVE_INFINITY };
  const keys = createRemoteJWKSet(new URL(jwksUri), {
    timeoutDuration: LIMITS.timeoutMs,
    cooldownDuration: Number.POSITIVE_INFINITY, // `withReload` decides
    async [customFetch](url, { headers }) {
      startedAt.value = performance.now();
      const { status, text } = await request({
        purpose: 'keys',
        url,
        headers: Object.fromEntries(headers),
        ...LIMITS,
      });
      return new Response(text, { status: status === 200 ? 200 : 502 });
    },
  });
  return withReload(keys, startedAt);
}

/**
 * Fetches the key set again when a token names an unknown key. Such tokens wait until the last fetch is a second old, and
 * share the next one. So tokens with invented keys cause one request a second, and do not use up the reload that a freshly
 * rotated key needs. jose would refuse unknown keys for 30 seconds.
 */
function withReload(
  keys: ReturnType<typeof createRemoteJWKSet>,
  startedAt: { readonly value: number },
): JWTVerifyGetKey {
  let next: Promise<void> | undefined;
  const reload = async (): Promise<void> => {
    await setTimeout(Math.max(0, startedAt.value + RELOAD_INTERVAL_MS - performance.now()));
    next = undefined; // tokens that arrive during the fetch need a later one
    await keys.reload();
  };
  return async (header, token) => {
    try {
      return await keys(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      next ??= reload();
      await next;
      return keys(header, token);
    }
  };
}

async function discover(url: string, request: Request): Promise<Readonly<Record<string, unknown>>> {
  try {
    const { status, text } = await request({ purpose: 'metadata', url, ...LIMITS });
    const value: unknown = status === 200 ? JSON.parse(text) : undefined;
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    throw new IssuerUnavailableError();
  }
}
