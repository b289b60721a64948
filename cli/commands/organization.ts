import { Command } from 'commander';
import { OperatorError } from '../../service/failure.ts';
import { name } from '../arguments.ts';
import { withVault } from '../command.ts';

interface Organization {
  readonly organizationId: string;
  readonly workspaceId: string;
  readonly name: string;
}

const row = ({ organizationId, workspaceId, name }: Organization) => ({
  organization_id: organizationId,
  workspace_id: workspaceId,
  name,
});

const create = new Command('create')
  .description('make an organization and its first workspace')
  .requiredOption('--name <name>', 'unique name', name);
withVault<{ name: string }>(create, async ({ organizations }, { name }) => {
  const created = await organizations.create(name);
  if (created === undefined) throw new OperatorError('an organization has this name already (--name)');
  return row(created);
});

const list = new Command('list').description('list the organizations, each with its first workspace');
withVault(list, async ({ organizations }) => (await organizations.list()).map(row));

export const organizationCommand = new Command('organization')
  .description('organizations, the owners of data')
  .addCommand(create)
  .addCommand(list);
