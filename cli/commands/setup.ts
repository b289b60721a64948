import { Command, Option } from 'commander';
import { OPERATOR } from '../../db/audit.ts';
import { redirectUri } from '../../oauth/provider-settings.ts';
import type { Role } from '../../security/caller.ts';
import { loadCatalogue } from '../../service/catalogue-file.ts';
import { loadConfig } from '../../service/config.ts';
import { OperatorError } from '../../service/operator-error.ts';
import type { Vault } from '../../service/repositories.ts';
import { duration, name, userId } from '../arguments.ts';
import { withVault } from '../command.ts';
import { examples } from '../help.ts';
import { print } from '../output.ts';
import { type GivenSettings, providerOptions, providerSettings } from '../provider-settings.ts';
import { readSecret } from '../secret.ts';

interface SetupOptions extends GivenSettings {
  readonly organization: string;
  readonly clientId: string;
  readonly user: string;
  readonly role: Role;
  readonly expiresIn?: number;
  readonly json?: boolean;
}

const setup = new Command('setup').requiredOption(
  '--organization <name>',
  'the name of a new or an existing organization',
  name,
);
providerOptions(setup)
  .addOption(new Option('--user <id>', 'the user of the API key').default('admin').argParser(userId))
  .addOption(
    new Option('--role <role>', 'what the API key may do').choices(['admin', 'member']).default('admin'),
  )
  .option('--expires-in <duration>', 'how long the API key is valid, such as 90d', duration);
examples(
  setup,
  'setup --organization acme --from github --client-id Iv1.8a61f9b3 --client-secret-stdin <secret',
);

/** Takes an organization that exists, so that a set-up that stopped half-way may be repeated. */
async function findOrCreate({ organizations, workspaces }: Vault, named: string) {
  const created = await organizations.create(named);
  if (created !== undefined) return created;
  const organizationId = await organizations.find(named);
  const workspaceId = organizationId === undefined ? undefined : await workspaces.find(organizationId);
  if (organizationId === undefined || workspaceId === undefined) {
    throw new OperatorError('the organization was deleted meanwhile: try again');
  }
  return { organizationId, workspaceId };
}

/** What to do if there is a provider of this id. An earlier set-up may have stopped before it made the API key. */
const hasProvider = ({ organization, user, role }: SetupOptions): string =>
  'the organization has a provider of this id already: choose another (--provider-id), or make only the API key with ' +
  `\`tokenhold api-key create --organization ${quoted(organization)} --user ${quoted(user)} --role ${role}\``;

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

const curl = (publicUrl: string, apiKey: string, providerId: string): string =>
  `curl -sS ${publicUrl}/v2/auth/tokens/import -w '\\n' -H ${quoted(`X-Api-Key: ${apiKey}`)}` +
  ` -H 'Content-Type: application/json' -d ${quoted(JSON.stringify({ provider_id: providerId, access_token: 'example' }))}`;

export const command = withVault<SetupOptions>(setup, async (vault, options) => {
  const config = loadConfig(process.env);
  const settings = providerSettings(options, loadCatalogue(config));
  const clientSecret =
    options.clientSecretStdin === true ? vault.keyRing.seal(await readSecret('--client-secret-stdin')) : null;
  const { organizationId, workspaceId } = await findOrCreate(vault, options.organization);
  const provider = await vault.providers.create(
    organizationId,
    { ...settings, clientId: options.clientId, clientSecret },
    OPERATOR,
  );
  if (provider === undefined) throw new OperatorError(hasProvider(options));
  const { apiKey, apiKeyId } = await vault.apiKeys.create(
    {
      organizationId,
      workspaceId,
      userId: options.user,
      role: options.role,
      expiresInSeconds: options.expiresIn ?? null,
    },
    OPERATOR,
  );
  const made = {
    organization_id: organizationId,
    workspace_id: workspaceId,
    provider_id: provider.providerId,
    redirect_uri: redirectUri(config.publicUrl, provider.providerId),
    api_key_id: apiKeyId,
    api_key: apiKey,
  };
  const command = curl(config.publicUrl, apiKey, provider.providerId);
  if (options.json === true) return { ...made, curl: command };
  print(made, options);
  process.stdout.write(`\n${command}\n`);
  return undefined;
});
