/** Calls each repository of a vault, so that every statement of the service is sent. */
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { OPERATOR } from '../../db/audit.ts';
import type { Vault } from '../../service/repositories.ts';
import { drain, found, sendBackgroundStatements } from './background-statements.ts';

const AGENT = 'agent';

export async function sendEveryStatement(vault: Vault): Promise<void> {
  const sealed = vault.keyRing.seal('secret');
  const { organizationId, workspaceId } = found(await vault.organizations.create(randomUUID()));
  const token = {
    organizationId,
    userId: 'alice',
    providerId: 'p1',
    workspaceId,
    accessToken: sealed,
    refreshToken: sealed,
    scopes: ['read'],
    metadata: { team: 1 },
    expiresInSeconds: 3600,
    isDefault: true,
  };
  const storeToken = async () => found(await vault.imports.store(token, OPERATOR));
  const provider = (providerId: string) => ({
    providerId,
    name: providerId,
    clientId: providerId,
    clientSecret: sealed,
    authUrl: 'https://provider.example/authorize',
    tokenUrl: 'https://provider.example/token',
    providerType: 'slack' as const,
  });

  async function organizations(): Promise<void> {
    await vault.organizations.list();
    await vault.organizations.find(organizationId);
    await vault.organizations.rename(organizationId, randomUUID());
    await vault.workspaces.create(organizationId, 'two');
    await vault.workspaces.list(organizationId);
    await vault.workspaces.find(organizationId);
    await vault.workspaces.find(organizationId, workspaceId);
    await vault.workspaces.resolve(organizationId, 'two');
    const owner = {
      organizationId,
      workspaceId,
      userId: 'alice',
      role: 'admin',
      expiresInSeconds: null,
    } as const;
    const { apiKey, apiKeyId } = await vault.apiKeys.create(owner, OPERATOR);
    const valid = await vault.apiKeyLookups.find(createHash('sha256').update(apiKey).digest('hex'));
    await vault.apiKeyLookups.confirm([found(valid)]);
    await vault.apiKeys.list(organizationId);
    await vault.apiKeys.revoke(organizationId, apiKeyId, OPERATOR);
    await vault.apiKeys.revoke(organizationId, apiKeyId, OPERATOR);
    const other = found(await vault.organizations.create(randomUUID()));
    await vault.organizations.delete(other.organizationId);
  }

  async function providers(): Promise<void> {
    for (const providerId of ['p1', 'p1', 'p2']) {
      await vault.providers.create(organizationId, provider(providerId), OPERATOR);
    }
    await vault.providers.update(organizationId, 'p1', { name: 'one' }, OPERATOR);
    await vault.providers.find(organizationId, 'p1');
    await drain(vault.providers.list(organizationId));
    const { providerId, name, authUrl, tokenUrl } = provider('found');
    const client = {
      clientId: 'registered',
      clientSecret: sealed,
      clientSecretExpiresAt: null,
      tokenEndpointAuthMethod: 'client_secret_post' as const,
      registrationToken: sealed,
      registrationUri: 'https://issuer.example/client',
    };
    const urls = { authUrl, tokenUrl, registrationEndpoint: 'https://issuer.example/register' };
    const server = {
      mcpServerUrl: 'https://mcp.example',
      issuer: 'https://issuer.example',
      sendsIssuer: true,
    };
    const rest = {
      resource: 'https://mcp.example',
      defaultScopes: ['read'],
      revocationEndpoint: null,
      client,
    };
    await vault.discovered.find(organizationId, providerId);
    await vault.discovered.create(
      organizationId,
      { providerId, name, ...server, ...urls, ...rest },
      OPERATOR,
    );
    const claim = found(await vault.discovered.claimRegistration(organizationId, client.clientId));
    await vault.discovered.replaceClient(claim, { ...client, clientId: 'again' });
  }

  async function tokens(): Promise<void> {
    const id = await storeToken();
    const repeating = {
      keyHash: randomBytes(32).toString('hex'),
      requestHash: randomBytes(32).toString('hex'),
    };
    await vault.imports.store(token, OPERATOR, repeating);
    await vault.idempotencyKeys.sweep();
    const request = {
      organizationId,
      userId: 'alice',
      providerId: 'p1',
      tokenId: null,
      scopes: [],
      agentId: AGENT,
      connectionsOf: 'user' as const,
    };
    await vault.releases.release(request, { minSeconds: 0, isReleased: true }, OPERATOR);
    await drain(vault.tokens.list(organizationId, 'alice'));
    await drain(vault.tokens.list(organizationId, 'alice', 'p1'));
    await vault.tokens.exists(organizationId, 'alice', 'p1');
    await vault.tokens.existsInWorkspace(organizationId, workspaceId, 'slack');
    for (const change of [{ label: 'work', isDefault: true }, { isDefault: false }, {}]) {
      await vault.tokens.update(organizationId, 'alice', id, change, OPERATOR);
    }
    await vault.tokens.inspect(organizationId, id);
    await drain(vault.tokenInventory.list(organizationId, {}));
    const filter = { providerId: 'p1', userId: 'alice', state: 'alive' as const };
    await drain(vault.tokenInventory.list(organizationId, filter));
    const access = { organizationId, userId: 'alice', mayReachAll: false };
    const wish = { ...access, agentId: AGENT, tokenId: id, mayConnectAll: false };
    const connection = await vault.connections.create(wish, OPERATOR);
    if (typeof connection === 'string') throw new Error(connection);
    await vault.connections.list(access, AGENT);
    await vault.connections.delete(access, AGENT, connection.id, OPERATOR);
  }

  async function consents(): Promise<void> {
    const authorization = () => ({
      organizationId,
      id: randomUUID(),
      userId: 'alice',
      providerId: 'p1',
      workspaceId,
      stateHash: randomBytes(32),
      secrets: sealed,
      redirectUri: 'https://app.example/callback',
      scopes: ['read'],
      isDefault: true,
      replacesTokenId: null,
      agentId: null,
    });
    const [begun, refused] = [authorization(), authorization()];
    for (const one of [begun, refused]) await vault.authorizations.start(one, OPERATOR);
    await vault.authorizations.states([begun]);
    await vault.consents.find(organizationId, begun.id);
    await vault.consents.findByState(organizationId, begun.stateHash);
    await vault.consents.claim(organizationId, begun.id);
    const granted = {
      accessToken: sealed,
      refreshToken: sealed,
      scopes: null,
      expiresInSeconds: 3600,
      refreshExpiresInSeconds: null,
      dueInSeconds: 60,
      metadata: null,
      accountId: null,
    };
    const completion = await vault.consents.complete(begun, randomUUID(), granted, OPERATOR);
    if (completion !== 'completed') throw new Error(completion);
    await vault.consents.end(organizationId, refused.id, 'refused');
    await vault.authorizations.sweep(10);
  }

  async function deletions(): Promise<void> {
    const id = await storeToken();
    await vault.tokenDeletions.deleteOne(organizationId, 'alice', id, OPERATOR);
    await vault.tokenInventory.delete(organizationId, await storeToken(), OPERATOR);
    await vault.tokenDeletions.deleteOfUser(organizationId, 'alice', 'p1', OPERATOR);
    await storeToken();
    await vault.tokenDeletions.deleteOfWorkspace(organizationId, workspaceId, 'slack', OPERATOR);
    await drain(vault.revocations.list(organizationId));
    await vault.revocations.claim({ organizationId, ids: [id] }, 10);
    await vault.revocations.claim({ organizationId }, 10);
    await vault.revocations.claim({}, 10);
    const unstored = {
      organizationId,
      id: randomUUID(),
      tokenId: randomUUID(),
      providerId: 'p1',
      accessToken: sealed,
      refreshToken: null,
      metadata: null,
      clientId: 'client',
      clientSecret: null,
      authUrl: 'https://provider.example/authorize',
      tokenUrl: 'https://provider.example/token',
      tokenEndpointAuthMethod: 'none' as const,
      revocationEndpoint: null,
    };
    await vault.revocations.holdsToken(organizationId, 'p1');
    await vault.revocations.owe(unstored, OPERATOR);
    await vault.revocations.postpone({ organizationId, id }, 60, 'unavailable');
    await vault.revocations.endDue(organizationId, ['https://provider.example/token']);
    await vault.revocations.end([{ organizationId, id, outcome: 'revoked' }]);
    await storeToken();
    await vault.deletions.delete(organizationId, 'p1', OPERATOR);
    await vault.deletions.resume();
  }

  const background = () => sendBackgroundStatements(vault, { organizationId, sealed, storeToken });
  for (const part of [organizations, providers, tokens, consents, background, deletions]) await part();
}
