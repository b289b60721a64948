/** Requests without a caller yield to those with one. */
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { createPace } from '../server/pacing.ts';

/** More than an address may send at once. */
const MANY = 60;

function requestFrom(address: string): IncomingMessage {
  const request = new IncomingMessage(new Socket());
  request.headers['x-forwarded-for'] = address;
  return request;
}

/** The pace of a service whose event loop is busy, behind one proxy. */
function busyPace() {
  const pace = createPace(1, () => true);
  const ask = (address: string) => pace.turn(requestFrom(address), {});
  return { ...pace, ask, flood: (address: string) => Array.from({ length: MANY }, () => ask(address)) };
}

describe('requests without a caller', () => {
  it('wait while the event loop is busy and callers are served, those of another network do not', async () => {
    const { ask, callerServed, flood } = busyPace();
    callerServed();
    const turns = flood('2001:db8::1');
    expect(turns[0]).toBeUndefined();
    expect(turns.at(-1)).toBeInstanceOf(Promise);
    expect(ask('2001:db8::2')).toBeInstanceOf(Promise);
    expect(ask('2001:db8:1::1')).toBeUndefined();
    await Promise.all(turns);
  });

  it('do not wait where there is no caller to yield to', () => {
    expect(busyPace().flood('192.0.2.1')).toEqual(Array(MANY).fill(undefined));
  });

  it('do not wait while the event loop is idle', () => {
    const pace = createPace(1, () => false);
    pace.callerServed();
    const turns = Array.from({ length: MANY }, () => pace.turn(requestFrom('192.0.2.1'), {}));
    expect(turns).toEqual(Array(MANY).fill(undefined));
  });

  it('wait once, also if they fail afterwards', () => {
    const { callerServed, flood, turn } = busyPace();
    callerServed();
    flood('192.0.2.1');
    const facts = {};
    expect(turn(requestFrom('192.0.2.1'), facts)).toBeInstanceOf(Promise);
    expect(turn(requestFrom('192.0.2.1'), facts)).toBeUndefined();
  });

  it('are answered at once where too many wait', () => {
    const { ask, callerServed } = busyPace();
    callerServed();
    const turns = Array.from({ length: 4_100 }, () => ask('192.0.2.1'));
    expect(turns.filter((turn) => turn !== undefined)).toHaveLength(4_000);
  });
});
