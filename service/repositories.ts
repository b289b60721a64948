import type { Knex } from 'knex';
import { createKeyRing, type KeyRing } from '../crypto/key-ring.ts';
import { type AgentConnectionRepository, agentConnectionRepository } from '../db/agent-connections.ts';
import { type ApiKeyLookups, apiKeyLookups } from '../db/api-key-lookups.ts';
import { apiKeyRepository } from '../db/api-keys.ts';
import { auditRepository } from '../db/audit.ts';
import { type AuthorizationRepository, authorizationRepository } from '../db/authorizations.ts';
import { type CiphertextRepository, ciphertextRepository } from '../db/ciphertexts.ts';
import { type ConsentRepository, consentRepository } from '../db/consents.ts';
import { type DiscoveredProviders, discoveredProviders } from '../db/discovered-providers.ts';
import { findRunning, startEmbedded } from '../db/embedded/embedded.ts';
import { type GrantStates, grantStates } from '../db/grant-states.ts';
import { type IdempotencyKeyRepository, idempotencyKeyRepository } from '../db/idempotency-keys.ts';
import { type IdentityRepository, identityRepository } from '../db/identity.ts';
import { type ImportRepository, importRepository } from '../db/imports.ts';
import { organizationRepository } from '../db/organizations.ts';
import { type HotStatements, openHotStatements } from '../db/postgres/hot.ts';
import { abandon, openDatabase } from '../db/postgres/pool.ts';
import { requirePreparedStatements } from '../db/postgres/pooler.ts';
import { findSharding, type Sharding } from '../db/postgres/sharding.ts';
import { inTurns } from '../db/postgres/statements.ts';
import { createTurns } from '../db/postgres/turns.ts';
import { type ProviderDeletions, providerDeletions } from '../db/provider-deletions.ts';
import { providerRepository } from '../db/providers.ts';
import { type RefreshAnswers, refreshAnswers } from '../db/refresh-answers.ts';
import { type RefreshStates, refreshStates } from '../db/refresh-states.ts';
import { type RefreshRepository, refreshRepository } from '../db/refreshes.ts';
import { type ReleaseRepository, releaseRepository } from '../db/releases.ts';
import { type RevocationRepository, revocationRepository } from '../db/revocations.ts';
import { type TokenDeletions, tokenDeletions } from '../db/token-deletions.ts';
import { type TokenInventory, tokenInventory } from '../db/token-inventory.ts';
import { tokenRepository } from '../db/tokens.ts';
import { workspaceRepository } from '../db/workspaces.ts';
import { requireKeys } from '../vault/keys.ts';
import type { Config } from './config.ts';
import { readKeys } from './keys.ts';
import { bringUpToDate, prepareSchema, requireSchema } from './migration.ts';

/** The parts that commands and the server work with. */
export interface Vault {
  readonly db: Knex;
  /** Imports and look-ups of API keys go through these connections, all else through `db`. */
  readonly hot: HotStatements;
  readonly connectionString: string;
  readonly keyRing: KeyRing;
  readonly audit: ReturnType<typeof auditRepository>;
  readonly ciphertexts: ReturnType<typeof ciphertextRepository>;
  /** `ciphertexts.count` on a connection of its own, outside the pool. */
  readonly countCiphertexts: CiphertextRepository['count'];
  readonly organizations: ReturnType<typeof organizationRepository>;
  readonly workspaces: ReturnType<typeof workspaceRepository>;
  readonly apiKeys: ReturnType<typeof apiKeyRepository>;
  readonly apiKeyLookups: ApiKeyLookups;
  readonly providers: ReturnType<typeof providerRepository>;
  readonly deletions: ProviderDeletions;
  readonly discovered: DiscoveredProviders;
  readonly imports: ImportRepository;
  readonly idempotencyKeys: IdempotencyKeyRepository;
  readonly authorizations: AuthorizationRepository;
  readonly consents: ConsentRepository;
  readonly releases: ReleaseRepository;
  readonly refreshes: RefreshRepository;
  readonly refreshAnswers: RefreshAnswers;
  readonly refreshStates: RefreshStates;
  readonly identity: IdentityRepository;
  readonly grantStates: GrantStates;
  /** `grantStates.count` on a connection of its own, outside the pool. */
  readonly countGrants: GrantStates['count'];
  readonly tokens: ReturnType<typeof tokenRepository>;
  readonly tokenDeletions: TokenDeletions;
  readonly revocations: RevocationRepository;
  readonly connections: AgentConnectionRepository;
  /** For operators. */
  readonly tokenInventory: TokenInventory;
  close(): Promise<void>;
}

interface Database {
  readonly connectionString: string;
  stop(): Promise<void>;
}

async function external(connectionString: string): Promise<Database> {
  return { connectionString, async stop() {} };
}

/** The vault of a server: migrated, with keys for all that is stored. An embedded database belongs to the server. */
export async function openServerVault(config: Config, find: FindSharding = findSharding): Promise<Vault> {
  const database = await (config.databaseUrl === undefined
    ? startEmbedded(config.dataDir)
    : external(config.databaseUrl));
  return withBackgroundWork(await assemble(config, database, prepareServer, find));
}

/** How often a server deletes what has expired, and looks for unfinished deletions of other processes, in milliseconds. */
const LOOK_MS = 60_000;

function withBackgroundWork(vault: Vault): Vault {
  const look = () => {
    // The database is away: the next look comes in a minute.
    vault.deletions.resume().catch(() => undefined);
    vault.idempotencyKeys.sweep().catch(() => undefined);
  };
  look();
  const looking = setInterval(look, LOOK_MS);
  return {
    ...vault,
    async close() {
      clearInterval(looking);
      await vault.close();
    },
  };
}

/** The vault of one command. Without a running server, the embedded database is started for as long as the command runs. */
export async function openCommandVault(config: Config, prepare?: Prepare): Promise<Vault> {
  if (config.databaseUrl !== undefined) {
    return assemble(config, await external(config.databaseUrl), prepare ?? requireSchema);
  }
  const running = await findRunning(config.dataDir);
  const database = await (running === undefined ? startEmbedded(config.dataDir) : external(running));
  return assemble(config, database, prepare ?? bringUpToDate);
}

/** How many statements of one organization may wait for a connection; fewer than the look-ups that all share. */
const WAITING_MAX = 900;

type Prepare = (config: Config, vault: Vault) => Promise<unknown>;

/** How the tables are distributed; undefined: they are not. */
type FindSharding = (db: Knex) => Promise<Pick<Sharding, 'nodes' | 'nodeOf'> | undefined>;

/** A server must be able to open all that is stored. */
async function prepareServer(config: Config, vault: Vault): Promise<void> {
  if (config.databaseUrl !== undefined) await requirePreparedStatements(config.databaseUrl);
  await prepareSchema(config, vault);
  await requireKeys(vault, vault.keyRing);
  await vault.identity.settle();
}

async function assemble(
  config: Config,
  database: Database,
  prepare: Prepare,
  find: FindSharding = findSharding,
): Promise<Vault> {
  const { connectionString } = database;
  const keys = await readKeys(config).catch(async (error: unknown) => {
    await database.stop();
    throw error;
  });
  const { statementTimeoutSeconds, acquireTimeoutSeconds } = config;
  const connection = { connectionString, statementTimeoutSeconds, acquireTimeoutSeconds };
  const db = openDatabase({ ...connection, poolMax: config.databasePoolMax });
  const sharding = await find(db).catch(async (error: unknown) => {
    await db.destroy();
    await database.stop();
    throw error;
  });
  const hot = openHotStatements({ ...connection, isTracing: config.isTracing }, sharding?.nodes);
  // What requests run beside the hot statements: no organization takes more than half of the pool, however it waits.
  const turns = createTurns({
    perTenant: Math.ceil(config.databasePoolMax / 2),
    total: config.databasePoolMax,
    waiting: WAITING_MAX,
    patienceMs: acquireTimeoutSeconds * 1000,
  });
  const statements = inTurns(db, turns);
  // Opens its connection at the first query. It counts whole tables, so no request may wait for it.
  const background = openDatabase({ ...connection, poolMax: 1 });
  const vault: Vault = {
    db,
    hot,
    connectionString,
    keyRing: createKeyRing(keys),
    audit: auditRepository(db),
    ciphertexts: ciphertextRepository(db),
    countCiphertexts: () => ciphertextRepository(background).count(),
    organizations: organizationRepository(db),
    workspaces: workspaceRepository(statements),
    apiKeys: apiKeyRepository(db),
    apiKeyLookups: apiKeyLookups(hot),
    providers: providerRepository(statements),
    deletions: providerDeletions({ db, statements }),
    discovered: discoveredProviders(statements),
    imports: importRepository(hot, config.tokensPerUserAndProviderMax, sharding),
    idempotencyKeys: idempotencyKeyRepository(db),
    authorizations: authorizationRepository({ db, hot }, config.authorizations.pending, sharding),
    consents: consentRepository(statements, config.tokensPerUserAndProviderMax),
    releases: releaseRepository(hot, sharding),
    refreshes: refreshRepository({ db, statements }),
    refreshAnswers: refreshAnswers(db),
    refreshStates: refreshStates(statements),
    identity: identityRepository(db),
    grantStates: grantStates(db),
    countGrants: () => grantStates(background).count(),
    tokens: tokenRepository(statements),
    tokenDeletions: tokenDeletions(statements),
    revocations: revocationRepository(statements),
    connections: agentConnectionRepository(statements),
    tokenInventory: tokenInventory(db),
    async close() {
      await Promise.all([vault.imports.close(), vault.releases.close(), vault.authorizations.close()]);
      await vault.apiKeyLookups.close();
      await vault.deletions.close();
      await hot.close();
      await abandon(background);
      await db.destroy();
      await database.stop();
    },
  };
  try {
    await prepare(config, vault);
  } catch (error) {
    await vault.close();
    throw error;
  }
  return vault;
}
