import type { Knex } from 'knex';
import { type Actor, recordedAs } from './audit.ts';
import { ENDING, LATE_PAIRS } from './deletion-statement.ts';
import { type GrantState, IS_STATE, STATE_COLUMNS, type StateColumns, stateOf } from './grant-states.ts';

/** A token as an operator may list it, without its secrets. */
export interface ListedToken {
  readonly id: string;
  readonly providerId: string;
  readonly userId: string;
  readonly workspaceId: string;
  readonly label: string | null;
  readonly scopes: readonly string[];
  readonly isDefault: boolean;
  readonly expiresAt: Date | null;
  readonly createdAt: Date;
  readonly state: GrantState;
  /** Why the grant is dead, or how the last attempt to refresh it failed. */
  readonly reason: string | null;
}

export interface TokenFilter {
  readonly providerId?: string | undefined;
  readonly userId?: string | undefined;
  readonly state?: GrantState | undefined;
}

const PAGE = 500;
const BEFORE_ALL = '00000000-0000-0000-0000-000000000000';

const select = (condition: string): string => `
SELECT token.id, token.provider_id AS "providerId", token.user_id AS "userId",
  token.workspace_id AS "workspaceId", token.provider_account_label AS label, token.scopes,
  default_tokens.token_id IS NOT NULL AS "isDefault", token.expires_at AS "expiresAt",
  token.created_at AS "createdAt", coalesce(token.dead_reason, token.refresh_problem) AS reason, ${STATE_COLUMNS}
FROM oauth_tokens AS token
LEFT JOIN default_tokens ON default_tokens.organization_id = token.organization_id
  AND default_tokens.user_id = token.user_id AND default_tokens.provider_id = token.provider_id
  AND default_tokens.token_id = token.id
WHERE token.organization_id = :organizationId AND token.id > :after${condition}
ORDER BY token.id LIMIT ${PAGE}`;

const DELETE = `
WITH step AS (
  SELECT id FROM oauth_tokens WHERE organization_id = :organizationId AND id = :id
), ${LATE_PAIRS}, deleted AS (
  DELETE FROM oauth_tokens AS token USING step
  WHERE token.organization_id = :organizationId AND token.id = step.id
  RETURNING token.*
), ${ENDING}
SELECT 1 FROM deleted`;

export type TokenInventory = ReturnType<typeof tokenInventory>;

/** The tasks of operators on the tokens of all users. */
export const tokenInventory = (db: Knex) => ({
  /** Oldest first. Tokens are read page by page, so memory is bounded. */
  async *list(
    organizationId: string,
    { providerId, userId, state }: TokenFilter,
  ): AsyncGenerator<ListedToken, void> {
    const conditions = [
      ...(providerId === undefined ? [] : [' AND token.provider_id = :providerId']),
      ...(userId === undefined ? [] : [' AND token.user_id = :userId']),
      ...(state === undefined ? [] : [` AND ${IS_STATE[state]}`]),
    ];
    const sql = select(conditions.join(''));
    for (let after = BEFORE_ALL; ; ) {
      const bindings = { organizationId, after, providerId: providerId ?? null, userId: userId ?? null };
      const { rows } = await db.raw<{ rows: (Omit<ListedToken, 'state'> & StateColumns)[] }>(sql, bindings);
      for (const { isDead, isOrphaned, isExpiring, ...token } of rows) {
        yield { ...token, state: stateOf({ isDead, isOrphaned, isExpiring }) };
      }
      const last = rows.at(-1);
      if (last === undefined || rows.length < PAGE) return;
      after = last.id;
    }
  },

  /** False: the organization has no token of this id (a UUID). */
  async delete(organizationId: string, id: string, by: Actor): Promise<boolean> {
    const { rows } = await db.raw<{ rows: unknown[] }>(DELETE, { organizationId, id, ...recordedAs(by) });
    return rows.length > 0;
  },
});
