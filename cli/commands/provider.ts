import { Command, Option } from 'commander';
import { OPERATOR } from '../../db/audit.ts';
import type { Provider } from '../../db/providers.ts';
import { redirectUri } from '../../oauth/provider-settings.ts';
import { loadCatalogue } from '../../service/catalogue-file.ts';
import { loadConfig } from '../../service/config.ts';
import { OperatorError } from '../../service/failure.ts';
import { name, providerId, providerUrl } from '../arguments.ts';
import { organizationId, withVault } from '../command.ts';
import { print } from '../output.ts';
import { type GivenSettings, providerSettings } from '../provider-settings.ts';
import { readSecret } from '../secret.ts';

const row = ({ id, providerId }: Provider) => ({ id, provider_id: providerId });

interface CreateOptions extends GivenSettings {
  readonly organization?: string;
  readonly clientId: string;
}

const create = new Command('create')
  .description('make an OAuth provider, and tell the redirect URI to register there')
  .option('--organization <id or name>', 'whose provider; may be left out while there is only one')
  .option('--from <name>', 'take the settings of a well-known provider, see `provider catalogue`')
  .requiredOption('--client-id <id>', 'the OAuth client id')
  .option('--client-secret-stdin', 'read the OAuth client secret from standard input')
  .option('--provider-id <id>', 'the name that callers use, unique in the organization', providerId)
  .option('--name <name>', 'its name for people', name)
  .option('--auth-url <url>', 'the authorization endpoint', providerUrl)
  .option('--token-url <url>', 'the token endpoint', providerUrl)
  .addOption(
    new Option(
      '--token-endpoint-auth-method <method>',
      'how the client authenticates at the token endpoint',
    ).choices(['client_secret_post', 'client_secret_basic', 'none']),
  )
  .addOption(
    new Option('--type <type>', 'its kind, where it needs special care').choices([
      'microsoft',
      'salesforce',
      'slack',
    ]),
  )
  .addHelpText(
    'after',
    `
Without --from, these are required: --provider-id, --name, --auth-url, --token-url.

Examples:
  tokenhold provider create --from github --client-id Iv1.8a61f9b3 --client-secret-stdin <secret
  tokenhold provider create --from zendesk --client-id tokenhold --client-secret-stdin \\
    --auth-url https://acme.zendesk.com/oauth/authorizations/new --token-url https://acme.zendesk.com/oauth/tokens <secret`,
  );
withVault<CreateOptions>(create, async (vault, options) => {
  const config = loadConfig(process.env);
  const settings = providerSettings(options, loadCatalogue(config));
  const created = await vault.providers.create(
    await organizationId(vault, options.organization),
    {
      ...settings,
      clientId: options.clientId,
      clientSecret:
        options.clientSecretStdin === true
          ? vault.keyRing.seal(await readSecret('--client-secret-stdin'))
          : null,
    },
    OPERATOR,
  );
  if (created === undefined)
    throw new OperatorError('the organization has a provider of this id already (--provider-id)');
  return { ...row(created), redirect_uri: redirectUri(config.publicUrl, created.providerId) };
});

const catalogue = new Command('catalogue')
  .description('list the well-known providers that `create --from` knows')
  .option('--json', 'print one JSON value')
  .action((options: { json?: boolean }) => {
    const { entries } = loadCatalogue(loadConfig(process.env));
    const rows = entries.map(({ name, displayName, tokenUrl, match }) => ({
      name,
      provider: displayName,
      token_url: tokenUrl ?? `https://${match[0]}/...`,
    }));
    print(rows, options);
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
  .addCommand(catalogue)
  .addCommand(list);
