import type { Knex } from 'knex';
import { newId } from '../crypto/uuid.ts';

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

export type OrganizationRepository = ReturnType<typeof organizationRepository>;

export const organizationRepository = (db: Knex) => ({
  /**
   * Makes an organization with its first workspace, "default". Undefined: the name is taken.
   * A lock keeps names unique, because only indexes that begin with the organization can be sharded.
   */
  create(name: string): Promise<Organization | undefined> {
    return db.transaction(async (transaction) => {
      await transaction.raw('SELECT pg_advisory_xact_lock(:lock)', { lock: NAME_LOCK });
      const taken = await transaction.raw<{ rows: unknown[] }>(FIND_NAME, { name });
      if (taken.rows.length > 0) return undefined;
      const created = { organizationId: newId(), workspaceId: newId(), name };
      await transaction.raw(CREATE, created);
      await transaction.raw(CREATE_WORKSPACE, created);
      return created;
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
