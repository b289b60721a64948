import { setTimeout as delay } from 'node:timers/promises';
import type { Knex } from 'knex';
import { type Actor, recordedAs, recording, SERVICE } from './audit.ts';
import { ENDING, LATE_PAIRS } from './deletion-statement.ts';
import { retryDeadlock } from './postgres/errors.ts';
import type { Statements } from './postgres/statements.ts';
import { createTurns } from './postgres/turns.ts';
import { PROVIDER_COLUMNS, type Provider } from './providers.ts';

/** The sizes of a deletion's steps. Tests make them small. */
export interface DeletionOptions {
  /** How many tokens a statement deletes. */
  readonly stepSize: number;
  /** How long a request waits for the last token to go, in milliseconds. The rest is deleted behind the answer. */
  readonly waitMs: number;
}

const DEFAULTS: DeletionOptions = { stepSize: 2_000, waitMs: 3_000 };

/** The steps that a process runs at once: they must not use up the pool. `resume` takes steps that found no place. */
const STEPS = { perTenant: 1, total: 2, waiting: 1_000, patienceMs: 0 };

const MAX_REST_MS = 1_000;

/** Ends the use of a provider: every statement that reads providers or tokens skips marked ones. */
const MARK = `
WITH deleted AS (
  UPDATE oauth_providers SET deleting_at = now()
  WHERE organization_id = :organizationId AND provider_id = :providerId AND deleting_at IS NULL
  RETURNING *
), audited AS (
  ${recording('provider.delete', 'deleted', 'provider_id')}
)
SELECT ${PROVIDER_COLUMNS} FROM deleted`;

/**
 * Deletes the next tokens in the order of their index. It starts behind the last token of the step before, so that dead
 * entries are not read again. The provider must still be marked: another process may have finished, and the name may be in
 * use again.
 */
const DELETE_TOKENS = `
WITH step AS (
  SELECT token.user_id, token.id
  FROM oauth_providers AS provider
  JOIN oauth_tokens AS token ON token.organization_id = provider.organization_id
    AND token.provider_id = provider.provider_id
  WHERE provider.organization_id = :organizationId AND provider.provider_id = :providerId
    AND provider.deleting_at IS NOT NULL AND (token.user_id, token.id) > (:userId, :id)
  ORDER BY token.user_id, token.id LIMIT :size
), ${LATE_PAIRS}, deleted AS (
  DELETE FROM oauth_tokens USING step
  WHERE oauth_tokens.organization_id = :organizationId AND oauth_tokens.provider_id = :providerId
    AND oauth_tokens.user_id = step.user_id AND oauth_tokens.id = step.id
  RETURNING oauth_tokens.*
), ${ENDING}
SELECT user_id AS "userId", id FROM step ORDER BY user_id DESC, id DESC LIMIT 1`;

/** Waits for imports that were under way at the mark. They may have added tokens behind the steps. */
const LOCK = `
SELECT 1 FROM oauth_providers
WHERE organization_id = :organizationId AND provider_id = :providerId AND deleting_at IS NOT NULL FOR UPDATE`;

const DELETE_PROVIDER = `
DELETE FROM oauth_providers
WHERE organization_id = :organizationId AND provider_id = :providerId AND deleting_at IS NOT NULL`;

/** An operator's task over all organizations. */
const UNFINISHED = `
SELECT organization_id AS "organizationId", provider_id AS "providerId"
FROM oauth_providers WHERE deleting_at IS NOT NULL`;

const IS_UNFINISHED = `${UNFINISHED} AND organization_id = :organizationId AND provider_id = :providerId`;

/** The last token of a step. */
type Step = { readonly userId: string; readonly id: string };

interface Deletion {
  readonly organizationId: string;
  readonly providerId: string;
  readonly by: Actor;
}

const BEFORE_ALL: Step = { userId: '', id: '00000000-0000-0000-0000-000000000000' };

interface Parts {
  /** For the steps, which take turns of their own. */
  readonly db: Knex;
  /** For the requests. */
  readonly statements: Statements;
}

export type ProviderDeletions = ReturnType<typeof providerDeletions>;

/**
 * Deletes providers with any number of tokens. The provider is out of use at once. Its tokens are deleted in steps, each
 * short enough for the statement timeout and for requests that wait for its locks. `resume` finishes after a crash.
 */
export function providerDeletions(
  { db, statements }: Parts,
  { stepSize, waitMs }: DeletionOptions = DEFAULTS,
) {
  const steps = createTurns(STEPS);
  const underWay = new Map<string, Promise<void>>();
  let isClosed = false;

  /** @returns the last token of the step; undefined: none is left */
  async function deleteStep(
    on: Knex,
    { organizationId, providerId, by }: Deletion,
    after: Step,
  ): Promise<Step | undefined> {
    const bindings = { organizationId, providerId, ...after, size: stepSize, ...recordedAs(by) };
    return (await on.raw<{ rows: Step[] }>(DELETE_TOKENS, bindings)).rows[0];
  }

  async function deleteRows(deletion: Deletion): Promise<void> {
    const { organizationId, providerId } = deletion;
    const inTurn = <Result>(step: () => Promise<Result>): Promise<Result> =>
      steps.run(organizationId, 1, () => retryDeadlock(step));
    const begun = performance.now();
    for (let after: Step | undefined = BEFORE_ALL; after !== undefined; ) {
      if (isClosed) return;
      const [from, start]: [Step, number] = [after, performance.now()];
      after = await inTurn(() => deleteStep(db, deletion, from));
      // Behind the answer it rests between steps, so that it leaves half of the database to requests.
      if (performance.now() - begun > waitMs) await delay(Math.min(performance.now() - start, MAX_REST_MS));
    }
    await inTurn(() =>
      db.transaction(async (transaction) => {
        await transaction.raw(LOCK, { organizationId, providerId });
        for (let after: Step | undefined = BEFORE_ALL; after !== undefined; ) {
          after = await deleteStep(transaction, deletion, after);
        }
        await transaction.raw(DELETE_PROVIDER, { organizationId, providerId });
      }),
    );
  }

  /** Starts or joins the deletion of a marked provider's rows. A failure leaves the rest to `resume`. */
  function finish(deletion: Deletion): Promise<void> {
    const name = JSON.stringify([deletion.organizationId, deletion.providerId]);
    const running = underWay.get(name);
    if (running !== undefined) return running;
    const started = deleteRows(deletion)
      .catch(() => undefined)
      .finally(() => underWay.delete(name));
    underWay.set(name, started);
    return started;
  }

  async function isUnfinished(organizationId: string, providerId: string): Promise<boolean> {
    const found = await statements.raw<{ rows: unknown[] }>(IS_UNFINISHED, { organizationId, providerId });
    return found.rows.length > 0;
  }

  return {
    /**
     * Deletes the provider and its tokens. Once this resolves, no statement finds them. The name becomes free when the last
     * row is gone, which may be later.
     * @returns the provider as it was; undefined: the organization has no such provider
     */
    async delete(organizationId: string, providerId: string, by: Actor): Promise<Provider | undefined> {
      const bindings = { organizationId, providerId, ...recordedAs(by) };
      const { rows } = await statements.raw<{ rows: Provider[] }>(MARK, bindings);
      const [provider] = rows;
      if (provider !== undefined || (await isUnfinished(organizationId, providerId))) {
        await withinTime(finish({ organizationId, providerId, by }), waitMs);
      }
      return provider;
    },

    /** Finishes all deletions, also those of processes that died. Resolves once they are done. */
    async resume(): Promise<void> {
      const { rows } = await db.raw<{ rows: { organizationId: string; providerId: string }[] }>(UNFINISHED);
      await Promise.all(rows.map((provider) => finish({ ...provider, by: SERVICE })));
    },

    /** Stops after the steps under way. */
    async close(): Promise<void> {
      isClosed = true;
      await Promise.all(underWay.values());
    },
  };
}

/** Waits for the task, but no longer than this. */
async function withinTime(task: Promise<void>, milliseconds: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, milliseconds);
  });
  await Promise.race([task, timeout]);
  clearTimeout(timer);
}
