import type { Knex } from 'knex';
import { newId } from '../crypto/uuid.ts';

export interface Workspace {
  readonly organizationId: string;
  readonly workspaceId: string;
  readonly name: string;
}

interface Row {
  organization_id: string;
  workspace_id: string;
  name: string;
}

const workspace = (row: Row): Workspace => ({
  organizationId: row.organization_id,
  workspaceId: row.workspace_id,
  name: row.name,
});

export const workspaceRepository = (db: Knex) => ({
  /** Undefined: the organization has a workspace of this name. */
  async create(organizationId: string, name: string): Promise<Workspace | undefined> {
    const rows: Row[] = await db('workspaces')
      .insert({ organization_id: organizationId, workspace_id: newId(), name })
      .onConflict(['organization_id', 'name'])
      .ignore()
      .returning(['organization_id', 'workspace_id', 'name']);
    return rows[0] && workspace(rows[0]);
  },

  /** The organization's workspaces, oldest first. */
  async list(organizationId: string): Promise<Workspace[]> {
    const rows: Row[] = await db('workspaces')
      .where({ organization_id: organizationId })
      .orderBy('workspace_id')
      .select('organization_id', 'workspace_id', 'name');
    return rows.map(workspace);
  },

  /** The id of the organization's workspace of this id (a UUID), or of its first one. Undefined: there is none. */
  async find(organizationId: string, workspaceId?: string): Promise<string | undefined> {
    const query = db('workspaces').where({ organization_id: organizationId }).orderBy('workspace_id');
    if (workspaceId !== undefined) query.where({ workspace_id: workspaceId });
    const row: { workspace_id: string } | undefined = await query.first('workspace_id');
    return row?.workspace_id;
  },

  /** The id of the organization's workspace with this id or name, or undefined. */
  async resolve(organizationId: string, idOrName: string): Promise<string | undefined> {
    const found = await this.list(organizationId);
    const match = found.find(({ workspaceId }) => workspaceId === idOrName.toLowerCase());
    return (match ?? found.find(({ name }) => name === idOrName))?.workspaceId;
  },
});
