import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { remember, TooManyLookupsError } from '../security/remember.ts';
import { raw, request, statuses } from './support/raw.ts';
import { startVault } from './support/vault.ts';

/** A look-up that knows the keys that begin with `good`. The test decides when it answers. */
function setUp(expiryOf?: (value: string) => Date | null) {
  const asked: string[] = [];
  const answer: (() => void)[] = [];
  let isHeld = false;
  const find = remember<string>(async (key) => {
    asked.push(key);
    if (isHeld) await new Promise<void>((resolve) => answer.push(resolve));
    return key.startsWith('good') ? `${key} found` : undefined;
  }, expiryOf && { expiryOf });
  return {
    find,
    asked,
    hold: () => {
      isHeld = true;
    },
    release: () => {
      isHeld = false;
      for (const go of answer) go();
    },
  };
}

describe('a key', () => {
  it('that was found is not looked up again within a second', async () => {
    const { find, asked } = setUp();
    expect([await find('good'), await find('good')]).toEqual(['good found', 'good found']);
    expect(asked).toEqual(['good']);
  });

  it('that was not found is not looked up again within a second', async () => {
    const { find, asked } = setUp();
    expect([await find('bad'), await find('bad')]).toEqual([undefined, undefined]);
    expect(asked).toEqual(['bad']);
  });

  it('that ends of itself is looked up again then', async () => {
    const { find, asked } = setUp(() => new Date(0));
    await find('good');
    await find('good');
    expect(asked).toEqual(['good', 'good']);
  });

  it('that several ask for at once is looked up once', async () => {
    const { find, asked } = setUp();
    expect(await Promise.all([find('good'), find('good')])).toEqual(['good found', 'good found']);
    expect(asked).toEqual(['good']);
  });
});

describe('a value that can be confirmed', () => {
  beforeEach(() => void jest.useFakeTimers({ doNotFake: ['nextTick', 'performance'] }));
  afterEach(() => void jest.useRealTimers());

  /** A look-up whose values are confirmed as long as the test says so. Only `Date` and timers are the test's own. */
  function setUpConfirmed() {
    const asked: string[] = [];
    const state = { asked, isValid: true, isAway: false };
    const find = remember<string>(
      async (key) => {
        asked.push(key);
        return state.isValid ? `${key} found` : undefined;
      },
      {
        async confirm(values) {
          if (state.isAway) throw new Error('away');
          return new Set(state.isValid ? values : []);
        },
      },
    );
    return { find, state };
  }

  it('is not looked up again while it is confirmed, for half a minute', async () => {
    const { find, state } = setUpConfirmed();
    await find('good');
    await jest.advanceTimersByTimeAsync(29_000);
    expect(await find('good')).toBe('good found');
    expect(state.asked).toEqual(['good']);
    await jest.advanceTimersByTimeAsync(2_000);
    await find('good');
    expect(state.asked).toEqual(['good', 'good']);
  });

  it('is refused within a second after it has ceased to hold', async () => {
    const { find, state } = setUpConfirmed();
    await find('good');
    await jest.advanceTimersByTimeAsync(10_000);
    state.isValid = false;
    await jest.advanceTimersByTimeAsync(1_000);
    expect(await find('good')).toBeUndefined();
  });

  it('is looked up again after a second if it cannot be confirmed', async () => {
    const { find, state } = setUpConfirmed();
    await find('good');
    state.isAway = true;
    await jest.advanceTimersByTimeAsync(1_000);
    await find('good');
    expect(state.asked).toEqual(['good', 'good']);
  });

  it('leaves no timer behind once it is no longer confirmed', async () => {
    const { find } = setUpConfirmed();
    await find('good');
    expect(jest.getTimerCount()).toBe(1);
    await jest.advanceTimersByTimeAsync(31_000);
    expect(jest.getTimerCount()).toBe(0);
  });
});

describe('invented keys', () => {
  it('do not evict a good one, however many they are', async () => {
    const { find, asked } = setUp();
    await find('good');
    for (let round = 0; round < 20; round++) {
      await Promise.all(Array.from({ length: 1_000 }, (_, index) => find(`bad ${round} ${index}`)));
    }
    asked.length = 0;
    await find('good');
    expect(asked.length).toBeLessThan(2); // none, unless a second has passed
  });

  it('are refused when too many are being looked up, and good ones known before are not', async () => {
    const { find, hold, release } = setUp(() => new Date(0));
    await find('good');
    hold();
    const flood = Promise.allSettled(Array.from({ length: 3_000 }, (_, index) => find(`bad ${index}`)));
    const good = find('good');
    release();
    expect(await good).toBe('good found');
    const refused = (await flood).filter(({ status }) => status === 'rejected');
    expect(refused).toHaveLength(2_000);
    for (const one of refused) expect(one).toMatchObject({ reason: expect.any(TooManyLookupsError) });
  });

  it('get 401 or 503 over HTTP, while a good caller is served', async () => {
    const vault = await startVault({ AUTH_FAILURES_PER_MINUTE: '0' });
    const { apiKey } = await vault.newTenant();
    const importToken = () => vault.import(apiKey, { provider_id: 'slack', access_token: 'x' });
    await importToken();
    const invented = (index: number) => `thk_AAAAAA_${String(index).padStart(43, 'A')}`;
    const pipelined = (first: number) =>
      Array.from({ length: 200 }, (_, index) =>
        request('GET /v2/auth/tokens', [`X-Api-Key: ${invented(first + index)}`]).replace(
          'Connection: close',
          `Connection: ${index === 199 ? 'close' : 'keep-alive'}`,
        ),
      ).join('');
    let isOver = false;
    const good = (async () => {
      const seen = new Set<number>();
      while (!isOver) seen.add((await importToken()).status);
      return seen;
    })();
    const flood = await Promise.all(
      Array.from({ length: 32 }, (_, socket) => raw(vault.port, pipelined(socket * 200))),
    );
    isOver = true;
    expect(await good).toEqual(new Set([200]));
    const seen = flood.flatMap(statuses);
    expect(seen).toHaveLength(6_400);
    expect(seen.filter((status) => status !== 401 && status !== 503)).toEqual([]);
    await vault.close();
  });
});
