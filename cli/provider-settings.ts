import { type Command, Option } from 'commander';
import type { ProviderType, TokenEndpointAuthMethod } from '../db/providers.ts';
import type { Catalogue } from '../oauth/catalogue/catalogue.ts';
import type { CatalogueEntry } from '../oauth/catalogue-entry.ts';
import { OperatorError } from '../service/operator-error.ts';
import { name, providerId, providerUrl } from './arguments.ts';

export interface GivenSettings {
  readonly from?: string;
  readonly providerId?: string;
  readonly name?: string;
  readonly authUrl?: string;
  readonly tokenUrl?: string;
  readonly type?: ProviderType;
  readonly tokenEndpointAuthMethod?: TokenEndpointAuthMethod;
  readonly clientSecretStdin?: boolean;
}

export interface ProviderSettings {
  readonly providerId: string;
  readonly name: string;
  readonly authUrl: string;
  readonly tokenUrl: string;
  readonly providerType: ProviderType | null;
  readonly usesPkce: boolean | undefined;
  readonly tokenEndpointAuthMethod: TokenEndpointAuthMethod | undefined;
}

/** Adds the options of a new provider. */
export const providerOptions = (command: Command): Command =>
  command
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
    );

/**
 * The settings of a new provider: the given ones, then those of the catalogue entry that `from` names.
 * @throws OperatorError a setting is missing, or does not fit the entry
 */
export function providerSettings(given: GivenSettings, catalogue: Catalogue): ProviderSettings {
  const entry = named(given.from, catalogue);
  const settings = {
    providerId: given.providerId ?? entry?.name,
    name: given.name ?? entry?.displayName,
    authUrl: given.authUrl ?? entry?.authorizationUrl,
    tokenUrl: given.tokenUrl ?? entry?.tokenUrl,
  };
  const { providerId, name, authUrl, tokenUrl } = settings;
  if (providerId === undefined || name === undefined || authUrl === undefined || tokenUrl === undefined) {
    throw new OperatorError(missing(settings, entry));
  }
  if (entry !== undefined && catalogue.find(tokenUrl) !== entry) {
    throw new OperatorError(
      `the catalogue does not find ${entry.displayName} by this token URL, but by the hosts ${entry.match.join(', ')} (--token-url)`,
    );
  }
  const tokenEndpointAuthMethod = given.tokenEndpointAuthMethod ?? authMethod(entry);
  if (entry !== undefined && tokenEndpointAuthMethod !== 'none' && given.clientSecretStdin !== true) {
    throw new OperatorError(
      `a client of ${entry.displayName} has a secret: give it with --client-secret-stdin, or say --token-endpoint-auth-method none for a public client`,
    );
  }
  return {
    providerId,
    name,
    authUrl,
    tokenUrl,
    providerType: given.type ?? entry?.providerType ?? null,
    usesPkce: entry?.pkce === 'no' ? false : undefined,
    tokenEndpointAuthMethod,
  };
}

function named(name: string | undefined, catalogue: Catalogue): CatalogueEntry | undefined {
  if (name === undefined) return undefined;
  const entry = catalogue.named(name);
  if (entry === undefined) {
    throw new OperatorError('the catalogue has no such entry, see `provider catalogue` (--from)');
  }
  return entry;
}

/** The row holds the closest standard method. Each request finds the catalogue's own method by the token URL. */
const authMethod = (entry: CatalogueEntry | undefined): TokenEndpointAuthMethod | undefined =>
  entry?.clientAuthentication === 'secret_as_username' ? 'client_secret_basic' : entry?.clientAuthentication;

function missing(
  settings: Readonly<Record<string, string | undefined>>,
  entry: CatalogueEntry | undefined,
): string {
  const options = {
    providerId: '--provider-id',
    name: '--name',
    authUrl: '--auth-url',
    tokenUrl: '--token-url',
  };
  const needed = Object.entries(options)
    .filter(([setting]) => settings[setting] === undefined)
    .map(([, option]) => option)
    .join(', ');
  return entry === undefined
    ? `needed: ${needed}; or --from with a name that \`provider catalogue\` lists`
    : `${entry.displayName} has no URL that all customers share; needed: ${needed}`;
}
