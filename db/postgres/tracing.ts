import { type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { Knex } from 'knex';
import { errorCode } from './errors.ts';

interface Query {
  readonly __knexQueryUid: string;
  /** With placeholders, so it holds no value. */
  readonly sql: string;
}

const TRACER = 'tokenhold';

/**
 * Runs a statement in a span of its own, within the request that sends it. If nothing is traced, the span is empty.
 * @param operation names the span
 */
export async function inSpan<Result>(
  operation: string,
  sql: string,
  run: () => Promise<Result>,
): Promise<Result> {
  const attributes = { 'db.system.name': 'postgresql', 'db.operation.name': operation, 'db.query.text': sql };
  const span = trace.getTracer(TRACER).startSpan(operation, { kind: SpanKind.CLIENT, attributes });
  try {
    return await run();
  } catch (error) {
    fail(span, error);
    throw error;
  } finally {
    span.end();
  }
}

function fail(span: Span | undefined, error: unknown): void {
  span?.setStatus({ code: SpanStatusCode.ERROR });
  span?.setAttribute('db.response.status_code', errorCode(error) ?? 'none');
}

/** Makes a span for each statement of Knex, within its request. The span holds the statement, never its parameters. */
export function traceStatements(db: Knex): void {
  const tracer = trace.getTracer(TRACER);
  const spans = new Map<string, Span>();
  const end = ({ __knexQueryUid: id }: Query, error?: unknown): void => {
    const span = spans.get(id);
    spans.delete(id);
    if (error !== undefined) fail(span, error);
    span?.end();
  };
  db.on('query', ({ __knexQueryUid: id, sql }: Query) => {
    const attributes = { 'db.system.name': 'postgresql', 'db.query.text': sql };
    spans.set(id, tracer.startSpan('postgresql', { kind: SpanKind.CLIENT, attributes }));
  });
  db.on('query-response', (_result: unknown, query: Query) => end(query));
  db.on('query-error', (error: unknown, query: Query) => end(query, error));
}
