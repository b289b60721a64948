import type { Command } from 'commander';
import { loadConfig } from '../service/config.ts';
import { OperatorError } from '../service/operator-error.ts';
import type { Vault } from '../service/repositories.ts';
import { print, type Row } from './output.ts';

/** Adds `--json` and runs the command on the configured vault. Undefined: the command has printed its result itself. */
export function withVault<Options extends object>(
  command: Command,
  run: (vault: Vault, options: Options) => Promise<Row | readonly Row[] | undefined>,
): Command {
  return command
    .option('--json', 'print one JSON value')
    .action(async (options: Options & { json?: boolean }) => {
      const config = loadConfig(process.env);
      // The help of a command does not wait for the packages of the database.
      const { openCommandVault } = await import('../service/repositories.ts');
      const vault = await openCommandVault(config);
      try {
        const result = await run(vault, options);
        if (result !== undefined) print(result, options);
      } finally {
        await vault.close();
      }
    });
}

/** The id of the organization that `--organization` names; without the option, of the only one. */
export async function organizationId(vault: Vault, idOrName: string | undefined): Promise<string> {
  if (idOrName === undefined) {
    const [only, ...others] = await vault.organizations.list();
    if (only === undefined)
      throw new OperatorError('there is no organization: make one with `organization create`');
    if (others.length > 0)
      throw new OperatorError('there are several organizations: name one with --organization');
    return only.organizationId;
  }
  const found = await vault.organizations.find(idOrName);
  if (found === undefined) throw new OperatorError('no organization has this id or name (--organization)');
  return found;
}
