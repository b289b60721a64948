import { type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { Knex } from 'knex';
import { errorCode } from './errors.ts';

interface Query {
  readonly __knexQueryUid: string;
  /** With placeholders: no statement of ours holds a value. */
  readonly sql: string;
}

/** A span for each statement, within the request that sent it. Its attributes hold the statement, never its parameters. */
export function traceStatements(db: Knex): void {
  const tracer = trace.getTracer('tokenhold');
  const spans = new Map<string, Span>();
  const end = ({ __knexQueryUid: id }: Query, error?: unknown): void => {
    const span = spans.get(id);
    spans.delete(id);
    if (error !== undefined) {
      span?.setStatus({ code: SpanStatusCode.ERROR });
      span?.setAttribute('db.response.status_code', errorCode(error) ?? 'none');
    }
    span?.end();
  };
  db.on('query', ({ __knexQueryUid: id, sql }: Query) => {
    const attributes = { 'db.system.name': 'postgresql', 'db.query.text': sql };
    spans.set(id, tracer.startSpan('postgresql', { kind: SpanKind.CLIENT, attributes }));
  });
  db.on('query-response', (_result: unknown, query: Query) => end(query));
  db.on('query-error', (error: unknown, query: Query) => end(query, error));
}
