import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import type { Knex } from 'knex';
import { traceStatements } from '../db/postgres/tracing.ts';

/**
 * Sends spans to a collector by OTLP over HTTP. The standard variables (`OTEL_…`) name the collector and all else.
 * @returns a function that sends the remaining spans and stops
 */
export function startTracing(db: Knex): () => Promise<void> {
  const service = resourceFromAttributes({ 'service.name': process.env['OTEL_SERVICE_NAME'] ?? 'tokenhold' });
  const provider = new NodeTracerProvider({
    resource: defaultResource().merge(service),
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
  });
  provider.register();
  traceStatements(db);
  return () => provider.shutdown().catch(() => undefined); // the process stops also when the collector is away
}
