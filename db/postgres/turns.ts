import { OverloadedError } from './errors.ts';

export interface TurnLimits {
  /** The most that one tenant may hold at once, unless a single request is larger. */
  readonly perTenant: number;
  /** The most that all tenants together may hold at once, unless a single request is larger. */
  readonly total: number;
  /** How many requests of one tenant may wait for their turns. */
  readonly waiting: number;
  /** How long a request may wait for its turn. 0: for ever. */
  readonly patienceMs: number;
}

/** Too many requests of the tenant wait, or this one has waited too long behind the tenant's others. Nothing was tried. */
export class TooManyWaitingError extends Error {}

export interface Turns {
  /**
   * Runs the work once there is room for it, after the tenant's earlier requests. It holds `size` until the work ends.
   * @throws TooManyWaitingError, OverloadedError (others took the room), and the errors of the work
   */
  run<Result>(tenant: string, size: number, work: () => Promise<Result>): Promise<Result>;
}

interface Waiting {
  readonly size: number;
  readonly begin: () => void;
}

/** Shares a scarce resource among tenants. Each has a limit and a queue of its own, and the queues are served in turn. */
export function createTurns({ perTenant, total, waiting, patienceMs }: TurnLimits): Turns {
  const held = new Map<string, number>();
  let heldInAll = 0;
  const lines = new Map<string, Waiting[]>();

  const isOwnShareTaken = (tenant: string, size: number): boolean => {
    const own = held.get(tenant) ?? 0;
    return own > 0 && own + size > perTenant;
  };
  const hasRoom = (tenant: string, size: number): boolean =>
    !isOwnShareTaken(tenant, size) && (heldInAll === 0 || heldInAll + size <= total);

  function hold(tenant: string, size: number): void {
    held.set(tenant, (held.get(tenant) ?? 0) + size);
    heldInAll += size;
  }

  function enter(tenant: string, size: number): Promise<void> | undefined {
    const line = lines.get(tenant) ?? [];
    if (line.length === 0 && hasRoom(tenant, size)) return void hold(tenant, size);
    if (line.length >= waiting) throw new TooManyWaitingError();
    lines.set(tenant, line);
    return new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined;
      const place = {
        size,
        begin() {
          clearTimeout(timer);
          resolve();
        },
      };
      line.push(place);
      if (patienceMs > 0) timer = setTimeout(giveUp, patienceMs);
      function giveUp(): void {
        line.splice(line.indexOf(place), 1);
        if (line.length === 0) lines.delete(tenant);
        reject(isOwnShareTaken(tenant, size) ? new TooManyWaitingError() : new OverloadedError());
      }
    });
  }

  function leave(tenant: string, size: number): void {
    const left = (held.get(tenant) ?? 0) - size;
    if (left > 0) held.set(tenant, left);
    else held.delete(tenant);
    heldInAll -= size;
    for (let hasBegun = lines.size > 0; hasBegun; ) hasBegun = [...lines.keys()].some(beginNext);
  }

  /** Begins the first request of the tenant's queue, if there is room for it. Then the other queues have their turns. */
  function beginNext(tenant: string): boolean {
    const line = lines.get(tenant);
    const [first] = line ?? [];
    if (line === undefined || first === undefined || !hasRoom(tenant, first.size)) return false;
    line.shift();
    lines.delete(tenant);
    if (line.length > 0) lines.set(tenant, line);
    hold(tenant, first.size);
    first.begin();
    return true;
  }

  return {
    async run(tenant, size, work) {
      const turn = enter(tenant, size);
      if (turn !== undefined) await turn;
      try {
        return await work();
      } finally {
        leave(tenant, size);
      }
    },
  };
}
