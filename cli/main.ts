#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { migrate } from '../db/postgres/migrate.ts';
import { ConfigError, loadConfig } from '../service/config.ts';
import { explain } from '../service/failure.ts';
import { openCommandVault } from '../service/repositories.ts';
import { apiKeyCommand } from './commands/api-key.ts';
import { auditCommand } from './commands/audit.ts';
import { doctorCommand } from './commands/doctor.ts';
import { fernetKeyCommand } from './commands/fernet-key.ts';
import { keysCommand } from './commands/keys.ts';
import { organizationCommand } from './commands/organization.ts';
import { providerCommand } from './commands/provider.ts';
import { tokenCommand } from './commands/token.ts';
import { workspaceCommand } from './commands/workspace.ts';

const FAILED = 1;
const USAGE = 2;

const serveCommand = new Command('serve').description('serve the API until SIGTERM').action(async () => {
  const config = loadConfig(process.env);
  // The server's packages take half a second to load, which no other command should wait for.
  const { serve } = await import('../service/serve.ts');
  await serve(config);
});

const migrateCommand = new Command('migrate')
  .description('bring the database up to date')
  .action(async () => {
    const vault = await openCommandVault(loadConfig(process.env), ({ connectionString }) =>
      migrate(connectionString),
    );
    await vault.close();
  });

const program = new Command('tokenhold')
  .description(
    'A self-hosted vault for the OAuth tokens that agents and bots act with. Settings come from the environment.',
  )
  .addCommand(serveCommand)
  .addCommand(migrateCommand)
  .addCommand(organizationCommand)
  .addCommand(workspaceCommand)
  .addCommand(apiKeyCommand)
  .addCommand(providerCommand)
  .addCommand(fernetKeyCommand)
  .addCommand(keysCommand)
  .addCommand(tokenCommand)
  .addCommand(auditCommand)
  .addCommand(doctorCommand);

/** Commander's own refusals become exit status 2 instead of 1. */
function throwOnUsage(command: Command): void {
  command.exitOverride();
  for (const subcommand of command.commands) throwOnUsage(subcommand);
}

try {
  throwOnUsage(program);
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : USAGE;
  else {
    process.stderr.write(`tokenhold: ${explain(error)}\n`);
    process.exitCode = error instanceof ConfigError ? USAGE : FAILED;
  }
}
