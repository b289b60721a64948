import { text } from 'node:stream/consumers';
import { Command, InvalidArgumentError, Option } from 'commander';
import { OPERATOR } from '../../db/audit.ts';
import type { Provider, ProviderType } from '../../db/providers.ts';
import { isProviderId, isProviderUrl } from '../../oauth/provider.ts';
import { OperatorError } from '../../service/failure.ts';
import { organizationId, withVault } from '../command.ts';

const row = ({ id, providerId }: Provider) => ({ id, provider_id: providerId });

function providerId(value: string): string {
  if (isProviderId(value)) return value;
  throw new InvalidArgumentError(
    'It must have 1 to 255 of the characters A-Z a-z 0-9 . _ ~ - and not be . or ..',
  );
}

function url(value: string): string {
  if (isProviderUrl(value)) return value;
  throw new InvalidArgumentError(
    'It must be an https URL without user info or fragment (http only on a loopback host).',
  );
}

interface CreateOptions {
  readonly organization: string;
  readonly providerId: string;
  readonly name: string;
  readonly clientId: string;
  readonly authUrl: string;
  readonly tokenUrl: string;
  readonly type?: ProviderType;
  readonly clientSecretStdin?: boolean;
}

const create = new Command('create')
  .description('make an OAuth provider')
  .requiredOption('--organization <id or name>', 'whose provider')
  .requiredOption('--provider-id <id>', 'the name that imports use, unique in the organization', providerId)
  .requiredOption('--name <name>', 'its name for people')
  .requiredOption('--client-id <id>', 'the OAuth client id')
  .requiredOption('--auth-url <url>', 'the authorization endpoint', url)
  .requiredOption('--token-url <url>', 'the token endpoint', url)
  .addOption(
    new Option('--type <type>', 'its kind, where it needs special care').choices([
      'microsoft',
      'salesforce',
      'slack',
    ]),
  )
  .option('--client-secret-stdin', 'read the OAuth client secret from standard input');
withVault<CreateOptions>(create, async (vault, options) => {
  const clientSecret =
    options.clientSecretStdin === true ? (await text(process.stdin)).replace(/\r?\n$/, '') : undefined;
  const created = await vault.providers.create(
    await organizationId(vault, options.organization),
    {
      providerId: options.providerId,
      name: options.name,
      clientId: options.clientId,
      clientSecret: clientSecret === undefined ? null : vault.keyRing.seal(clientSecret),
      authUrl: options.authUrl,
      tokenUrl: options.tokenUrl,
      providerType: options.type ?? null,
    },
    OPERATOR,
  );
  if (created === undefined)
    throw new OperatorError('the organization has a provider of this id already (--provider-id)');
  return row(created);
});

const list = new Command('list')
  .description('list the providers of an organization')
  .requiredOption('--organization <id or name>', 'whose providers');
withVault<{ organization: string }>(list, async (vault, { organization }) =>
  (await vault.providers.list(await organizationId(vault, organization))).map(row),
);

export const providerCommand = new Command('provider')
  .description('OAuth providers, the applications whose tokens are kept')
  .addCommand(create)
  .addCommand(list);
