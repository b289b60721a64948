import type { Knex } from 'knex';
import { OverloadedError } from './errors.ts';
import { TooManyWaitingError, type Turns } from './turns.ts';

type Bindings = Readonly<Record<string, Knex.Value | readonly string[]>>;

/** Runs statements with named bindings, as Knex does. */
export interface Statements {
  raw<Result>(sql: string, bindings?: Bindings): Promise<Result>;
}

/**
 * Makes statements take turns by the `organizationId` that they bind, if any. An organization with many statements, or with
 * statements that wait for locks, leaves connections of the pool to the others.
 * A statement that waits too long fails as overloaded, because a database that hangs also makes statements wait.
 * @throws OverloadedError, and the errors of Knex (`raw`)
 */
export const inTurns = (db: Knex, turns: Turns): Statements => ({
  async raw<Result>(sql: string, bindings: Bindings = {}): Promise<Result> {
    const run = async (): Promise<Result> => {
      const result = await db.raw(sql, bindings);
      return result;
    };
    const { organizationId } = bindings;
    return typeof organizationId === 'string' ? turns.run(organizationId, 1, run).catch(overloaded) : run();
  },
});

function overloaded(error: unknown): never {
  throw error instanceof TooManyWaitingError ? new OverloadedError() : error;
}
