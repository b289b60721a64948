import type { Knex } from 'knex';
import * as vault from './0001_vault.ts';
import * as inventory from './0002_inventory.ts';
import * as keyFingerprints from './0003_key_fingerprints.ts';
import * as auditAndUse from './0004_audit_and_use.ts';
import * as namedSchema from './0005_named_schema.ts';
import * as authorizations from './0006_authorizations.ts';
import * as refresh from './0007_refresh.ts';
import * as revocations from './0008_revocations.ts';
import * as agentConnections from './0009_agent_connections.ts';
import * as idempotencyKeys from './0010_idempotency_keys.ts';
import * as discoveredProviders from './0011_discovered_providers.ts';
import * as unstoredGrants from './0012_unstored_grants.ts';

type BeforeKinds = '0001_vault' | '0002_inventory' | '0003_key_fingerprints' | '0004_audit_and_use';

/**
 * A step of the schema. There is no way back down. The name ends in the kind, and the database keeps the name, so that a
 * process knows the kind of migrations that are newer than itself. `additive`: processes of the version before go on
 * working. `breaking`: they do not, and a process refuses a database with such a migration ahead of it.
 */
export interface Migration {
  readonly name: BeforeKinds | `${number}_${string}.${'additive' | 'breaking'}`;
  up(knex: Knex): Promise<void>;
}

/** In the order in which they run. Their names carry no file extension, so sources (.ts) and the image (.js) agree. */
export const MIGRATIONS: readonly Migration[] = [
  { name: '0001_vault', up: vault.up },
  { name: '0002_inventory', up: inventory.up },
  { name: '0003_key_fingerprints', up: keyFingerprints.up },
  { name: '0004_audit_and_use', up: auditAndUse.up },
  { name: '0005_named_schema.additive', up: namedSchema.up },
  { name: '0006_authorizations.additive', up: authorizations.up },
  { name: '0007_refresh.additive', up: refresh.up },
  { name: '0008_revocations.additive', up: revocations.up },
  { name: '0009_agent_connections.additive', up: agentConnections.up },
  { name: '0010_idempotency_keys.additive', up: idempotencyKeys.up },
  { name: '0011_discovered_providers.additive', up: discoveredProviders.up },
  { name: '0012_unstored_grants.additive', up: unstoredGrants.up },
];

export const isAdditive = (name: string): boolean => name.endsWith('.additive');
