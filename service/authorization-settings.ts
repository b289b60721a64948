import type { AuthorizationLimits } from '../db/authorizations.ts';
import type { WaiterLimits } from '../vault/waiters.ts';
import type { Settings } from './settings.ts';

/** The settings of consents, and the limits of open ones. */
export interface AuthorizationConfig {
  /** False: `authenticate` answers the provider's URL, for operators who have a page of their own. */
  readonly hasConnectPage: boolean;
  /** Where the application receives the providers' callbacks itself. Undefined: they end here. */
  readonly callbackBridgeUrl: string | undefined;
  readonly pending: AuthorizationLimits;
  readonly waiters: WaiterLimits;
}

/** Reads the settings of consents. */
export function authorizationConfig({ valid, integer }: Settings): AuthorizationConfig {
  const isSwitch = (value: string) => value === 'on' || value === 'off';
  return {
    hasConnectPage: valid('CONNECT_PAGE', isSwitch, 'on or off') !== 'off',
    callbackBridgeUrl: valid(
      'CALLBACK_BRIDGE_URL',
      isBridgeUrl,
      'an http(s) URL without user info or fragment',
    ),
    pending: {
      perUser: integer('AUTHORIZATIONS_PER_USER_MAX', { from: 1, to: 10_000, otherwise: 20 }),
      perOrganization: integer('AUTHORIZATIONS_PER_ORGANIZATION_MAX', {
        from: 1,
        to: 1_000_000,
        otherwise: 10_000,
      }),
    },
    waiters: {
      perHolder: integer('WAITERS_PER_KEY_MAX', { from: 1, to: 1_000_000, otherwise: 100 }),
      total: integer('WAITERS_MAX', { from: 1, to: 1_000_000, otherwise: 5_000 }),
    },
  };
}

function isBridgeUrl(value: string): boolean {
  if (!URL.canParse(value)) return false;
  const { protocol, username, password, hash } = new URL(value);
  return ['http:', 'https:'].includes(protocol) && `${username}${password}${hash}` === '';
}
