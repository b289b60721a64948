/** Which connections give way when there are too many, so that no holder of many keeps others out. */
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { TooManyWaitingError } from '../db/postgres/turns.ts';
import { network } from './auth-failures.ts';

/** The part of all connections on which one organization may have requests under way. */
const SHARE = 0.8;
/** The most requests without an answer, of a pipelining connection and in all. Each takes a few kilobytes. */
const PIPELINED = { each: 1_000, all: 30_000 };

/** An organization, or the network of clients without a caller. */
interface Holder {
  readonly name: string;
  /** All holders of the same kind. */
  readonly all: Map<string, Holder>;
  /** In the order in which they came to it. */
  readonly connections: Set<Connection>;
  /** How many of them have a request under way. */
  busy: number;
}

interface Connection {
  readonly socket: Socket;
  holder: Holder;
  /** How many of its requests are not answered yet. */
  underWay: number;
  /** The response to the latest of them. */
  latest: ServerResponse | undefined;
  /** When it was last answered, by `performance.now()`; 0: never. */
  usedAt: number;
  readonly join: (organizationId: string) => void;
}

const connections = new WeakMap<Socket, Connection>();

/**
 * Notes that the connection of the request serves a caller of this organization.
 * @throws TooManyWaitingError if the organization has requests under way on too many connections
 */
export const joinCrowd = ({ socket }: IncomingMessage, organizationId: string): void =>
  connections.get(socket)?.join(organizationId);

/**
 * Keeps the connections of a server within their limit: each further one closes another. The organization with the most
 * gives way, or those without a caller if they are more. Of an organization, the connection gives way that has been idle
 * for longest, or else one whose client has to send or to read something. Of the others, the network with the most gives
 * way, its oldest one first and whatever it does: that had the longest time to bring a caller. A connection that pipelines
 * too much is closed.
 */
export function limitCrowd(server: Server, most: number, serve: RequestListener): void {
  const open = new Set<Connection>();
  const organizations = new Map<string, Holder>();
  const networks = new Map<string, Holder>();
  let underWay = 0;

  function join(connection: Connection, organizationId: string): void {
    if (!open.has(connection)) return;
    const { all, name } = connection.holder;
    if (all !== organizations || name !== organizationId) {
      leave(connection);
      enter(connection, holderOf(organizations, organizationId));
    }
    if (connection.holder.busy > Math.ceil(most * SHARE)) throw new TooManyWaitingError();
  }

  function close(connection: Connection): void {
    if (!open.delete(connection)) return;
    underWay -= connection.underWay;
    leave(connection);
    connection.socket.destroy();
  }

  function next(): Connection | undefined {
    const [organization, network] = [largest(organizations), largest(networks)];
    const [oldest] = network?.connections ?? [];
    let strangers = 0;
    for (const { connections } of networks.values()) strangers += connections.size;
    if (organization === undefined || organization.connections.size <= strangers) return oldest;
    return longestUnused(organization) ?? oldest;
  }

  function begin(connection: Connection, response: ServerResponse): void {
    underWay += 1;
    connection.underWay += 1;
    connection.latest = response;
    if (connection.underWay === 1) connection.holder.busy += 1;
    response.on('close', () => {
      if (!open.has(connection)) return;
      underWay -= 1;
      connection.underWay -= 1;
      connection.usedAt = performance.now();
      if (connection.underWay > 0) return;
      connection.latest = undefined;
      connection.holder.busy -= 1;
    });
  }

  const take: RequestListener = (request, response) => {
    const connection = connections.get(request.socket);
    if (connection === undefined || !open.has(connection)) return; // the rest of what a closed connection has sent
    begin(connection, response);
    const { underWay: own } = connection;
    if (own > PIPELINED.each || (own > 1 && underWay > PIPELINED.all)) close(connection);
    else serve(request, response);
  };

  server.on('connection', (socket: Socket) => {
    const connection: Connection = {
      socket,
      holder: holderOf(networks, network(socket.remoteAddress)),
      underWay: 0,
      latest: undefined,
      usedAt: 0,
      join: (organizationId) => join(connection, organizationId),
    };
    connections.set(socket, connection);
    open.add(connection);
    enter(connection, connection.holder);
    socket.once('close', () => close(connection));
    const yielding = open.size > most ? next() : undefined;
    if (yielding !== undefined) close(yielding);
  });
  server.on('request', take).on('checkExpectation', take);
}

/** Cuts the connection of a client that has not read on in its answer for this time. */
export function cutUnread(server: Server, milliseconds: number): void {
  // Node calls this when no byte has moved for that time, or for `keepAliveTimeout` after an answer.
  server.setTimeout(milliseconds, (socket) => {
    const { usedAt = 0, underWay } = connections.get(socket) ?? {};
    const isKeptAlive = usedAt > 0 && underWay === 0;
    if (isKeptAlive || socket.writableLength > 0) socket.destroy();
  });
}

function holderOf(all: Map<string, Holder>, name: string): Holder {
  const found = all.get(name) ?? { name, all, connections: new Set(), busy: 0 };
  all.set(name, found);
  return found;
}

function enter(connection: Connection, holder: Holder): void {
  connection.holder = holder;
  holder.connections.add(connection);
  if (connection.underWay > 0) holder.busy += 1;
}

function leave(connection: Connection): void {
  const { holder, underWay } = connection;
  holder.connections.delete(connection);
  if (underWay > 0) holder.busy -= 1;
  if (holder.connections.size === 0) holder.all.delete(holder.name);
}

function largest(holders: ReadonlyMap<string, Holder>): Holder | undefined {
  let found: Holder | undefined;
  for (const holder of holders.values()) {
    if (found === undefined || holder.connections.size > found.connections.size) found = holder;
  }
  return found;
}

/** The connection that has been idle for longest; if none is, the first whose client has to send or to read something. */
function longestUnused({ connections }: Holder): Connection | undefined {
  let [idle, blocked]: [Connection?, Connection?] = [];
  for (const connection of connections) {
    const { underWay, usedAt, latest, socket } = connection;
    if (underWay === 0) idle = idle === undefined || usedAt < idle.usedAt ? connection : idle;
    else if (latest?.req.complete === false || socket.writableLength > 0) blocked ??= connection;
  }
  return idle ?? blocked;
}
