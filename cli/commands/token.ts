import { Command, Option } from 'commander';
import { OPERATOR } from '../../db/audit.ts';
import { GRANT_STATES, type GrantState } from '../../db/grant-states.ts';
import type { ListedToken } from '../../db/token-inventory.ts';
import { OperatorError } from '../../service/operator-error.ts';
import { uuid } from '../arguments.ts';
import { organizationId, withVault } from '../command.ts';
import { examples } from '../help.ts';

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

const listed = (token: ListedToken) => ({
  token_id: token.id,
  provider_id: token.providerId,
  user_id: token.userId,
  workspace_id: token.workspaceId,
  label: token.label,
  scopes: token.scopes,
  is_default: token.isDefault,
  expires_at: token.expiresAt?.toISOString() ?? null,
  created_at: token.createdAt.toISOString(),
  state: token.state,
  reason: token.reason,
});

interface ListOptions {
  readonly organization: string;
  readonly providerId?: string;
  readonly user?: string;
  readonly state?: GrantState;
  readonly lines?: boolean;
}

const list = new Command('list')
  .description('list the tokens of all users, oldest first, without their secrets')
  .requiredOption('--organization <id or name>', 'whose tokens')
  .option('--provider-id <id>', 'those of one provider')
  .option('--user <id>', 'those of one user')
  .addOption(
    new Option('--state <state>', 'those in a state; dead: a person must consent again').choices(
      GRANT_STATES,
    ),
  )
  .option('--lines', 'print a JSON object per line, however many there are');
examples(list, 'token list --organization acme --provider-id slack-prod');
withVault<ListOptions>(list, async (vault, { organization, providerId, user, state, lines }) => {
  const filter = { providerId, userId: user, state };
  const tokens = vault.tokenInventory.list(await organizationId(vault, organization), filter);
  const all = [];
  for await (const token of tokens) {
    if (lines === true) process.stdout.write(`${JSON.stringify(listed(token))}\n`);
    else all.push(listed(token));
  }
  return lines === true ? undefined : all;
});

const remove = new Command('delete')
  .description('delete one token; a running service then asks its provider to revoke it')
  .requiredOption('--organization <id or name>', 'whose token')
  .requiredOption('--token-id <id>', 'its id', uuid);
withVault<{ organization: string; tokenId: string }>(remove, async (vault, { organization, tokenId }) => {
  const id = await organizationId(vault, organization);
  if (!(await vault.tokenInventory.delete(id, tokenId, OPERATOR))) {
    throw new OperatorError('the organization has no token of this id (--token-id)');
  }
  return { token_id: tokenId };
});

export const command = new Command('token').addCommand(list).addCommand(inspect).addCommand(remove);
