import { clientDocuments, mcpDiscoveryHandlers } from '../handlers/mcp-discovery.ts';
import type { TokenResult } from '../oauth/token-endpoint.ts';
import type { Outbound } from '../outbound/outbound.ts';
import type { Logger } from '../server/log.ts';
import { errorFields } from '../server/log.ts';
import { discoverProvider } from '../vault/discover.ts';
import { registerAgain } from '../vault/register-again.ts';
import type { Config } from './config.ts';
import type { Vault } from './repositories.ts';

interface Parts {
  readonly vault: Pick<Vault, 'discovered' | 'keyRing'>;
  readonly outbound: Outbound;
  readonly log: Logger;
}

/** Registers the client again if the result says that its authorization server has forgotten it. */
export type NoticeForgotten = (
  organizationId: string,
  clientId: string,
  result: TokenResult,
) => Promise<void>;

/** The handlers and pages that make providers of MCP servers. */
export function assembleDiscovery(config: Config, { vault, outbound, log }: Parts) {
  const { publicUrl, allowsUnadvertisedPkce } = config;
  const { requestFor } = outbound;
  const { discovered, keyRing } = vault;
  const { seal } = keyRing;
  const noticeForgotten: NoticeForgotten = async (organizationId, clientId, result) => {
    if (result.outcome !== 'refused' || result.code !== 'invalid_client') return;
    await registerAgain({ discovered, requestFor, seal, publicUrl }, organizationId, clientId).catch(
      (error: unknown) =>
        log.error(
          { 'tokenhold.organization.id': organizationId, ...errorFields(error) },
          'client not registered again',
        ),
    );
  };
  return {
    noticeForgotten,
    pages: clientDocuments(publicUrl),
    handlers: mcpDiscoveryHandlers({
      discovered,
      discover: (organizationId, wish) =>
        discoverProvider(
          { request: requestFor(organizationId), seal, publicUrl, allowsUnadvertisedPkce },
          wish,
        ),
    }),
  };
}
