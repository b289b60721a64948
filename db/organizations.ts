import type { Knex } from 'knex';
import { newId } from '../crypto/uuid.ts';

export interface Organization {
  readonly organizationId: string;
  readonly workspaceId: string;
  readonly name: string;
}

/** Any number that nothing else on this database locks. */
const NAME_LOCK = 7_461_726_554;

export const organizationRepository = (db: Knex) => ({
  /**
   * Makes an organization with its first workspace, "default". Undefined: the name is taken.
   * Only `api_keys` may have an index that does not begin with the organization, so a lock keeps names unique.
   */
  async create(name: string): Promise<Organization | undefined> {
    return db.transaction(async (transaction) => {
      await transaction.raw('SELECT pg_advisory_xact_lock(?)', [NAME_LOCK]);
      if ((await transaction('organizations').where({ name }).first('name')) !== undefined) return undefined;
      const created = { organizationId: newId(), workspaceId: newId(), name };
      await transaction('organizations').insert({ organization_id: created.organizationId, name });
      await transaction('workspaces').insert({
        organization_id: created.organizationId,
        workspace_id: created.workspaceId,
        name: 'default',
      });
      return created;
    });
  },

  /** Every organization with its first workspace, oldest first. */
  async list(): Promise<Organization[]> {
    const { rows } = await db.raw<{
      rows: { organization_id: string; workspace_id: string; name: string }[];
    }>(`
      SELECT organization_id, first_workspace.workspace_id, name
      FROM organizations, LATERAL (
        SELECT workspace_id FROM workspaces
        WHERE workspaces.organization_id = organizations.organization_id ORDER BY workspace_id LIMIT 1
      ) AS first_workspace
      ORDER BY organization_id`);
    return rows.map((row) => ({
      organizationId: row.organization_id,
      workspaceId: row.workspace_id,
      name: row.name,
    }));
  },

  /** The id of the organization with this id or name, or undefined. */
  async find(idOrName: string): Promise<string | undefined> {
    const row: { organization_id: string } | undefined = await db('organizations')
      .whereRaw('organization_id::text = lower(?)', [idOrName])
      .orWhere({ name: idOrName })
      .orderByRaw('organization_id::text = lower(?) DESC', [idOrName])
      .first('organization_id');
    return row?.organization_id;
  },
});
