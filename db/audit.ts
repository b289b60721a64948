import type { Knex } from 'knex';
import { newId } from '../crypto/uuid.ts';

/** Who makes a change, for its audit record. */
export interface Actor {
  readonly userId: string;
  /** What was shown: `api-key:<public id>`, `bearer`, both, or `command-line`. */
  readonly credential: string;
  readonly requestId: string | null;
}

/** Somebody at the command line. */
export const OPERATOR: Actor = { userId: 'operator', credential: 'command-line', requestId: null };

/**
 * A statement, for a CTE, that records an action on each row of another CTE: so the record is there if the change is.
 * @param object the column that names what was changed
 */
export const recording = (action: string, changed: string, object: string): string =>
  `INSERT INTO audit_records (organization_id, id, user_id, credential, action, object_id, request_id)
  SELECT organization_id, :auditId, :auditUserId, :auditCredential, '${action}', ${object}, :auditRequestId FROM ${changed}`;

/** The bindings of `recording`. */
export const recordedAs = ({ userId, credential, requestId }: Actor) => ({
  auditId: newId(),
  auditUserId: userId,
  auditCredential: credential,
  auditRequestId: requestId,
});

/** Records an action beside others in a transaction. */
export async function record(
  transaction: Knex.Transaction,
  { userId, credential, requestId }: Actor,
  change: { readonly organizationId: string; readonly action: string; readonly objectId: string },
): Promise<void> {
  await transaction('audit_records').insert({
    organization_id: change.organizationId,
    id: newId(),
    user_id: userId,
    credential,
    action: change.action,
    object_id: change.objectId,
    request_id: requestId,
  });
}

export interface AuditRecord {
  readonly id: string;
  readonly recordedAt: Date;
  readonly userId: string;
  readonly credential: string;
  readonly action: string;
  readonly objectId: string;
  readonly requestId: string | null;
}

const PAGE = 1_000;
const FIRST = '00000000-0000-0000-0000-000000000000';

const LIST = `
SELECT id, recorded_at AS "recordedAt", user_id AS "userId", credential, action, object_id AS "objectId",
  request_id AS "requestId"
FROM audit_records
WHERE organization_id = :organizationId AND id > :after AND recorded_at >= :since
ORDER BY id LIMIT ${PAGE}`;

export const auditRepository = (db: Knex) => ({
  /** The organization's records since then, oldest first, a page at a time, so any number of them can be gone through. */
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
