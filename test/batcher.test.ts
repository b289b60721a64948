import { describe, expect, it } from '@jest/globals';
import { type BatcherLimits, createBatcher } from '../db/postgres/batcher.ts';
import { OverloadedError } from '../db/postgres/errors.ts';

interface Row {
  readonly tenant: string;
  readonly name: string;
  readonly size?: number;
}

/** The error of PostgreSQL if one of the rows is not acceptable. */
class Fault extends Error {
  readonly code = '23514';
}
class ConnectionLost extends Error {}

/** A turn of the event loop. At its end, the items that have arrived are sent. */
const turn = () => new Promise(setImmediate);

/** A store whose statements the test ends, in the order in which they were sent. */
function setUp(limits: Partial<BatcherLimits> = {}) {
  const sent: string[][] = [];
  const pending: {
    rows: readonly Row[];
    resolve: (outcomes: string[]) => void;
    reject: (error: Error) => void;
  }[] = [];
  const batcher = createBatcher<Row, string>(
    {
      send: (rows) =>
        new Promise((resolve, reject) => {
          sent.push(rows.map(({ name }) => name));
          pending.push({ rows, resolve, reject });
        }),
      tenantOf: ({ tenant }) => tenant,
      sizeOf: ({ size = 1 }) => size,
    },
    { batchBytes: 100, tenantBytes: 100, totalBytes: 200, patienceMs: 60_000, apartMs: 60_000, ...limits },
  );
  const end = async (how: (statement: (typeof pending)[number]) => void) => {
    await turn();
    const statement = pending.shift();
    if (statement === undefined) throw new Error('nothing is on its way');
    how(statement);
    await turn();
  };
  return {
    sent,
    add: (tenant: string, name: string, size?: number) =>
      batcher.add({ tenant, name, ...(size !== undefined && { size }) }),
    close: () => batcher.close(),
    succeed: () => end(({ rows, resolve }) => resolve(rows.map(({ name }) => `${name} stored`))),
    fail: (error: Error) => end(({ reject }) => reject(error)),
    isIdle: () => pending.length === 0,
  };
}

describe('rows', () => {
  it('go at once when nothing is on its way, all that arrive in one turn of the event loop', async () => {
    const { add, sent, succeed } = setUp();
    const outcomes = Promise.all([add('a', 'a1'), add('b', 'b1')]);
    await turn();
    expect(sent).toEqual([['a1', 'b1']]);
    await succeed();
    expect(await outcomes).toEqual(['a1 stored', 'b1 stored']);
  });

  it('wait while something is on its way, and go together when it is done', async () => {
    const { add, sent, succeed } = setUp();
    const first = add('a', 'a1');
    await turn();
    const outcomes = Promise.all([add('a', 'a2'), add('b', 'b1')]);
    await turn();
    expect(sent).toEqual([['a1']]);
    await succeed();
    expect(sent).toEqual([['a1'], ['a2', 'b1']]);
    await succeed();
    expect(await Promise.all([first, outcomes])).toEqual(['a1 stored', ['a2 stored', 'b1 stored']]);
  });

  it('of each tenant go in turn, in their own order, however many one of them has', async () => {
    const { add, sent, succeed } = setUp({ batchBytes: 4 });
    const first = add('a', 'a1');
    await turn();
    const outcomes = Promise.all([
      ...['a2', 'a3', 'a4', 'a5', 'a6'].map((name) => add('a', name)),
      add('b', 'b1'),
      add('c', 'c1'),
    ]);
    for (let statement = 0; statement < 3; statement++) await succeed();
    expect(sent).toEqual([['a1'], ['a2', 'b1', 'c1', 'a3'], ['a4', 'a5', 'a6']]);
    await Promise.all([first, outcomes]);
  });

  it('that are larger than a batch go alone', async () => {
    const { add, sent, succeed } = setUp({ batchBytes: 10 });
    const outcomes = Promise.all([add('a', 'a1'), add('a', 'large', 50), add('a', 'a2')]);
    for (let statement = 0; statement < 3; statement++) await succeed();
    expect(sent).toEqual([['a1'], ['large'], ['a2']]);
    await outcomes;
  });
});

describe('a batch that fails for one of its rows', () => {
  it('is tried again by tenant, and by row where that fails too, so that only the row at fault fails', async () => {
    const { add, sent, succeed, fail } = setUp();
    const first = add('a', 'a1');
    await turn();
    const outcomes = Promise.allSettled([add('a', 'a2'), add('bad', 'b1'), add('bad', 'b2'), add('c', 'c1')]);
    await succeed();
    await fail(new Fault());
    await succeed(); // a2
    await fail(new Fault()); // b1 and b2
    await succeed(); // c1
    await fail(new Fault()); // b1
    await succeed(); // b2
    expect(sent).toEqual([['a1'], ['a2', 'b1', 'c1', 'b2'], ['a2'], ['b1', 'b2'], ['c1'], ['b1'], ['b2']]);
    expect(await first).toBe('a1 stored');
    expect((await outcomes).map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
    ]);
  });

  it('is sent again when its statement is chosen as a deadlock victim, and again', async () => {
    const { add, fail, succeed, sent } = setUp();
    const deadlock = Object.assign(new Error(), { code: '40P01' });
    const outcome = add('a', 'a1');
    await fail(deadlock);
    await fail(deadlock);
    await succeed();
    expect(await outcome).toBe('a1 stored');
    expect(sent).toEqual([['a1'], ['a1'], ['a1']]);
  });

  it('holds up nobody else while its tenant is served apart', async () => {
    const { add, sent, succeed, fail } = setUp();
    const bad = add('bad', 'b1');
    await fail(new Fault());
    const neighbour = add('a', 'a1'); // while b1 is sent again
    const later = add('bad', 'b2'); // waits for b1, because it is apart
    await turn();
    expect(sent).toEqual([['b1'], ['b1'], ['a1']]);
    await succeed();
    await succeed();
    await succeed();
    expect(sent.at(-1)).toEqual(['b2']);
    expect(await Promise.all([bad, neighbour, later])).toEqual(['b1 stored', 'a1 stored', 'b2 stored']);
  });

  it('is mixed with the others again once nothing of its tenant is waiting', async () => {
    const { add, sent, succeed, fail } = setUp();
    const bad = add('bad', 'b1');
    await fail(new Fault());
    await succeed();
    await bad;
    const first = add('a', 'a1');
    await turn();
    const outcomes = Promise.all([add('bad', 'b2'), add('a', 'a2')]);
    await succeed();
    await succeed();
    await Promise.all([first, outcomes]);
    expect(sent.at(-1)).toEqual(['b2', 'a2']);
  });

  it('keeps the tenant whose row failed apart for a while, so that it delays nobody again', async () => {
    const { add, sent, succeed, fail } = setUp();
    const bad = expect(add('bad', 'b1')).rejects.toThrow(Fault);
    await fail(new Fault());
    await fail(new Fault()); // alone
    await bad;
    const outcomes = Promise.all([add('bad', 'b2'), add('a', 'a1')]);
    await succeed();
    await succeed();
    await outcomes;
    expect(sent).toEqual([['b1'], ['b1'], ['b2'], ['a1']]);
  });

  it('does not make its rows wait without end', async () => {
    const { add, fail, succeed, isIdle } = setUp({ patienceMs: 0 });
    const bad = add('bad', 'b1');
    const outcome = expect(bad).rejects.toThrow(OverloadedError);
    await fail(new Fault());
    await outcome;
    expect(isIdle()).toBe(true);
    const next = add('bad', 'b2');
    await succeed();
    expect(await next).toBe('b2 stored');
  });
});

describe('a connection that is lost', () => {
  it('fails the rows on their way, which may be stored, and tries none again', async () => {
    const { add, sent, succeed, fail } = setUp();
    const lost = expect(add('a', 'a1')).rejects.toThrow(ConnectionLost);
    await turn();
    const next = add('a', 'a2');
    await fail(new ConnectionLost());
    await lost;
    await succeed();
    expect(await next).toBe('a2 stored');
    expect(sent).toEqual([['a1'], ['a2']]);
  });
});

describe('a full queue', () => {
  it('takes nothing more of the tenant that fills it, and of others still', async () => {
    const { add, succeed } = setUp();
    const outcomes = Promise.all([add('a', 'a1', 60), add('a', 'a2', 40), add('b', 'b1')]);
    await expect(add('a', 'a3')).rejects.toThrow(OverloadedError);
    await succeed();
    await succeed();
    await outcomes;
    const again = add('a', 'a3');
    await succeed();
    expect(await again).toBe('a3 stored');
  });

  it('takes nothing more of anybody when it is full for all', async () => {
    const { add, succeed } = setUp();
    const outcomes = Promise.all([add('a', 'a1', 100), add('b', 'b1', 100)]);
    await expect(add('c', 'c1')).rejects.toThrow(OverloadedError);
    await succeed();
    await succeed();
    await outcomes;
  });
});

describe('closing', () => {
  it('takes nothing more, and waits for what is on its way and in the queue', async () => {
    const { add, close, succeed } = setUp();
    const first = add('a', 'a1');
    await turn();
    const second = add('a', 'a2');
    let isClosed = false;
    const closed = close().then(() => {
      isClosed = true;
    });
    await expect(add('a', 'a3')).rejects.toThrow(OverloadedError);
    await succeed();
    expect(isClosed).toBe(false);
    await succeed();
    await closed;
    expect(await Promise.all([first, second])).toEqual(['a1 stored', 'a2 stored']);
  });

  it('is done at once when nothing is waiting', async () => {
    await setUp().close();
  });
});
