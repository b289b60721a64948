import { OverloadedError } from './errors.ts';
import { rememberTenants } from './tenants.ts';

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

interface Tenant {
  held: number;
  /** The requests that wait for their turns. */
  readonly line: Waiting[];
}

/** Shares a scarce resource among tenants. Each has a limit and a queue of its own, and the queues are served in turn. */
export function createTurns({ perTenant, total, waiting, patienceMs }: TurnLimits): Turns {
  const find = rememberTenants<Tenant>(
    () => ({ held: 0, line: [] }),
    ({ held, line }) => held > 0 || line.length > 0,
  );
  let heldInAll = 0;
  /** The tenants whose requests wait, in the order of their turns. */
  const waitingTenants = new Set<Tenant>();

  const isOwnShareTaken = ({ held }: Tenant, size: number): boolean => held > 0 && held + size > perTenant;
  const hasRoom = (tenant: Tenant, size: number): boolean =>
    !isOwnShareTaken(tenant, size) && (heldInAll === 0 || heldInAll + size <= total);

  function hold(tenant: Tenant, size: number): void {
    tenant.held += size;
    heldInAll += size;
  }

  function enter(tenant: Tenant, size: number): Promise<void> | undefined {
    const { line } = tenant;
    if (line.length === 0 && hasRoom(tenant, size)) return void hold(tenant, size);
    if (line.length >= waiting) throw new TooManyWaitingError();
    waitingTenants.add(tenant);
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
        if (line.length === 0) waitingTenants.delete(tenant);
        reject(isOwnShareTaken(tenant, size) ? new TooManyWaitingError() : new OverloadedError());
      }
    });
  }

  function leave(tenant: Tenant, size: number): void {
    tenant.held -= size;
    heldInAll -= size;
    for (let hasBegun = waitingTenants.size > 0; hasBegun; ) hasBegun = [...waitingTenants].some(beginNext);
  }

  /** Begins the first request of the tenant's queue, if there is room for it. Then the other queues have their turns. */
  function beginNext(tenant: Tenant): boolean {
    const { line } = tenant;
    const [first] = line;
    if (first === undefined || !hasRoom(tenant, first.size)) return false;
    line.shift();
    waitingTenants.delete(tenant);
    if (line.length > 0) waitingTenants.add(tenant);
    hold(tenant, first.size);
    first.begin();
    return true;
  }

  return {
    async run(name, size, work) {
      const tenant = find(name);
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
