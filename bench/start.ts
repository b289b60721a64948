import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The messages of a measured process: first its address, then its use of resources, as often as it is asked. */
type ServiceMessage =
  | { readonly port: number }
  | { readonly cpuMicroseconds: number; readonly residentBytes: number };

export interface Usage {
  readonly cpuMicroseconds: number;
  readonly residentBytes: number;
}

export interface Service {
  readonly url: string;
  usage(): Promise<Usage>;
  stop(): Promise<void>;
}

/** In a measured process: sends the messages to its starter. */
export function tellUsage(server: Server): void {
  const tell = (message: ServiceMessage) => process.send?.(message);
  const address = server.address();
  tell({ port: typeof address === 'object' ? (address?.port ?? 0) : 0 });
  process.on('message', () => {
    const { user, system } = process.cpuUsage();
    tell({ cpuMicroseconds: user + system, residentBytes: process.memoryUsage.rss() });
  });
}

export type Program = 'service' | 'bare' | 'minimal';

/**
 * Starts a built program beside this one with these settings. Its log goes to a file in `directory`.
 * @param trace the file that gets a line of figures for each garbage collection; undefined: none is written
 */
export async function startService(
  directory: string,
  settings: Readonly<Record<string, string>>,
  program: Program = 'service',
  trace?: string,
): Promise<Service> {
  const log = join(directory, 'service.log');
  const [logged, traced] = [openSync(log, 'a'), trace === undefined ? undefined : openSync(trace, 'w')];
  const child = fork(fileURLToPath(new URL(`${program}.js`, import.meta.url)), {
    env: { PATH: process.env['PATH'], ...settings },
    stdio: ['ignore', traced ?? 'ignore', logged, 'ipc'],
    execArgv: traced === undefined ? [] : ['--trace-gc', '--trace-gc-nvp'],
  });
  for (const file of [logged, traced]) if (file !== undefined) closeSync(file); // the process has its own descriptors
  const message = await receive(child, log);
  if (!('port' in message)) throw new Error('the service did not start');
  return {
    url: `http://127.0.0.1:${message.port}`,
    async usage() {
      child.send('usage');
      const used = await receive(child, log);
      if (!('cpuMicroseconds' in used)) throw new Error('the service did not answer');
      return used;
    },
    async stop() {
      const exited = once(child, 'exit');
      child.disconnect();
      await exited;
    },
  };
}

/** The end of a log, in an error. */
const LOG_CHARACTERS = 1_000;

async function receive(child: ChildProcess, log: string): Promise<ServiceMessage> {
  const given = new AbortController();
  const ended = once(child, 'exit', { signal: given.signal }).then(() => []);
  const [message]: ServiceMessage[] = await Promise.race([
    once(child, 'message', { signal: given.signal }),
    ended,
  ]);
  given.abort();
  ended.catch(() => undefined);
  if (message === undefined)
    throw new Error(`the service ended: ${readFileSync(log, 'utf8').slice(-LOG_CHARACTERS)}`);
  return message;
}
