import { type ClientAuth, ClientSecretPost, None } from 'oauth4webapi';
import type { ClientAuthentication } from './catalogue-entry.ts';
import type { ProviderClient } from './provider-settings.ts';

type Client = Pick<ProviderClient, 'clientId' | 'clientSecret' | 'tokenEndpointAuthMethod' | 'entry'>;

/** How the client authenticates at the token endpoint. Without a secret, it sends its id only. */
export function clientAuthentication(client: Client): ClientAuth {
  const { clientSecret, entry, tokenEndpointAuthMethod } = client;
  const isSecretAlone = entry?.clientAuthentication === 'secret_as_username';
  const method: ClientAuthentication = isSecretAlone ? 'secret_as_username' : tokenEndpointAuthMethod;
  if (clientSecret === null || method === 'none') return None();
  if (method === 'client_secret_post') return ClientSecretPost(clientSecret);
  const authorization = method === 'client_secret_basic' ? basic(client) : credentials(clientSecret, '');
  return (_server, _client, _body, headers) => headers.set('authorization', authorization);
}

/**
 * HTTP Basic (RFC 6749, section 2.3.1). `-`, `_`, `.` and `~` are not encoded: form encoding allows that, and some servers do
 * not decode.
 */
export const basic = ({ clientId, clientSecret }: Pick<Client, 'clientId' | 'clientSecret'>): string =>
  credentials(encodeURIComponent(clientId), encodeURIComponent(clientSecret ?? ''));

const credentials = (user: string, password: string): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
