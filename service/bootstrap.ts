import { OPERATOR } from '../db/audit.ts';
import type { Vault } from './repositories.ts';

/**
 * Makes an embedded vault usable at its very first start: an organization, an admin's API key and an example provider.
 * @returns the API key, or undefined where there already is an organization
 */
export async function bootstrap(vault: Vault): Promise<string | undefined> {
  if ((await vault.organizations.list()).length > 0) return undefined;
  const organization = await vault.organizations.create('example');
  if (organization === undefined) return undefined;
  const { organizationId, workspaceId } = organization;
  await vault.providers.create(
    organizationId,
    {
      providerId: 'slack-dev',
      name: 'Slack (development)',
      clientId: 'example-client-id',
      clientSecret: null,
      authUrl: 'https://slack.com/oauth/v2/authorize',
      tokenUrl: 'https://slack.com/api/oauth.v2.access',
      providerType: 'slack',
    },
    OPERATOR,
  );
  const { apiKey } = await vault.apiKeys.create(
    { organizationId, workspaceId, userId: 'admin', role: 'admin', expiresInSeconds: null },
    OPERATOR,
  );
  return apiKey;
}
