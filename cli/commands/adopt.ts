import { Command } from 'commander';
import { withVault } from '../command.ts';

export const adoptCommand = new Command('adopt').description(
  'let a restored dump or a clone refresh and revoke tokens: run it only if the original database is out of use',
);
withVault(adoptCommand, async ({ identity }) => ({ adopted: await identity.adopt() }));
