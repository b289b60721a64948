/** The least work that answers an import over HTTP in Node: the body is read and parsed, and nothing else happens. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';
import { tellUsage } from './start.ts';

const ANSWER = '{"token_id":"00000000-0000-7000-8000-000000000000"}';

const server = createServer(async (request, response) => {
  await json(request);
  response
    .writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': ANSWER.length })
    .end(ANSWER);
}).listen(0, '127.0.0.1');
await once(server, 'listening');
tellUsage(server);
await once(process, 'disconnect');
server.closeAllConnections();
server.close();
