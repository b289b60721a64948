import { Command, Option } from 'commander';
import type { ActsFor, ApiKey } from '../../db/api-keys.ts';
import { OPERATOR } from '../../db/audit.ts';
import type { Role } from '../../security/caller.ts';
import { OperatorError } from '../../service/operator-error.ts';
import { duration, userId } from '../arguments.ts';
import { organizationId, withVault } from '../command.ts';
import { examples } from '../help.ts';

const described = (key: ApiKey) => ({
  organization_id: key.organizationId,
  workspace_id: key.workspaceId,
  user_id: key.userId,
  role: key.role,
  acts_for: key.actsFor,
  expires_at: key.expiresAt?.toISOString() ?? null,
});

interface CreateOptions {
  readonly organization: string;
  readonly workspace?: string;
  readonly user: string;
  readonly role: Role;
  readonly actsFor: ActsFor;
  readonly expiresIn?: number;
}

const create = new Command('create')
  .description('make an API key, and print it this one time')
  .requiredOption('--organization <id or name>', 'the organization of the key')
  .requiredOption('--user <id>', 'the user of the key', userId)
  .addOption(
    new Option('--role <role>', 'what the key may do').choices(['admin', 'member']).makeOptionMandatory(),
  )
  .addOption(
    new Option('--acts-for <whom>', 'its own user, or any user of the organization, named by X-User-Id')
      .choices(['user', 'organization'])
      .default('user'),
  )
  .option('--workspace <id or name>', 'the workspace of its requests (default: the first one)')
  .option(
    '--expires-in <duration>',
    'how long the key is valid, such as 90d (default: until revoked)',
    duration,
  );
examples(
  create,
  'api-key create --organization acme --user back-end --role member --expires-in 90d',
  'api-key create --organization acme --user gateway --role member --acts-for organization',
);
withVault<CreateOptions>(create, async (vault, options) => {
  const organization = await organizationId(vault, options.organization);
  const workspaceId =
    options.workspace === undefined
      ? await vault.workspaces.find(organization)
      : await vault.workspaces.resolve(organization, options.workspace);
  if (workspaceId === undefined)
    throw new OperatorError('no workspace of the organization has this id or name (--workspace)');
  const { apiKey, ...key } = await vault.apiKeys.create(
    {
      organizationId: organization,
      workspaceId,
      userId: options.user,
      role: options.role,
      actsFor: options.actsFor,
      expiresInSeconds: options.expiresIn ?? null,
    },
    OPERATOR,
  );
  return { api_key_id: key.apiKeyId, api_key: apiKey, ...described(key) };
});

const list = new Command('list')
  .description('list the API keys of an organization, never the keys themselves')
  .requiredOption('--organization <id or name>', 'whose keys');
withVault<{ organization: string }>(list, async (vault, { organization }) =>
  (await vault.apiKeys.list(await organizationId(vault, organization))).map((key) => ({
    api_key_id: key.apiKeyId,
    ...described(key),
    revoked_at: key.revokedAt?.toISOString() ?? null,
    last_used_at: key.lastUsedAt?.toISOString() ?? null,
  })),
);

const revoke = new Command('revoke')
  .description('end an API key')
  .requiredOption('--organization <id or name>', 'whose key')
  .requiredOption('--api-key-id <id>', 'its public id, the six characters after thk_');
withVault<{ organization: string; apiKeyId: string }>(revoke, async (vault, { organization, apiKeyId }) => {
  const revokedAt = await vault.apiKeys.revoke(await organizationId(vault, organization), apiKeyId, OPERATOR);
  if (revokedAt === undefined)
    throw new OperatorError('the organization has no API key of this id (--api-key-id)');
  return { api_key_id: apiKeyId, revoked_at: revokedAt.toISOString() };
});

export const command = new Command('api-key').addCommand(create).addCommand(list).addCommand(revoke);
