import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type HostileServer, startHostileServer } from './support/hostile-authorization-server.ts';
import { person, providerOf } from './support/person.ts';
import { startVault, type TestVault } from './support/vault.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

let vault: TestVault;
let provider: HostileServer;
let api: Server;
let apiUrl: string;
let key: string;
/** What the API was asked with, and the tokens that it refuses. */
const used: string[] = [];
const withdrawn = new Set<string>();

beforeAll(async () => {
  [vault, provider] = await Promise.all([startVault(), startHostileServer()]);
  api = createServer(({ headers }, response) => {
    const token = headers.authorization?.replace('Bearer ', '') ?? '';
    used.push(token);
    response.writeHead(withdrawn.has(token) || !provider.secrets.includes(token) ? 401 : 200).end();
  }).listen(0, '127.0.0.1');
  await once(api, 'listening');
  const address = api.address();
  apiUrl = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  const tenant = await vault.newTenant();
  key = await vault.newKey(tenant, { userId: 'agent', actsFor: 'organization' });
  await vault.call('POST', '/v2/auth/providers', {
    key: tenant.apiKey,
    json: providerOf(provider, 'acme'),
  });
});

afterAll(async () => {
  await Promise.all([vault?.close(), provider?.stop()]);
  api?.closeAllConnections();
  api?.close();
});

async function consent(link: string): Promise<void> {
  const end = await person().connect(link);
  expect(end.headers.get('location')).toBe(`${vault.url}/connected`);
}

/** Runs an example, consents to each link that it prints, and tells its other lines. */
async function run(command: readonly string[], user: string, urls: readonly string[]) {
  const [file = '', ...args] = command;
  const agent: ChildProcess = spawn(file, [...args, '--provider', 'acme', '--user', user, ...urls], {
    cwd: ROOT,
    env: { PATH: process.env['PATH'], TOKENHOLD_URL: vault.url, TOKENHOLD_API_KEY: key },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(agent, 'exit');
  const lines: string[] = [];
  let links = 0;
  if (agent.stdout === null) throw new Error('no stdout');
  for await (const line of createInterface(agent.stdout)) {
    const [, link] = /^Please open (\S+)$/.exec(line) ?? [];
    if (link === undefined) lines.push(line);
    else {
      links += 1;
      await consent(link);
    }
  }
  const [status] = await exited;
  return { status, links, lines };
}

const succeeds = (file: string, ...args: string[]): boolean => {
  try {
    execFileSync(file, args, { stdio: 'ignore' });
    return true;
  } catch {
    process.stderr.write(`Skipped, because this fails: ${file} ${args.join(' ')}\n`);
    return false;
  }
};

const EXAMPLES = [
  { name: 'agent.ts', command: [process.execPath, '--import', 'tsx', 'examples/agent.ts'], is: true },
  {
    name: 'agent.py',
    command: ['python3', 'examples/agent.py'],
    is: succeeds('python3', '--version'),
  },
  {
    name: 'agent_langchain.py',
    command: ['python3', 'examples/agent_langchain.py'],
    is: succeeds('python3', '-c', 'import langchain_auth'),
  },
];

describe.each(EXAMPLES.filter(({ is }) => is))('$name', ({ name, command }) => {
  it('shows the link, waits for the consent, and uses the token for every piece of work', async () => {
    used.length = 0;
    const urls = [`${apiUrl}/one`, `${apiUrl}/two`];
    expect(await run(command, name, urls)).toEqual({
      status: 0,
      links: 1,
      lines: urls.map((url) => `200 ${url}`),
    });
    expect(new Set(used).size).toBe(1);
  });
});

describe.each(EXAMPLES.filter(({ name, is }) => is && name !== 'agent_langchain.py'))('$name', (example) => {
  it('asks for a new consent when the API refuses the token', async () => {
    const user = `${example.name} again`;
    await run(example.command, user, [apiUrl]);
    withdrawn.add(used.at(-1) ?? '');
    expect(await run(example.command, user, [apiUrl])).toEqual({
      status: 0,
      links: 1,
      lines: [`200 ${apiUrl}`],
    });
  });
});
