import { Command } from 'commander';
import { loadConfig } from '../../service/config.ts';
import { bringUpToDate } from '../../service/migration.ts';
import { openCommandVault } from '../../service/repositories.ts';
import { print } from '../output.ts';

export const command = new Command('migrate')
  .option('--json', 'print one JSON value')
  .action(async (options: { json?: boolean }) => {
    let ran: readonly string[] = [];
    const vault = await openCommandVault(loadConfig(process.env), async (config, vault) => {
      ran = await bringUpToDate(config, vault);
    });
    await vault.close();
    if (options.json === true || ran.length > 0) {
      print(
        ran.map((migration) => ({ migration })),
        options,
      );
    } else process.stdout.write('up to date\n');
  });
