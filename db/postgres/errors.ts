/**
 * Tells errors of PostgreSQL, pg and Knex apart by class and code. Messages, details and contexts hold values of the failed
 * row, so nothing shows them.
 */
import { types } from 'node:util';

/** Also tells the errors of Node itself in a test, where they are of another realm. */
const { isNativeError } = types;

/** The SQLSTATE of a database error, the code of a socket error, or undefined. */
export function errorCode(error: unknown): string | undefined {
  return isNativeError(error) && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** The name of the constraint that PostgreSQL found violated, or undefined. */
export function violatedConstraint(error: unknown): string | undefined {
  if (!isNativeError(error) || !('constraint' in error)) return undefined;
  return typeof error.constraint === 'string' ? error.constraint : undefined;
}

// https://www.postgresql.org/docs/current/errcodes-appendix.html: connection exceptions, refused logins, unknown
// database, out of resources, operator intervention (shutdown, statement timeout), system errors; then a read-only
// standby, an idle transaction, lock timeout, deadlock, and serialization failure.
const UNAVAILABLE_SQLSTATE = /^(?:08|28|3D|53|57|58)[0-9A-Z]{3}$|^(?:25006|25P03|55P03|40P01|40001)$/;
const UNAVAILABLE_SOCKET =
  /^(?:ECONNREFUSED|ECONNRESET|ECONNABORTED|ENOENT|ENOTFOUND|EAI_AGAIN|EPIPE|ETIMEDOUT|EHOSTUNREACH|EHOSTDOWN|ENETUNREACH|ENETDOWN|ENOTCONN|EMFILE|ENFILE|EADDRNOTAVAIL)$/;
/**
 * The errors that pg, pg-pool, Knex and tarn throw without a code. Knex puts the SQL before the text:
 * `select 1 - Connection terminated`.
 */
const UNAVAILABLE_MESSAGE = new RegExp(
  `(?:^| - )(?:${[
    'Connection terminated(?: unexpectedly| due to connection timeout)?',
    'timeout expired',
    'timeout exceeded when trying to connect',
    'Client has encountered a connection error and is not queryable',
    'Client was closed and is not queryable',
    'Cannot use a pool after calling end on the pool',
    'Unable to acquire a connection',
    'aborted', // the pool closed while a statement waited for a connection
  ].join('|')})$`,
);
/** Of Knex and tarn: no connection became free in time. */
const UNAVAILABLE_NAMES: ReadonlySet<string> = new Set(['KnexTimeoutError', 'TimeoutError']);

/** Too much waits for the database already. Nothing was tried. */
export class OverloadedError extends Error {}

const LOCK_NOT_AVAILABLE = '55P03';
const FOREIGN_KEY_VIOLATION = '23503';
const UNIQUE_VIOLATION = '23505';
const DEADLOCK = '40P01';
const INTERNAL_ERROR = 'XX000';

/** Whether the statement waited for a lock longer than it may. */
export const isLocked = (error: unknown): boolean => errorCode(error) === LOCK_NOT_AVAILABLE;

/** Whether that lock was of a row of the table. PostgreSQL names it, or one of its indexes, only in the error's context. */
export const isLockedOn = (error: unknown, table: string): boolean =>
  isLocked(error) &&
  isNativeError(error) &&
  'where' in error &&
  typeof error.where === 'string' &&
  error.where.includes(`relation "${table}`);

/** Whether a row that the statement refers to is not there. */
export const isForeignKeyViolation = (error: unknown): boolean => errorCode(error) === FOREIGN_KEY_VIOLATION;

/** Whether another transaction has stored a row of the same key. */
export const isUniqueViolation = (error: unknown): boolean => errorCode(error) === UNIQUE_VIOLATION;

/** Data exceptions, violated constraints, deadlocks, serialization failures, program limits, locks that cannot be had. */
const ITEM_FAULT_SQLSTATE = /^(?:22|23|40|54|55)[0-9A-Z]{3}$/;

/** Whether PostgreSQL rolled the statement back because of one of its items, or of a lock that an item needs. */
export const isItemFault = (error: unknown): boolean => ITEM_FAULT_SQLSTATE.test(errorCode(error) ?? '');

/** Whether the database could not be reached or did not answer in time. The statement may have run. */
export function isUnavailable(error: unknown): boolean {
  if (!isNativeError(error)) return false;
  if (error instanceof OverloadedError || UNAVAILABLE_NAMES.has(error.name)) return true;
  const code = errorCode(error);
  if (code === undefined) return UNAVAILABLE_MESSAGE.test(error.message);
  return UNAVAILABLE_SQLSTATE.test(code) || UNAVAILABLE_SOCKET.test(code) || isOfLostNode(error);
}

/** What Citus says of a node that it lost: in the context of libpq's error, or in the text of its own. */
const LOST_NODE = new RegExp(
  `while executing command on \\S+:\\d+|(?:^| - )(?:${[
    'failure on connection marked as essential: \\S+:\\d+',
    "failed to prepare transaction '\\S+' on host \\S+:\\d+",
    'postmaster was shut down, exiting', // its own, while it waited for another node
  ].join('|')})$`,
);

/** Whether Citus lost a node in the middle of a statement. It has no SQLSTATE for that, and reports an internal error. */
const isOfLostNode = (error: Error): boolean =>
  errorCode(error) === INTERNAL_ERROR &&
  [error.message, 'where' in error ? String(error.where) : ''].some((text) => LOST_NODE.test(text));

const ATTEMPTS = 3;
const LOCKED_ATTEMPTS = 10;

async function retry<Result>(
  transaction: () => Promise<Result>,
  isWorthIt: (error: unknown) => boolean,
  attempts: number,
): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await transaction();
    } catch (error) {
      if (!isWorthIt(error) || attempt === attempts) throw error;
    }
  }
}

/** Retries a transaction that PostgreSQL chose as a deadlock victim. */
export const retryDeadlock = <Result>(transaction: () => Promise<Result>): Promise<Result> =>
  retry(transaction, (error) => errorCode(error) === DEADLOCK, ATTEMPTS);

/**
 * Retries a transaction that waited for a lock longer than `lock_timeout`. For changes of a table that Citus keeps on every
 * node: it makes them one after the other, so many at once wait long.
 */
export const retryLocked = <Result>(transaction: () => Promise<Result>): Promise<Result> =>
  retry(transaction, isLocked, LOCKED_ATTEMPTS);
