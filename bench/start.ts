import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { join } from 'node:path';
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';

/** The messages of a measured process: first its address, then what it is asked for. */
type ServiceMessage = { readonly port: number } | Usage | { readonly longestBlockMs: number };
type Question = 'usage' | 'longestBlock';

export interface Usage {
  readonly cpuMicroseconds: number;
  readonly residentBytes: number;
}

export interface Service {
  readonly url: string;
  usage(): Promise<Usage>;
  stop(): Promise<void>;
}

/** A program of ours. */
export interface OwnService extends Service {
  /** The longest time that its event loop was blocked since the previous call, in milliseconds. */
  longestBlock(): Promise<number>;
}

/** In a measured process: sends the messages to its starter. */
export function tellUsage(server: Server): void {
  const tell = (message: ServiceMessage) => process.send?.(message);
  const address = server.address();
  tell({ port: typeof address === 'object' ? (address?.port ?? 0) : 0 });
  let delays: IntervalHistogram | undefined;
  process.on('message', (question: Question) => {
    if (question === 'longestBlock') {
      tell({ longestBlockMs: (delays?.max ?? 0) / 1e6 });
      delays ??= monitorEventLoopDelay({ resolution: 1 });
      delays.reset();
      delays.enable();
    } else {
      const { user, system } = process.cpuUsage();
      tell({ cpuMicroseconds: user + system, residentBytes: process.memoryUsage.rss() });
    }
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
): Promise<OwnService> {
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
    async longestBlock() {
      child.send('longestBlock' satisfies Question);
      const told = await receive(child, log);
      if (!('longestBlockMs' in told)) throw new Error('the service did not answer');
      return told.longestBlockMs;
    },
    async usage() {
      child.send('usage' satisfies Question);
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
