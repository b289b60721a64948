/**
 * Errors of PostgreSQL, pg and Knex, told apart without touching their texts: message, detail and where hold values of
 * the failed row.
 */

/** The SQLSTATE of a database error, the code of a socket error, or undefined. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** The name of the constraint that PostgreSQL found violated, or undefined. */
export function violatedConstraint(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('constraint' in error)) return undefined;
  return typeof error.constraint === 'string' ? error.constraint : undefined;
}

// https://www.postgresql.org/docs/current/errcodes-appendix.html: connection exceptions, refused logins, unknown
// database, out of resources, operator intervention (shutdown, statement timeout), system errors; then a read-only
// standby, lock timeout, deadlock, and serialization failure.
const UNAVAILABLE_SQLSTATE = /^(?:08|28|3D|53|57|58)[0-9A-Z]{3}$|^(?:25006|55P03|40P01|40001)$/;
const UNAVAILABLE_SOCKET =
  /^(?:ECONNREFUSED|ECONNRESET|ENOENT|ENOTFOUND|EAI_AGAIN|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|EMFILE|EADDRNOTAVAIL)$/;
/** What pg and Knex throw without a code. */
const UNAVAILABLE_MESSAGE =
  /^(?:Connection terminated|timeout expired|Client has encountered a connection error|Connection ended|Query read timeout|Unable to acquire a connection)/;

/** Too much is waiting for the database already; nothing was tried. */
export class OverloadedError extends Error {}

/**
 * Data exceptions, violated constraints, deadlocks and serialization failures, program limits, and locks not to be had:
 * the transaction was rolled back for what it was about, so without one of its rows it can succeed.
 */
const ROW_FAULT_SQLSTATE = /^(?:22|23|40|54|55)[0-9A-Z]{3}$/;

/** Whether nothing was stored because of what a row is, or waits for. */
export const isRowFault = (error: unknown): boolean => ROW_FAULT_SQLSTATE.test(errorCode(error) ?? '');

/** Whether the database could not be reached or did not answer in time; the statement may or may not have run. */
export function isUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof OverloadedError) return true;
  if (error.name === 'KnexTimeoutError' || error.name === 'TimeoutError') return true;
  const code = errorCode(error);
  if (code === undefined) return UNAVAILABLE_MESSAGE.test(error.message);
  return UNAVAILABLE_SQLSTATE.test(code) || UNAVAILABLE_SOCKET.test(code);
}

const DEADLOCK = '40P01';
const ATTEMPTS = 3;

/** Tries a transaction again that PostgreSQL ended for others that waited for each other with it. */
export async function retryDeadlock<Result>(transaction: () => Promise<Result>): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await transaction();
    } catch (error) {
      if (errorCode(error) !== DEADLOCK || attempt === ATTEMPTS) throw error;
    }
  }
}
