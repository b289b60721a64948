/** Requests without a caller yield to those with one, and their networks are remembered within bounds. */
import { once } from 'node:events';
import { IncomingMessage, type ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import express from 'express';
import { InvalidCredentialsError } from '../security/authenticate.ts';
import { limitFailures } from '../server/auth-failures.ts';
import { ApiError } from '../server/errors.ts';
import { createLogger } from '../server/log.ts';
import { answerErrors } from '../server/observing.ts';
import { createPace } from '../server/pacing.ts';

/** More than an address may send at once. */
const MANY = 60;

const socket = new Socket();

function requestFrom(address: string): IncomingMessage {
  const request = new IncomingMessage(socket);
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

describe('an answer that fails after its turn', () => {
  it('is the error of its request, and not of the process', async () => {
    const observers = { log: createLogger('silent'), metrics: { observe() {}, observeFailure() {} } };
    const app = express();
    // No request is without an id and the other facts, so this answer fails.
    app.use(() => Promise.reject(new ApiError(404, 'Not Found')));
    app.use(answerErrors({ ...observers, pace: { turn: async () => undefined } }));
    app.use((error: Error, _request: IncomingMessage, response: ServerResponse, _next: unknown) => {
      response.end(error.name);
    });
    const server = app.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
    expect(await (await fetch(url)).text()).toBe('TypeError');
    server.close();
  });
});

describe('failed authentications', () => {
  it('are counted for the last 10,000 networks, which an IPv6 /48 has alone', async () => {
    const guess = limitFailures(1, 1)(() => Promise.reject(new InvalidCredentialsError('APIKey', 'api_key')));
    const status = (address: string) =>
      guess(requestFrom(address)).catch((error: unknown) => Object(error).status ?? 401);
    expect([await status('192.0.2.1'), await status('192.0.2.1')]).toEqual([401, 429]);
    for (let count = 0; count < 10_000; count++) await status(`2001:db8:0:${count.toString(16)}::1`);
    expect(await status('2001:db8:0:270f::1')).toBe(429);
    expect(await status('192.0.2.1')).toBe(401);
  });
});
