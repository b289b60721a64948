import { newId } from '../crypto/uuid.ts';
import { OPERATOR, recordedAs, recording } from './audit.ts';
import type { Statements } from './postgres/statements.ts';

export interface Workspace {
  readonly organizationId: string;
  readonly workspaceId: string;
  readonly name: string;
}

const COLUMNS = 'organization_id AS "organizationId", workspace_id AS "workspaceId", name';

const CREATE = `
WITH created AS (
  INSERT INTO workspaces (organization_id, workspace_id, name) VALUES (:organizationId, :workspaceId, :name)
  ON CONFLICT (organization_id, name) DO NOTHING
  RETURNING *
), audited AS (
  ${recording('workspace.create', 'created', 'workspace_id')}
)
SELECT ${COLUMNS} FROM created`;

const LIST = `SELECT ${COLUMNS} FROM workspaces WHERE organization_id = :organizationId ORDER BY workspace_id`;

const FIND_FIRST = `${LIST} LIMIT 1`;

const FIND = `
SELECT ${COLUMNS} FROM workspaces WHERE organization_id = :organizationId AND workspace_id = :workspaceId`;

const RESOLVE = `
SELECT ${COLUMNS} FROM workspaces
WHERE organization_id = :organizationId AND (workspace_id::text = lower(:idOrName) OR name = :idOrName)
ORDER BY workspace_id::text = lower(:idOrName) DESC LIMIT 1`;

export type WorkspaceRepository = ReturnType<typeof workspaceRepository>;

export function workspaceRepository(db: Statements) {
  const query = async (
    sql: string,
    bindings: Readonly<Record<string, string | null>>,
  ): Promise<readonly Workspace[]> => (await db.raw<{ rows: Workspace[] }>(sql, bindings)).rows;
  return {
    /** Undefined: the organization has a workspace of this name. */
    async create(organizationId: string, name: string): Promise<Workspace | undefined> {
      return (
        await query(CREATE, { organizationId, workspaceId: newId(), name, ...recordedAs(OPERATOR) })
      )[0];
    },

    /** The organization's workspaces, oldest first. */
    list(organizationId: string): Promise<readonly Workspace[]> {
      return query(LIST, { organizationId });
    },

    /** The id of the organization's workspace of this id (a UUID), or of its first one. Undefined: there is none. */
    async find(organizationId: string, workspaceId?: string): Promise<string | undefined> {
      const found = await (workspaceId === undefined
        ? query(FIND_FIRST, { organizationId })
        : query(FIND, { organizationId, workspaceId }));
      return found[0]?.workspaceId;
    },

    /** The id of the organization's workspace with this id or name, or undefined. */
    async resolve(organizationId: string, idOrName: string): Promise<string | undefined> {
      return (await query(RESOLVE, { organizationId, idOrName }))[0]?.workspaceId;
    },
  };
}
