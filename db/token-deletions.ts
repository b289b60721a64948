import { type Actor, recordedAs } from './audit.ts';
import { ENDING, LATE_PAIRS } from './deletion-statement.ts';
import { retryDeadlock } from './postgres/errors.ts';
import type { Statements } from './postgres/statements.ts';
import type { ProviderType } from './providers.ts';

/** Tokens that one statement deletes, so that it ends soon and others do not wait long for its locks. */
const STEP = 500;

const DELETE_ONE = `
WITH step AS (
  SELECT token.id FROM oauth_tokens AS token
  JOIN oauth_providers AS provider ON provider.organization_id = :organizationId
    AND provider.provider_id = token.provider_id AND provider.deleting_at IS NULL
  WHERE token.organization_id = :organizationId AND token.id = :id AND token.user_id = :userId
), ${LATE_PAIRS}, deleted AS (
  DELETE FROM oauth_tokens AS token USING step
  WHERE token.organization_id = :organizationId AND token.id = step.id
  RETURNING token.*
), ${ENDING}
SELECT id FROM deleted`;

/** No row: the organization has no such provider. */
const DELETE_STEP_OF_USER = `
WITH provider AS (
  SELECT 1 FROM oauth_providers
  WHERE organization_id = :organizationId AND provider_id = :providerId AND deleting_at IS NULL
), step AS (
  SELECT id FROM oauth_tokens
  WHERE organization_id = :organizationId AND provider_id = :providerId AND user_id = :userId
  ORDER BY id LIMIT ${STEP}
), ${LATE_PAIRS}, deleted AS (
  DELETE FROM oauth_tokens AS token USING step, provider
  WHERE token.organization_id = :organizationId AND token.provider_id = :providerId
    AND token.user_id = :userId AND token.id = step.id
  RETURNING token.*
), ${ENDING}
SELECT ARRAY(SELECT id FROM deleted) AS ids FROM provider`;

/** In the order of the index, behind the tokens of the step before, whose dead entries are not read again. */
const DELETE_STEP_OF_WORKSPACE = `
WITH step AS (
  SELECT token.provider_id, token.user_id, token.id, token.workspace_id
  FROM oauth_providers AS provider
  JOIN oauth_tokens AS token ON token.organization_id = provider.organization_id
    AND token.provider_id = provider.provider_id
  WHERE provider.organization_id = :organizationId AND provider.provider_type = :providerType
    AND provider.deleting_at IS NULL AND token.organization_id = :organizationId
    AND (token.provider_id, token.user_id, token.id) > (:providerId, :userId, :id)
    AND token.workspace_id = :workspaceId
  ORDER BY token.provider_id, token.user_id, token.id LIMIT ${STEP}
), ${LATE_PAIRS}, deleted AS (
  DELETE FROM oauth_tokens AS token USING step
  WHERE token.organization_id = :organizationId AND token.provider_id = step.provider_id
    AND token.user_id = step.user_id AND token.id = step.id
  RETURNING token.*
), ${ENDING}
SELECT step.provider_id AS "providerId", step.user_id AS "userId", step.id FROM step
ORDER BY step.provider_id, step.user_id, step.id`;

type Place = { readonly providerId: string; readonly userId: string; readonly id: string };

const BEFORE_ALL: Place = { providerId: '', userId: '', id: '00000000-0000-0000-0000-000000000000' };

export type TokenDeletions = ReturnType<typeof tokenDeletions>;

/**
 * Takes tokens out of use. The same statement puts each into the outbox of revocations, so that no crash can lose the
 * revocation.
 */
export function tokenDeletions(db: Statements) {
  const query = async <Row>(sql: string, bindings: Readonly<Record<string, string | null>>) =>
    (await retryDeadlock(() => db.raw<{ rows: Row[] }>(sql, bindings))).rows;

  return {
    /** Deletes the user's token (`id` is a UUID). False: the user has no such token. */
    async deleteOne(organizationId: string, userId: string, id: string, by: Actor): Promise<boolean> {
      const rows = await query(DELETE_ONE, { organizationId, userId, id, ...recordedAs(by) });
      return rows.length > 0;
    },

    /**
     * Deletes the user's tokens of the provider.
     * @returns their ids; undefined: the organization has no such provider
     */
    async deleteOfUser(
      organizationId: string,
      userId: string,
      providerId: string,
      by: Actor,
    ): Promise<readonly string[] | undefined> {
      const deleted: string[] = [];
      for (;;) {
        const bindings = { organizationId, userId, providerId, ...recordedAs(by) };
        const [step] = await query<{ ids: string[] }>(DELETE_STEP_OF_USER, bindings);
        if (step === undefined) return deleted.length === 0 ? undefined : deleted;
        deleted.push(...step.ids);
        if (step.ids.length < STEP) return deleted;
      }
    },

    /**
     * Deletes all users' tokens of the workspace for providers of this type.
     * @returns their ids
     */
    async deleteOfWorkspace(
      organizationId: string,
      workspaceId: string,
      providerType: ProviderType,
      by: Actor,
    ): Promise<readonly string[]> {
      const deleted: string[] = [];
      for (let after: Place | undefined = BEFORE_ALL; after !== undefined; ) {
        const bindings = { organizationId, workspaceId, providerType, ...after, ...recordedAs(by) };
        const step: readonly Place[] = await query<Place>(DELETE_STEP_OF_WORKSPACE, bindings);
        for (const { id } of step) deleted.push(id);
        after = step.length < STEP ? undefined : step.at(-1);
      }
      return deleted;
    },
  };
}
