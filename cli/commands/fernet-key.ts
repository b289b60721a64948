import { Command } from 'commander';
import { generateKey } from '../../crypto/fernet.ts';
import { print } from '../output.ts';

const generate = new Command('generate')
  .description('print a new key for FERNET_KEYS')
  .option('--json', 'print one JSON value')
  .action((options: { json?: boolean }) => {
    const key = generateKey();
    if (options.json === true) print({ fernet_key: key }, options);
    else process.stdout.write(`${key}\n`);
  });

export const command = new Command('fernet-key').addCommand(generate);
