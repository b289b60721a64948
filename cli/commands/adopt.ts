import { Command } from 'commander';
import { withVault } from '../command.ts';

export const adoptCommand = new Command('adopt').description(
  'let a restored dump or a clone refresh tokens: run it only when the database it was copied from is out of use',
);
withVault(adoptCommand, async ({ identity }) => ({ adopted: await identity.adopt() }));
