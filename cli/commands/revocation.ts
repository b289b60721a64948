import { Command } from 'commander';
import type { ListedRevocation } from '../../db/revocations.ts';
import { organizationId, withVault } from '../command.ts';

const described = (owed: ListedRevocation) => ({
  token_id: owed.tokenId,
  provider_id: owed.providerId,
  deleted_by: owed.deletedBy,
  deleted_at: owed.deletedAt.toISOString(),
  attempts: owed.attempts,
  problem: owed.problem,
  next_attempt_at: owed.nextAttemptAt.toISOString(),
});

interface ListOptions {
  readonly organization: string;
  readonly lines?: boolean;
}

const list = new Command('list')
  .description('list deleted tokens that their providers have not revoked yet, oldest token first')
  .requiredOption('--organization <id or name>', 'whose tokens')
  .option('--lines', 'print a JSON object per line, however many there are');
withVault<ListOptions>(list, async (vault, { organization, lines }) => {
  const all = [];
  for await (const owed of vault.revocations.list(await organizationId(vault, organization))) {
    if (lines === true) process.stdout.write(`${JSON.stringify(described(owed))}\n`);
    else all.push(described(owed));
  }
  return lines === true ? undefined : all;
});

export const command = new Command('revocation').addCommand(list);
