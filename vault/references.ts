import { createHash, randomBytes } from 'node:crypto';
import type { Purpose, Signer } from '../crypto/signing.ts';

/** An authorization, by its organization and id. Both are UUIDs. */
export interface AuthorizationReference {
  readonly organizationId: string;
  readonly id: string;
}

const UUID_BYTES = 16;
const STATE_BYTES = 32;
const MAC_BYTES = 16;

const uuidBytes = (uuid: string): Buffer => Buffer.from(uuid.replaceAll('-', ''), 'hex');

function uuidText(bytes: Buffer): string {
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** The id of an authorization: 128 random bits in the form of a UUID. A UUIDv4 (RFC 9562) would have 122. */
export const newAuthorizationId = (): string => uuidText(randomBytes(UUID_BYTES));

/** Content and signature as base64url. So an invented text is recognized without the database. */
const signed = (signer: Signer, purpose: Purpose, content: Buffer): string =>
  Buffer.concat([content, signer.sign(purpose, content).subarray(0, MAC_BYTES)]).toString('base64url');

function verified(signer: Signer, purpose: Purpose, text: string, length: number): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.length !== length + MAC_BYTES || bytes.toString('base64url') !== text) return undefined;
  const content = bytes.subarray(0, length);
  return signer.isSigned(purpose, content, bytes.subarray(length)) ? content : undefined;
}

/** The last part of the link that a person opens. It names the authorization, and only the vault can make it. */
export const sealTicket = (signer: Signer, { organizationId, id }: AuthorizationReference): string =>
  signed(signer, 'connect ticket', Buffer.concat([uuidBytes(organizationId), uuidBytes(id)]));

/** Undefined: the vault did not make this ticket. */
export function openTicket(signer: Signer, ticket: string): AuthorizationReference | undefined {
  const content = verified(signer, 'connect ticket', ticket, 2 * UUID_BYTES);
  if (content === undefined) return undefined;
  return {
    organizationId: uuidText(content.subarray(0, UUID_BYTES)),
    id: uuidText(content.subarray(UUID_BYTES)),
  };
}

/** A new `state` (RFC 6749, section 10.12): the organization, which leads to the shard, and 32 random bytes. */
export const newState = (signer: Signer, organizationId: string): string =>
  signed(signer, 'authorization state', Buffer.concat([uuidBytes(organizationId), randomBytes(STATE_BYTES)]));

/** Reads the organization of a `state`, and the hash of its authorization. Undefined: the vault did not make it. */
export function openState(
  signer: Signer,
  state: string,
): { readonly organizationId: string; readonly stateHash: Buffer } | undefined {
  const content = verified(signer, 'authorization state', state, UUID_BYTES + STATE_BYTES);
  if (content === undefined) return undefined;
  return { organizationId: uuidText(content.subarray(0, UUID_BYTES)), stateHash: hashState(state) };
}

export const hashState = (state: string): Buffer => createHash('sha256').update(state).digest();

/** The cookie that the button of the connect page sets. Each authorization has its own, so several can run at once. */
export interface ConnectCookie {
  readonly name: string;
  readonly value: string;
}

const PREFIX = 'th_c_';
const HOST_PREFIX = `__Host-${PREFIX}`;
const PLAIN_NAME = new RegExp(`^${PREFIX}[\\w-]{8}$`);
const HOST_NAME = new RegExp(`^${HOST_PREFIX}[\\w-]{8}$`);

/** @param isSecure whether browsers keep `Secure` cookies of PUBLIC_URL: https, or a loopback host */
export function connectCookie(
  signer: Signer,
  { organizationId, id }: AuthorizationReference,
  isSecure: boolean,
): ConnectCookie {
  const content = cookieContent(organizationId, id);
  const name = createHash('sha256').update(content).digest('base64url').slice(0, 8);
  return {
    name: `${isSecure ? HOST_PREFIX : PREFIX}${name}`,
    value: signer.sign('connect cookie', content).toString('base64url'),
  };
}

/** Whether a cookie of this name is one that the connect page sets. */
export const isConnectCookieName = (name: string, isSecure: boolean): boolean =>
  (isSecure ? HOST_NAME : PLAIN_NAME).test(name);

/** Whether the button has set this value. Any key of the ring may have signed it. */
export function isConnectCookie(
  signer: Signer,
  { organizationId, id }: AuthorizationReference,
  value: string,
): boolean {
  const bytes = Buffer.from(value, 'base64url');
  return bytes.length === 32 && signer.isSigned('connect cookie', cookieContent(organizationId, id), bytes);
}

const cookieContent = (organizationId: string, id: string) =>
  Buffer.concat([uuidBytes(organizationId), uuidBytes(id)]);
