import { type Command, Help } from 'commander';

const help = new Help();

/** Prepares a command and those below it: the help marks required options, and Commander throws instead of exiting. */
export function prepare(command: Command): void {
  command.exitOverride().configureHelp({
    optionDescription: (option) =>
      `${help.optionDescription(option)}${option.mandatory ? ' (required)' : ''}`,
  });
  for (const subcommand of command.commands) prepare(subcommand);
}

/** Shows command lines, without the program's name, below the help of a command. */
export function examples(command: Command, ...lines: readonly string[]): void {
  const title = lines.length === 1 ? 'Example' : 'Examples';
  command.addHelpText('after', `\n${title}:\n${lines.map((line) => `  tokenhold ${line}`).join('\n')}`);
}
