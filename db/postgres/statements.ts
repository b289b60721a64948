import type { Knex } from 'knex';
import type { Turns } from './turns.ts';

type Bindings = Readonly<Record<string, Knex.Value | readonly string[]>>;

/** Runs statements with named bindings. Knex does so as it is. */
export interface Statements {
  raw<Result>(sql: string, bindings?: Bindings): Promise<Result>;
}

/**
 * Statements that take turns by `organizationId`, where they bind one: an organization whose statements wait for locks, or are
 * many, leaves connections of the pool to the others.
 * @throws TooManyWaitingError, OverloadedError, and what Knex throws (`raw`)
 */
export const inTurns = (db: Knex, turns: Turns): Statements => ({
  async raw<Result>(sql: string, bindings: Bindings = {}): Promise<Result> {
    const run = async (): Promise<Result> => {
      const result = await db.raw(sql, bindings);
      return result;
    };
    const { organizationId } = bindings;
    return typeof organizationId === 'string' ? turns.run(organizationId, 1, run) : run();
  },
});
