import { newId } from './id.ts';

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
