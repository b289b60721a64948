import { type Batcher, type BatcherParts, createBatcher } from './batcher.ts';
import { OverloadedError } from './errors.ts';
import type { Sharding } from './sharding.ts';

/**
 * A batcher for each node of a cluster: a statement then needs one node, and a node that is down stops nobody else. Each has
 * the limits of a batcher. Without a cluster there is one.
 */
export function createLanes<Item, Result>(
  parts: BatcherParts<Item, Result>,
  sharding: Pick<Sharding, 'nodeOf'> | undefined,
): Batcher<Item, Result> {
  if (sharding === undefined) return createBatcher(parts);
  const lanes = new Map<number, Batcher<Item, Result>>();
  let isClosed = false;

  function laneOf(node: number): Batcher<Item, Result> {
    const lane = lanes.get(node) ?? createBatcher(parts);
    lanes.set(node, lane);
    return lane;
  }

  return {
    async add(item) {
      const node = await sharding.nodeOf(parts.tenantOf(item));
      if (isClosed) throw new OverloadedError();
      return laneOf(node).add(item);
    },
    async close() {
      isClosed = true;
      await Promise.all([...lanes.values()].map((lane) => lane.close()));
    },
  };
}
