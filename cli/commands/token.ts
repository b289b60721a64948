import { Command } from 'commander';
import { OperatorError } from '../../service/failure.ts';
import { uuid } from '../arguments.ts';
import { organizationId, withVault } from '../command.ts';

const inspect = new Command('inspect')
  .description('decrypt one token for an operator who holds the keys; leaves an audit record')
  .requiredOption('--organization <id or name>', 'whose token')
  .requiredOption('--token-id <id>', 'the id that its import answered', uuid);
withVault<{ organization: string; tokenId: string }>(inspect, async (vault, { organization, tokenId }) => {
  const token = await vault.tokens.inspect(await organizationId(vault, organization), tokenId);
  if (token === undefined) throw new OperatorError('the organization has no token of this id (--token-id)');
  return {
    access_token: vault.keyRing.open(token.accessToken),
    refresh_token: token.refreshToken === null ? null : vault.keyRing.open(token.refreshToken),
    scopes: token.scopes,
    metadata: token.metadata,
    is_default: token.isDefault,
    expires_at: token.expiresAt?.toISOString() ?? null,
  };
});

export const tokenCommand = new Command('token').description('tokens').addCommand(inspect);
