import pino, { type Logger } from 'pino';
import { errorCode, violatedConstraint } from '../db/postgres/errors.ts';

export type { Logger };

/** One JSON object per line, on stderr: stdout belongs to commands and their results. */
export function createLogger(level: string): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    pino.destination({ fd: 2, sync: true }),
  );
}

/** The parts of an error that the log may hold. Its message can quote a body, a row or a header, so it is left out. */
export function describeError(error: unknown): Readonly<Record<string, unknown>> {
  if (!(error instanceof Error)) return { name: typeof error };
  return {
    name: error.name,
    code: errorCode(error),
    constraint: violatedConstraint(error),
    at: error.stack
      ?.split('\n')
      .filter((line) => /^ {4}at /.test(line))
      .map((line) => line.trim()),
  };
}
