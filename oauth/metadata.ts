import type { Outbound } from '../outbound/outbound.ts';
import { type JsonObject, readObject, textOf } from './json.ts';
import { isProviderUrl } from './provider.ts';

/** The fields that we read of an authorization server's metadata (RFC 8414; OpenID Connect Discovery 1.0). */
export interface ServerMetadata {
  readonly issuer: string;
  readonly authorizationEndpoint: string;
  readonly tokenEndpoint: string;
  readonly registrationEndpoint?: string;
  readonly revocationEndpoint?: string;
  /** Undefined: the document does not name them. */
  readonly codeChallengeMethods?: readonly string[];
  readonly tokenEndpointAuthMethods?: readonly string[];
  readonly scopes?: readonly string[];
  /** Whether a URL of ours can be the client id (draft-ietf-oauth-client-id-metadata-document). */
  readonly takesClientIdMetadataDocument: boolean;
  /** Whether every callback carries `iss` (RFC 9207). */
  readonly sendsIssuer: boolean;
}

/** The fields that we read of a protected resource's metadata (RFC 9728). */
export interface ResourceMetadata {
  readonly resource: string;
  readonly authorizationServers: readonly string[];
  readonly scopes?: readonly string[];
}

/**
 * `absent`: no document at any of its places. `mismatch`: a document that names another issuer or resource.
 * `incomplete`: a document that lacks a required field, or has URLs that are not https.
 */
export type Discovered<Metadata> =
  | { readonly outcome: 'found'; readonly metadata: Metadata }
  | { readonly outcome: 'absent' | 'mismatch' | 'incomplete' };

type Request = Outbound['request'];
type Reading<Metadata> = Metadata | 'mismatch' | 'incomplete';

const LIMITS = { timeoutMs: 5_000, maxBytes: 262_144 };

/** The places of an issuer's metadata, in the order of the MCP authorization specification (2025-11-25). */
export function serverMetadataUrls(issuer: string): readonly string[] {
  const { origin, pathname } = new URL(issuer);
  const path = pathname.replace(/\/+$/, '');
  const inserted = ['oauth-authorization-server', 'openid-configuration'].map(
    (name) => `${origin}/.well-known/${name}${path}`,
  );
  return path === '' ? inserted : [...inserted, `${origin}${path}/.well-known/openid-configuration`];
}

/** The places of a resource's metadata (RFC 9728, section 3.1): below its path, then at the root. */
export function resourceMetadataUrls(resource: string): readonly string[] {
  const { origin, pathname, search } = new URL(resource);
  const root = `${origin}/.well-known/oauth-protected-resource`;
  const path = pathname === '/' ? '' : pathname;
  return [...new Set([`${root}${path}${search}`, root])];
}

/** Discovers an authorization server. The document's `issuer` must be the identical string (RFC 8414, section 3.3). */
export const discoverServer = (request: Request, issuer: string): Promise<Discovered<ServerMetadata>> =>
  discover(request, serverMetadataUrls(issuer), (document) => readServer(document, issuer));

/**
 * Discovers the authorization servers of a protected resource. The document's `resource` must have the origin of the URL
 * and a path that begins it: servers publish one document for all resources below a path.
 * @param named the document's URL of a challenge (`resource_metadata`, see `readChallenge`). Then it is the only place
 */
export const discoverResource = (
  request: Request,
  resource: string,
  named?: string,
): Promise<Discovered<ResourceMetadata>> =>
  discover(request, named === undefined ? resourceMetadataUrls(resource) : [named], (document) =>
    readResource(document, resource),
  );

/** The parameters of a 401 that tell where to get a token (RFC 9728, section 5.1; RFC 6750, section 3). */
export function readChallenge(field: string): { resourceMetadata?: string; scopes?: readonly string[] } {
  const [resourceMetadata, scope] = ['resource_metadata', 'scope'].map((name) =>
    new RegExp(`(?:^|[\\s,])${name}\\s*=\\s*(?:"([^"]*)"|([^\\s,"]+))`, 'i').exec(field),
  );
  const url = resourceMetadata?.[1] ?? resourceMetadata?.[2];
  const scopes = (scope?.[1] ?? scope?.[2] ?? '').split(' ').filter((name) => name !== '');
  return { ...(url !== undefined && { resourceMetadata: url }), ...(scopes.length > 0 && { scopes }) };
}

/** Reads the first valid document. After an invalid one, the next place is tried. */
async function discover<Metadata extends object>(
  request: Request,
  urls: readonly string[],
  read: (document: JsonObject) => Reading<Metadata>,
): Promise<Discovered<Metadata>> {
  let outcome: 'absent' | 'mismatch' | 'incomplete' = 'absent';
  for (const url of urls) {
    const headers = { accept: 'application/json' };
    const answer = await request({ purpose: 'metadata', url, headers, ...LIMITS }).catch(() => undefined);
    const document = answer?.status === 200 ? readObject(answer.text) : undefined;
    if (document === undefined) continue;
    const metadata = read(document);
    if (typeof metadata === 'object') return { outcome: 'found', metadata };
    outcome = metadata;
  }
  return { outcome };
}

function readServer(document: JsonObject, expected: string): Reading<ServerMetadata> {
  const url = (name: string) => providerUrl(document[name]);
  const list = (name: string) => texts(document[name]);
  const [authorizationEndpoint, tokenEndpoint] = [url('authorization_endpoint'), url('token_endpoint')];
  if (document['issuer'] !== expected) return 'mismatch';
  if (authorizationEndpoint === undefined || tokenEndpoint === undefined) return 'incomplete';
  const registrationEndpoint = url('registration_endpoint');
  const revocationEndpoint = url('revocation_endpoint');
  const codeChallengeMethods = list('code_challenge_methods_supported');
  const tokenEndpointAuthMethods = list('token_endpoint_auth_methods_supported');
  const scopes = list('scopes_supported');
  return {
    issuer: expected,
    authorizationEndpoint,
    tokenEndpoint,
    ...(registrationEndpoint !== undefined && { registrationEndpoint }),
    ...(revocationEndpoint !== undefined && { revocationEndpoint }),
    ...(codeChallengeMethods !== undefined && { codeChallengeMethods }),
    ...(tokenEndpointAuthMethods !== undefined && { tokenEndpointAuthMethods }),
    ...(scopes !== undefined && { scopes }),
    takesClientIdMetadataDocument: document['client_id_metadata_document_supported'] === true,
    sendsIssuer: document['authorization_response_iss_parameter_supported'] === true,
  };
}

function readResource(document: JsonObject, expected: string): Reading<ResourceMetadata> {
  const resource = textOf(document['resource']);
  const servers = texts(document['authorization_servers'])?.filter(isProviderUrl) ?? [];
  if (resource === undefined || !URL.canParse(resource)) return 'incomplete';
  if (!isBelow(new URL(expected), new URL(resource))) return 'mismatch';
  if (servers.length === 0) return 'incomplete';
  const scopes = texts(document['scopes_supported']);
  return { resource, authorizationServers: servers, ...(scopes !== undefined && { scopes }) };
}

function isBelow(url: URL, resource: URL): boolean {
  const path = resource.pathname.replace(/\/*$/, '/');
  return url.origin === resource.origin && `${url.pathname}/`.startsWith(path);
}

const providerUrl = (value: unknown): string | undefined => {
  const text = textOf(value);
  return text !== undefined && isProviderUrl(text) ? text : undefined;
};

const texts = (value: unknown): readonly string[] | undefined =>
  Array.isArray(value) ? value.map(textOf).filter((text) => text !== undefined) : undefined;
