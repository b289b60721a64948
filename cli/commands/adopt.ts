import { Command } from 'commander';
import { withVault } from '../command.ts';

export const command = new Command('adopt');
withVault(command, async ({ identity }) => ({ adopted: await identity.adopt() }));
