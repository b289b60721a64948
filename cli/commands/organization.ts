import { Command } from 'commander';
import type { Organization } from '../../db/organizations.ts';
import { OperatorError } from '../../service/operator-error.ts';
import { name } from '../arguments.ts';
import { organizationId, withVault } from '../command.ts';
import { examples } from '../help.ts';

const row = (organization: Organization) => ({
  organization_id: organization.organizationId,
  workspace_id: organization.workspaceId,
  name: organization.name,
});

const create = new Command('create')
  .description('make an organization and its first workspace')
  .requiredOption('--name <name>', 'unique name', name);
examples(create, 'organization create --name acme');
withVault<{ name: string }>(create, async ({ organizations }, options) => {
  const created = await organizations.create(options.name);
  if (created === undefined) throw new OperatorError('an organization has this name already (--name)');
  return row(created);
});

const list = new Command('list').description('list the organizations, each with its first workspace');
withVault(list, async ({ organizations }) => (await organizations.list()).map(row));

const rename = new Command('rename')
  .description('give an organization another name; its id stays')
  .requiredOption('--organization <id or name>', 'which one')
  .requiredOption('--name <name>', 'its new unique name', name);
examples(rename, 'organization rename --organization acme --name "Acme Inc."');
withVault<{ organization: string; name: string }>(rename, async (vault, options) => {
  const id = await organizationId(vault, options.organization);
  if (!(await vault.organizations.rename(id, options.name))) {
    throw new OperatorError('an organization has this name already (--name)');
  }
  return { organization_id: id, name: options.name };
});

const remove = new Command('delete')
  .description('delete an organization without providers, its workspaces and API keys; audit records stay')
  .requiredOption('--organization <id or name>', 'which one')
  .requiredOption('--yes', 'confirm the deletion');
examples(remove, 'organization delete --organization acme --yes');
withVault<{ organization: string }>(remove, async (vault, { organization }) => {
  const id = await organizationId(vault, organization);
  if (!(await vault.organizations.delete(id))) {
    throw new OperatorError(
      'the organization has providers: delete them first with `provider delete`, and their tokens with them',
    );
  }
  return { organization_id: id };
});

export const command = new Command('organization')
  .addCommand(create)
  .addCommand(list)
  .addCommand(rename)
  .addCommand(remove);
