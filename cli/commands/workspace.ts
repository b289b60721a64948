import { Command } from 'commander';
import type { Workspace } from '../../db/workspaces.ts';
import { OperatorError } from '../../service/operator-error.ts';
import { name } from '../arguments.ts';
import { organizationId, withVault } from '../command.ts';

const row = (workspace: Workspace) => ({
  organization_id: workspace.organizationId,
  workspace_id: workspace.workspaceId,
  name: workspace.name,
});

const create = new Command('create')
  .description('make a workspace')
  .requiredOption('--organization <id or name>', 'whose workspace')
  .requiredOption('--name <name>', 'name, unique in the organization', name);
withVault<{ organization: string; name: string }>(create, async (vault, options) => {
  const organization = await organizationId(vault, options.organization);
  const created = await vault.workspaces.create(organization, options.name);
  if (created === undefined)
    throw new OperatorError('a workspace of the organization has this name already (--name)');
  return row(created);
});

const list = new Command('list')
  .description('list the workspaces of an organization')
  .requiredOption('--organization <id or name>', 'whose workspaces');
withVault<{ organization: string }>(list, async (vault, { organization }) =>
  (await vault.workspaces.list(await organizationId(vault, organization))).map(row),
);

export const command = new Command('workspace').addCommand(create).addCommand(list);
