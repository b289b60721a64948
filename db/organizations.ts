import type { Knex } from 'knex';
import { newId } from '../crypto/uuid.ts';
import { OPERATOR, record, recordedAs, recording } from './audit.ts';

export interface Organization {
  readonly organizationId: string;
  readonly workspaceId: string;
  readonly name: string;
}

/** Any number that nothing else on this database locks. */
const NAME_LOCK = 7_461_726_554;

const FIND_NAME = 'SELECT 1 FROM organizations WHERE name = :name';

const CREATE = 'INSERT INTO organizations (organization_id, name) VALUES (:organizationId, :name)';

const CREATE_WORKSPACE = `
INSERT INTO workspaces (organization_id, workspace_id, name) VALUES (:organizationId, :workspaceId, 'default')`;

const LIST = `
SELECT organization_id AS "organizationId", first_workspace.workspace_id AS "workspaceId", name
FROM organizations, LATERAL (
  SELECT workspace_id FROM workspaces
  WHERE workspaces.organization_id = organizations.organization_id ORDER BY workspace_id LIMIT 1
) AS first_workspace
ORDER BY organization_id`;

const FIND = `
SELECT organization_id AS "organizationId" FROM organizations
WHERE organization_id::text = lower(:idOrName) OR name = :idOrName
ORDER BY organization_id::text = lower(:idOrName) DESC LIMIT 1`;

const RENAME = `
WITH changed AS (
  UPDATE organizations SET name = :name WHERE organization_id = :organizationId RETURNING organization_id
), audited AS (
  ${recording('organization.rename', 'changed', 'organization_id')}
)
SELECT 1 FROM changed`;

const HAS_PROVIDERS = 'SELECT 1 FROM oauth_providers WHERE organization_id = :organizationId LIMIT 1';

/** In the order of their foreign keys. Audit records stay. */
const DELETE = ['api_keys', 'workspaces', 'organizations'].map(
  (table) => `DELETE FROM ${table} WHERE organization_id = :organizationId`,
);

export type OrganizationRepository = ReturnType<typeof organizationRepository>;

export const organizationRepository = (db: Knex) => ({
  /**
   * Makes an organization with its first workspace, "default". Undefined: the name is taken.
   * A lock keeps names unique. A unique index cannot, because it would not begin with the organization.
   */
  create(name: string): Promise<Organization | undefined> {
    return db.transaction(async (transaction) => {
      await transaction.raw('SELECT pg_advisory_xact_lock(:lock)', { lock: NAME_LOCK });
      const taken = await transaction.raw<{ rows: unknown[] }>(FIND_NAME, { name });
      if (taken.rows.length > 0) return undefined;
      const created = { organizationId: newId(), workspaceId: newId(), name };
      await transaction.raw(CREATE, created);
      await transaction.raw(CREATE_WORKSPACE, created);
      const { organizationId, workspaceId } = created;
      await record(transaction, OPERATOR, {
        organizationId,
        action: 'organization.create',
        objectId: organizationId,
      });
      await record(transaction, OPERATOR, {
        organizationId,
        action: 'workspace.create',
        objectId: workspaceId,
      });
      return created;
    });
  },

  /** False: an organization has the name already, or there is none of this id. */
  rename(organizationId: string, name: string): Promise<boolean> {
    return db.transaction(async (transaction) => {
      await transaction.raw('SELECT pg_advisory_xact_lock(:lock)', { lock: NAME_LOCK });
      const taken = await transaction.raw<{ rows: unknown[] }>(FIND_NAME, { name });
      if (taken.rows.length > 0) return false;
      const bindings = { organizationId, name, ...recordedAs(OPERATOR) };
      const { rows } = await transaction.raw<{ rows: unknown[] }>(RENAME, bindings);
      return rows.length > 0;
    });
  },

  /** Deletes an organization without providers, its workspaces and API keys. False: it has providers. */
  delete(organizationId: string): Promise<boolean> {
    return db.transaction(async (transaction) => {
      const providers = await transaction.raw<{ rows: unknown[] }>(HAS_PROVIDERS, { organizationId });
      if (providers.rows.length > 0) return false;
      for (const statement of DELETE) await transaction.raw(statement, { organizationId });
      await record(transaction, OPERATOR, {
        organizationId,
        action: 'organization.delete',
        objectId: organizationId,
      });
      return true;
    });
  },

  /** Every organization with its first workspace, oldest first. */
  async list(): Promise<readonly Organization[]> {
    return (await db.raw<{ rows: Organization[] }>(LIST)).rows;
  },

  /** The id of the organization with this id or name, or undefined. */
  async find(idOrName: string): Promise<string | undefined> {
    const { rows } = await db.raw<{ rows: { organizationId: string }[] }>(FIND, { idOrName });
    return rows[0]?.organizationId;
  },
});
