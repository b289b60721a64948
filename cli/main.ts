#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { ConfigError, loadConfig } from '../service/config.ts';
import { explain } from '../service/failure.ts';
import { VERSION } from '../service/version.ts';
import { adoptCommand } from './commands/adopt.ts';
import { apiKeyCommand } from './commands/api-key.ts';
import { auditCommand } from './commands/audit.ts';
import { doctorCommand } from './commands/doctor.ts';
import { fernetKeyCommand } from './commands/fernet-key.ts';
import { keysCommand } from './commands/keys.ts';
import { migrateCommand } from './commands/migrate.ts';
import { organizationCommand } from './commands/organization.ts';
import { providerCommand } from './commands/provider.ts';
import { revocationCommand } from './commands/revocation.ts';
import { setupCommand } from './commands/setup.ts';
import { tokenCommand } from './commands/token.ts';
import { workspaceCommand } from './commands/workspace.ts';
import { examples, prepare } from './help.ts';

const FAILED = 1;
const USAGE = 2;

const serveCommand = new Command('serve').description('serve the API until SIGTERM').action(async () => {
  const config = loadConfig(process.env);
  // The server's packages take half a second to load, which no other command should wait for.
  const { serve } = await import('../service/serve.ts');
  await serve(config);
});

const program = new Command('tokenhold')
  .description(
    'A self-hosted vault for the OAuth tokens that agents and bots act with. Settings come from the environment.',
  )
  .version(VERSION)
  .addCommand(serveCommand)
  .addCommand(migrateCommand)
  .addCommand(setupCommand)
  .addCommand(organizationCommand)
  .addCommand(workspaceCommand)
  .addCommand(apiKeyCommand)
  .addCommand(providerCommand)
  .addCommand(fernetKeyCommand)
  .addCommand(keysCommand)
  .addCommand(tokenCommand)
  .addCommand(revocationCommand)
  .addCommand(auditCommand)
  .addCommand(adoptCommand)
  .addCommand(doctorCommand);

examples(
  program,
  'fernet-key generate',
  'setup --organization acme --from github --client-id Iv1.8a61f9b3 --client-secret-stdin <secret',
  'api-key create --organization acme --user back-end --role member --expires-in 90d',
  'doctor',
);

/** Node replaces bytes that are not UTF-8 by U+FFFD. The stored name would differ from the given one. */
function refuseBrokenText(args: readonly string[]): void {
  if (args.some((arg) => arg.includes('\u{FFFD}'))) {
    throw new ConfigError(['an argument is not valid UTF-8']);
  }
}

try {
  prepare(program);
  refuseBrokenText(process.argv);
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : USAGE;
  else {
    process.stderr.write(`tokenhold: ${explain(error)}\n`);
    process.exitCode = error instanceof ConfigError ? USAGE : FAILED;
  }
}
