import { Command } from 'commander';
import { OPERATOR } from '../../db/audit.ts';
import type { Provider } from '../../db/providers.ts';
import { redirectUri } from '../../oauth/provider-settings.ts';
import { loadCatalogue } from '../../service/catalogue-file.ts';
import { loadConfig } from '../../service/config.ts';
import { OperatorError } from '../../service/operator-error.ts';
import { name, providerUrl } from '../arguments.ts';
import { organizationId, withVault } from '../command.ts';
import { examples } from '../help.ts';
import { print, type Row } from '../output.ts';
import { type GivenSettings, providerOptions, providerSettings } from '../provider-settings.ts';
import { readSecret } from '../secret.ts';

const row = ({ id, providerId }: Provider) => ({ id, provider_id: providerId });

interface CreateOptions extends GivenSettings {
  readonly organization?: string;
  readonly clientId: string;
}

const create = new Command('create')
  .description('make an OAuth provider, and tell the redirect URI to register there')
  .option('--organization <id or name>', 'whose provider; may be left out while there is only one');
providerOptions(create).addHelpText(
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
  .description('list the providers of an organization, without their secrets')
  .requiredOption('--organization <id or name>', 'whose providers');
withVault<{ organization: string }>(list, async (vault, { organization }) => {
  const rows: Row[] = [];
  for await (const provider of vault.providers.list(await organizationId(vault, organization))) {
    rows.push({
      provider_id: provider.providerId,
      name: provider.name,
      client_id: provider.clientId,
      auth_url: provider.authUrl,
      token_url: provider.tokenUrl,
      provider_type: provider.providerType,
      token_endpoint_auth_method: provider.tokenEndpointAuthMethod,
      uses_pkce: provider.usesPkce,
      created_at: provider.createdAt.toISOString(),
      updated_at: provider.updatedAt.toISOString(),
      id: provider.id,
    });
  }
  return rows;
});

const NO_PROVIDER = 'the organization has no provider of this id (--provider-id)';

interface UpdateOptions {
  readonly organization: string;
  readonly providerId: string;
  readonly name?: string;
  readonly clientId?: string;
  readonly clientSecretStdin?: boolean;
  readonly authUrl?: string;
  readonly tokenUrl?: string;
}

const update = new Command('update')
  .description('change settings of a provider; settings that are left out stay as they are')
  .requiredOption('--organization <id or name>', 'whose provider')
  .requiredOption('--provider-id <id>', 'which one')
  .option('--name <name>', 'its name for people', name)
  .option('--client-id <id>', 'the OAuth client id')
  .option('--client-secret-stdin', 'read the OAuth client secret from standard input')
  .option('--auth-url <url>', 'the authorization endpoint', providerUrl)
  .option('--token-url <url>', 'the token endpoint', providerUrl);
examples(
  update,
  'provider update --organization acme --provider-id slack-prod --client-secret-stdin <secret',
);
withVault<UpdateOptions>(update, async (vault, options) => {
  const { organization, providerId: id, clientSecretStdin, ...change } = options;
  const clientSecret =
    clientSecretStdin === true ? vault.keyRing.seal(await readSecret('--client-secret-stdin')) : undefined;
  const { name: newName, clientId, authUrl, tokenUrl } = change;
  const given = { name: newName, clientId, clientSecret, authUrl, tokenUrl };
  if (Object.values(given).every((value) => value === undefined)) {
    throw new OperatorError('there is nothing to change: give --name, --client-id or another setting');
  }
  const owner = await organizationId(vault, organization);
  const updated = await vault.providers.update(owner, id, given, OPERATOR);
  if (updated === undefined) throw new OperatorError(NO_PROVIDER);
  return row(updated);
});

const remove = new Command('delete')
  .description('delete a provider and all its tokens')
  .requiredOption('--organization <id or name>', 'whose provider')
  .requiredOption('--provider-id <id>', 'which one')
  .requiredOption('--yes', 'confirm the deletion');
examples(remove, 'provider delete --organization acme --provider-id slack-old --yes');
withVault<{ organization: string; providerId: string }>(remove, async (vault, options) => {
  const owner = await organizationId(vault, options.organization);
  const deleted = await vault.deletions.delete(owner, options.providerId, OPERATOR);
  if (deleted === undefined) throw new OperatorError(NO_PROVIDER);
  await vault.deletions.resume(); // until the last token is gone, which may take longer than `delete` waits
  return row(deleted);
});

export const command = new Command('provider')
  .addCommand(create)
  .addCommand(catalogue)
  .addCommand(list)
  .addCommand(update)
  .addCommand(remove);
