#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { VERSION } from '../service/version.ts';
import { examples, prepare } from './help.ts';

const FAILED = 1;
const USAGE = 2;
/** How a shell reports a program that SIGPIPE has ended. Node ignores that signal. */
const BROKEN_PIPE = 141;

/** Each command is loaded when it is called, so that no call waits for the packages of another command. */
const COMMANDS: readonly (readonly [string, string, () => Promise<{ readonly command: Command }>])[] = [
  ['serve', 'serve the API until SIGTERM', () => import('./commands/serve.ts')],
  [
    'migrate',
    'bring the database up to date, and print the migrations that ran',
    () => import('./commands/migrate.ts'),
  ],
  [
    'setup',
    'make an organization, a provider and an API key in one go, and print the curl that imports a token',
    () => import('./commands/setup.ts'),
  ],
  ['organization', 'organizations, the owners of data', () => import('./commands/organization.ts')],
  ['workspace', 'workspaces, the parts of an organization', () => import('./commands/workspace.ts')],
  ['api-key', 'API keys for the back ends that call the service', () => import('./commands/api-key.ts')],
  [
    'provider',
    'OAuth providers, the applications whose tokens are kept',
    () => import('./commands/provider.ts'),
  ],
  ['fernet-key', 'keys that encrypt the tokens', () => import('./commands/fernet-key.ts')],
  [
    'keys',
    'the Fernet keys of the vault: what they protect, and their rotation',
    () => import('./commands/keys.ts'),
  ],
  ['token', 'the tokens of all users', () => import('./commands/token.ts')],
  [
    'revocation',
    'revocations that are still owed; the audit trail tells how the others ended',
    () => import('./commands/revocation.ts'),
  ],
  ['audit', 'the audit trail', () => import('./commands/audit.ts')],
  [
    'adopt',
    'let a restored dump or a clone refresh and revoke tokens: run it only if the original database is out of use',
    () => import('./commands/adopt.ts'),
  ],
  [
    'doctor',
    'check a deployment: settings, database, migrations, clock, keys',
    () => import('./commands/doctor.ts'),
  ],
];

const program = new Command('tokenhold')
  .description(
    'A self-hosted vault for the OAuth tokens that agents and bots act with. Settings come from the environment.',
  )
  .version(VERSION);
examples(
  program,
  'fernet-key generate',
  'setup --organization acme --from github --client-id Iv1.8a61f9b3 --client-secret-stdin <secret',
  'api-key create --organization acme --user back-end --role member --expires-in 90d',
  'doctor',
);

/** Adds all commands. Only the one that the arguments name has its options and subcommands. */
async function addCommands(args: readonly string[]): Promise<void> {
  const named = args.find((arg) => COMMANDS.some(([name]) => name === arg));
  for (const [name, description, load] of COMMANDS) {
    const command = name === named ? (await load()).command : new Command(name);
    program.addCommand(command.description(description));
  }
}

/** Node replaces bytes that are not UTF-8 by U+FFFD. The stored name would differ from the given one. */
function refuseBrokenText(args: readonly string[]): void {
  if (args.some((arg) => arg.includes('\u{FFFD}'))) program.error('error: an argument is not valid UTF-8');
}

async function fail(error: unknown): Promise<void> {
  const [{ explain }, { ConfigError }] = await Promise.all([
    import('../service/failure.ts'),
    import('../service/config.ts'),
  ]);
  process.stderr.write(`tokenhold: ${explain(error)}\n`);
  process.exitCode = error instanceof ConfigError ? USAGE : FAILED;
}

/** Ends the process when nobody reads its output any more, as `| head` does. */
function endWithReader(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
  process.exit(BROKEN_PIPE);
}

for (const stream of [process.stdout, process.stderr]) stream.on('error', endWithReader);
try {
  const args = process.argv.slice(2);
  await addCommands(args);
  prepare(program);
  refuseBrokenText(args);
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : USAGE;
  else await fail(error);
}
