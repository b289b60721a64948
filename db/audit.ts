import type { Knex } from 'knex';
import { newId } from '../crypto/uuid.ts';

/** The author of a change, for its audit record. */
export interface Actor {
  readonly userId: string;
  /** The credential of the request: `api-key:<public id>`, `bearer`, both, or `command-line`. */
  readonly credential: string;
  readonly requestId: string | null;
}

/** The state of a token's revocation at its provider. */
export type RecordedOutcome = 'pending' | 'revoked' | 'unsupported' | 'failed';

/** An operator at the command line. */
export const OPERATOR: Actor = { userId: 'operator', credential: 'command-line', requestId: null };

/** The service itself, where it goes on with the work of a process that died. */
export const SERVICE: Actor = { userId: 'service', credential: 'service', requestId: null };

/**
 * The id of a record, a UUIDv7: the time and version of `:auditId`, and else a hash of `:auditId` and the object. So each
 * row that a statement changes has an id of its own, without a volatile function (Citus refuses those).
 */
export const recordId = (object: string): string => `(left(:auditId, 15)
    || substr(md5(:auditId || ${object}::text)::uuid::text, 16, 4) || substr(:auditId, 20, 1)
    || substr(md5(:auditId || ${object}::text)::uuid::text, 21))::uuid`;

/** Compares the organization of a statement. Statements over several organizations compare with a list. */
const OF_ONE = '= :organizationId';
export const OF_SEVERAL = '= ANY (:organizationIds::uuid[])';

/**
 * The FROM of an INSERT ... SELECT that reads another CTE. The INSERT takes the organization from `owner`, so Citus needs the
 * node of the organization only. Without a table in FROM it would hand the rows of the CTE to every node, and a node that is
 * down would stop the changes of all organizations.
 * @param rows the other CTE, with the column `organization_id`
 */
export const ownedRows = (rows: string, organizations = OF_ONE): string =>
  `organizations AS owner JOIN ${rows} ON ${rows}.organization_id = owner.organization_id
    AND owner.organization_id ${organizations}`;

/**
 * A statement, for a CTE, that records an action on each row of another CTE, so a change and its record commit together.
 * Bindings: those of `recordedAs`, and `organizationId`.
 * @param changed the other CTE, with the column `organization_id`
 * @param object the column that names the changed object, different in each row
 * @param outcome of the action; undefined: the action has none
 */
export const recording = (
  action: string,
  changed: string,
  object: string,
  { outcome, organizations }: { readonly outcome?: RecordedOutcome; readonly organizations?: string } = {},
): string =>
  `INSERT INTO audit_records (organization_id, id, user_id, credential, action, object_id, request_id${
    outcome === undefined ? '' : ', outcome'
  })
  SELECT owner.organization_id, ${recordId(`${changed}.${object}`)}, :auditUserId, :auditCredential, '${action}',
    ${changed}.${object}, :auditRequestId${outcome === undefined ? '' : `, '${outcome}'`}
  FROM ${ownedRows(changed, organizations)}`;

/** The bindings of `recording`. */
export const recordedAs = ({ userId, credential, requestId }: Actor) => ({
  auditId: newId(),
  auditUserId: userId,
  auditCredential: credential,
  auditRequestId: requestId,
});

const RECORD = `
INSERT INTO audit_records (organization_id, id, user_id, credential, action, object_id, request_id)
VALUES (:organizationId, :auditId, :auditUserId, :auditCredential, :action, :objectId, :auditRequestId)`;

/** Records an action beside others in a transaction. */
export async function record(
  transaction: Knex.Transaction,
  by: Actor,
  change: { readonly organizationId: string; readonly action: string; readonly objectId: string },
): Promise<void> {
  await transaction.raw(RECORD, { ...change, ...recordedAs(by) });
}

export interface AuditRecord {
  readonly id: string;
  readonly recordedAt: Date;
  readonly userId: string;
  readonly credential: string;
  readonly action: string;
  readonly objectId: string;
  readonly requestId: string | null;
  /** The agent that a token was released for; null: none was named. */
  readonly agentId: string | null;
  /** Of a token's deletion and revocation; null: the action has no outcome. */
  readonly outcome: RecordedOutcome | null;
}

const PAGE = 1_000;
const FIRST = '00000000-0000-0000-0000-000000000000';

const LIST = `
SELECT id, recorded_at AS "recordedAt", user_id AS "userId", credential, action, object_id AS "objectId",
  request_id AS "requestId", agent_id AS "agentId", outcome
FROM audit_records
WHERE organization_id = :organizationId AND id > :after AND recorded_at >= :since
ORDER BY id LIMIT ${PAGE}`;

export type AuditRepository = ReturnType<typeof auditRepository>;

export const auditRepository = (db: Knex) => ({
  /** The organization's records since then, oldest first. They are read page by page, so memory is bounded. */
  async *list(organizationId: string, since: Date): AsyncGenerator<AuditRecord> {
    for (let after = FIRST; ; ) {
      const { rows } = await db.raw<{ rows: AuditRecord[] }>(LIST, { organizationId, after, since });
      yield* rows;
      const last = rows.at(-1);
      if (last === undefined) return;
      after = last.id;
    }
  },
});
