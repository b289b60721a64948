import { type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { Knex } from 'knex';
import { errorCode } from './errors.ts';
import { summarize } from './summary.ts';

interface Query {
  readonly __knexQueryUid: string;
  /** With placeholders, so it holds no value. */
  readonly sql: string;
}

/**
 * Begins the span of a statement, within the request that sends it. It holds the statement, never its parameters. Names are
 * those of OpenTelemetry's semantic conventions for databases.
 */
function startSpan(summary: string, sql: string): Span {
  const attributes = { 'db.system.name': 'postgresql', 'db.query.summary': summary, 'db.query.text': sql };
  return trace.getTracer('tokenhold').startSpan(summary, { kind: SpanKind.CLIENT, attributes });
}

function fail(span: Span, error: unknown): void {
  const code = errorCode(error);
  span.setStatus({ code: SpanStatusCode.ERROR });
  if (code !== undefined) span.setAttributes({ 'db.response.status_code': code, 'error.type': code });
}

/**
 * Runs a statement in a span of its own. If nothing is traced, the span is empty.
 * @param name names the span; it says more than the tables of a long statement
 */
export async function inSpan<Result>(name: string, sql: string, run: () => Promise<Result>): Promise<Result> {
  const span = startSpan(name, sql);
  try {
    return await run();
  } catch (error) {
    fail(span, error);
    throw error;
  } finally {
    span.end();
  }
}

/** Makes a span for each statement of Knex, named by its operations and tables. */
export function traceStatements(db: Knex): void {
  const spans = new Map<string, Span>();
  const end = ({ __knexQueryUid: id }: Query, error?: unknown): void => {
    const span = spans.get(id);
    spans.delete(id);
    if (span === undefined) return;
    if (error !== undefined) fail(span, error);
    span.end();
  };
  db.on('query', ({ __knexQueryUid: id, sql }: Query) => spans.set(id, startSpan(summarize(sql), sql)));
  db.on('query-response', (_result: unknown, query: Query) => end(query));
  db.on('query-error', (error: unknown, query: Query) => end(query, error));
}
