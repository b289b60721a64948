import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { OverloadedError } from '../db/postgres/errors.ts';
import { createTurns, TooManyWaitingError } from '../db/postgres/turns.ts';
import { createBodies } from '../server/bodies.ts';
import { LARGE_BYTES } from '../server/body.ts';
import { createWaiters, TooManyWaitersError } from '../vault/waiters.ts';

const LIMITS = { perTenant: 2, total: 3, waiting: 2, patienceMs: 0 };

/** Work that goes on until `end` is called; `begun` has the names of what has begun. */
function workshop(turns: ReturnType<typeof createTurns>) {
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  return {
    begun,
    start: (tenant: string, name: string, size = 1) =>
      turns.run(tenant, size, async () => {
        begun.push(name);
        await new Promise<void>((resolve) => ends.set(name, resolve));
        return name;
      }),
    async end(name: string, work: Promise<string>) {
      ends.get(name)?.();
      await work;
    },
  };
}

describe('turns', () => {
  it('go to each tenant up to its share, and to all up to the total', async () => {
    const { begun, start, end } = workshop(createTurns(LIMITS));
    const a = [start('a', 'a1'), start('a', 'a2'), start('a', 'a3')];
    const b = [start('b', 'b1'), start('b', 'b2')];
    expect(begun).toEqual(['a1', 'a2', 'b1']);
    await end('b1', b[0] ?? Promise.reject());
    expect(begun).toEqual(['a1', 'a2', 'b1', 'b2']);
    await end('a1', a[0] ?? Promise.reject());
    expect(begun).toEqual(['a1', 'a2', 'b1', 'b2', 'a3']);
  });

  it('go round the tenants that wait', async () => {
    const { begun, start, end } = workshop(createTurns({ ...LIMITS, perTenant: 1, total: 1 }));
    const first = start('a', 'a1');
    const all = [start('a', 'a2'), start('a', 'a3'), start('b', 'b1')];
    await end('a1', first);
    await end('a2', all[0] ?? Promise.reject());
    expect(begun).toEqual(['a1', 'a2', 'b1']);
  });

  it('let a request that is larger than a share take its turn alone', async () => {
    const { begun, start, end } = workshop(createTurns(LIMITS));
    const large = start('a', 'large', 9);
    void start('a', 'small');
    expect(begun).toEqual(['large']);
    await end('large', large);
    expect(begun).toEqual(['large', 'small']);
  });

  it('are free again after work that fails', async () => {
    const turns = createTurns({ ...LIMITS, perTenant: 1 });
    await expect(turns.run('a', 1, () => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
    expect(await turns.run('a', 1, async () => 'done')).toBe('done');
  });

  it('refuse a tenant that has too many waiting', async () => {
    const { start } = workshop(createTurns({ ...LIMITS, perTenant: 1, waiting: 1 }));
    void start('a', 'a1');
    void start('a', 'a2');
    await expect(start('a', 'a3')).rejects.toBeInstanceOf(TooManyWaitingError);
  });

  it('tell who is the cause when one has waited too long', async () => {
    const { start } = workshop(createTurns({ perTenant: 2, total: 2, waiting: 9, patienceMs: 1 }));
    void start('a', 'a1');
    void start('a', 'a2');
    await expect(start('a', 'a3')).rejects.toBeInstanceOf(TooManyWaitingError);
    await expect(start('b', 'b1')).rejects.toBeInstanceOf(OverloadedError);
  });
});

describe('waiters', () => {
  it('of one organization leave places to others, whatever credentials they have', async () => {
    const pending = {
      id: 'x',
      userId: 'user',
      providerId: 'slack',
      agentId: null,
      status: 'pending' as const,
      tokenId: null,
    };
    const waiters = createWaiters({
      authorizations: { states: async (asked) => asked.map((one) => ({ ...pending, ...one })) },
      limits: { perHolder: 1, total: 10 },
    });
    const leaving = new AbortController();
    const wait = (organizationId: string, holder: string) =>
      waiters.wait({ organizationId, id: holder }, holder, {
        timeoutMs: 60_000,
        signal: leaving.signal,
        mayWait: () => true,
      });
    const greedy = Array.from({ length: 10 }, (_, index) => wait('greedy', `holder-${index}`));
    const refused = await Promise.allSettled(greedy.slice(8));
    expect(refused.map((one) => one.status === 'rejected' && one.reason)).toEqual([
      expect.any(TooManyWaitersError),
      expect.any(TooManyWaitersError),
    ]);
    const other = wait('other', 'holder-other');
    await expect(wait('other', 'holder-other')).rejects.toBeInstanceOf(TooManyWaitersError);
    leaving.abort();
    expect(await other).toMatchObject({ status: 'pending' });
    expect(waiters.count()).toBe(0);
    await Promise.all(greedy.slice(0, 8));
  });
});

describe('an organization', () => {
  const serve = createBodies(false);
  const request = new IncomingMessage(new Socket());
  const served = async (isLarge: boolean): Promise<number> => {
    const start = performance.now();
    await serve(request, 'organization', LARGE_BYTES, async () => {
      await delay(100);
      return isLarge;
    });
    return performance.now() - start;
  };

  it('rests after a large body, and not after one of unknown length that turned out small', async () => {
    expect(await served(true)).toBeGreaterThanOrEqual(390);
    expect(await served(false)).toBeLessThan(390);
  });
});
