import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { exportJWK, exportSPKI, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose';

export interface Issuer {
  readonly url: string;
  /** A token, signed with ES256 by default. It has `iss`, `aud` "tokenhold", `sub` and an `exp` in an hour, unless the claims say otherwise. */
  sign(claims: Readonly<Record<string, unknown>>, algorithm?: string): Promise<string>;
  /** Replaces the keys: from now on, it signs with new ones and publishes only these. */
  rotate(): void;
  /** The public key of RS256 as PEM. */
  publicKey(): Promise<string>;
  /** Answers in place of discovery and of the key set. Undefined: their own. */
  answers: { discovery?: object; keys?: object; status?: number; location?: string };
  /** Requests seen, by path. */
  readonly requests: string[];
  stop(): Promise<void>;
  /** On the same port as before. */
  start(): Promise<void>;
}

/** An OpenID Connect issuer over HTTP: discovery, a key set, and tokens. */
export async function startIssuer(): Promise<Issuer> {
  /** By algorithm. They are made when they are first used, because a key of RSA takes long. */
  let keys = new Map<string, ReturnType<typeof makeKey>>();
  function keyOf(algorithm: string): ReturnType<typeof makeKey> {
    const key = keys.get(algorithm) ?? makeKey(algorithm);
    keys.set(algorithm, key);
    return key;
  }
  let server = await listen(0);
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const url = `http://127.0.0.1:${address.port}`;
  const issuer: Issuer = {
    url,
    answers: {},
    requests: [],
    async sign(claims, algorithm = 'ES256') {
      const key = await keyOf(algorithm);
      const payload: JWTPayload = {
        iss: url,
        aud: 'tokenhold',
        sub: 'bob',
        exp: Math.floor(Date.now() / 1000) + 3600,
        ...claims,
      };
      return new SignJWT(payload)
        .setProtectedHeader({ alg: algorithm, kid: key.jwk.kid ?? '' })
        .sign(key.privateKey);
    },
    rotate() {
      keys = new Map([...keys.keys()].map((algorithm) => [algorithm, makeKey(algorithm)]));
    },
    async publicKey() {
      return exportSPKI((await keyOf('RS256')).publicKey);
    },
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
    async start() {
      server = await listen(address.port);
      serve(server);
    },
  };
  serve(server);
  return issuer;

  function serve(on: Server): void {
    on.on('request', async (request, response) => {
      issuer.requests.push(request.url ?? '');
      const { discovery, keys: keySet, status = 200, location } = issuer.answers;
      const body =
        request.url === '/keys'
          ? (keySet ?? { keys: (await Promise.all(keys.values())).map(({ jwk }) => jwk) })
          : (discovery ?? { issuer: url, jwks_uri: `${url}/keys` });
      response.writeHead(status, {
        'Content-Type': 'application/json',
        ...(location === undefined ? {} : { Location: location }),
      });
      response.end(JSON.stringify(body));
    });
  }
}

async function listen(port: number): Promise<Server> {
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

let serial = 0;

async function makeKey(alg: string) {
  const { publicKey, privateKey } = await generateKeyPair(alg);
  const jwk: JWK = { ...(await exportJWK(publicKey)), alg, kid: `key-${serial++}`, use: 'sig' };
  return { publicKey, privateKey, jwk };
}
