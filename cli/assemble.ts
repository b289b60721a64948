import type { Express } from 'express';
import { isMigrated } from '../db/migrate.ts';
import { tokenHandlers } from '../handlers/tokens.ts';
import { createAuthenticator } from '../security/authenticate.ts';
import { createBearerVerifier } from '../security/bearer.ts';
import { createApp } from '../server/app.ts';
import { createLogger } from '../server/log.ts';
import type { Config } from './config.ts';
import type { Vault } from './vault.ts';

/** Where the parts meet: each gets only what it needs. */
export function assembleApp(config: Config, vault: Vault): Promise<Express> {
  const { apiKeys, workspaces, tokens, cipher, db } = vault;
  const authenticate = createAuthenticator({
    findApiKey: (keyHash) => apiKeys.authenticate(keyHash),
    findWorkspace: (organizationId, workspaceId) => workspaces.find(organizationId, workspaceId),
    verifyBearer: config.oidc && createBearerVerifier(config.oidc),
  });
  return createApp({
    handlers: { ...tokenHandlers({ tokens, cipher }) },
    authenticate,
    isReady: async () => cipher.decrypt(cipher.encrypt('')) === '' && (await isMigrated(db)),
    log: createLogger(config.logLevel),
    trustProxy: config.trustProxy,
    limits: config.limits,
  });
}
