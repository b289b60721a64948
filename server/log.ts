import pino, { type Logger } from 'pino';
import { errorCode, violatedConstraint } from '../db/postgres/errors.ts';

export type { Logger };

/** How much text waits while stderr takes none, for example on a full disk. Further lines are dropped. */
const MAX_WAITING_BYTES = 1_048_576;

/** One JSON object per line, on stderr: stdout belongs to commands and their results. */
export function createLogger(level: string): Logger {
  const stderr = pino.destination({ fd: 2, sync: true, maxLength: MAX_WAITING_BYTES });
  stderr.on('error', () => undefined); // a log that cannot be written must not end the service
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    stderr,
  );
}

/**
 * The parts of an error that the log may hold, by OpenTelemetry's names. `error.type` is the code of PostgreSQL or Node, if
 * there is one. The message can quote a body, a row or a header, so it is left out, also of the stack trace.
 */
export function errorFields(error: unknown): Readonly<Record<string, string | undefined>> {
  if (!(error instanceof Error)) return { 'error.type': typeof error };
  const frames = error.stack?.split('\n').filter((line) => /^ {4}at /.test(line));
  return {
    'error.type': errorCode(error) ?? error.name,
    'exception.type': error.name,
    'exception.stacktrace': frames?.map((line) => line.trim()).join('\n'),
    'tokenhold.constraint': violatedConstraint(error),
  };
}
