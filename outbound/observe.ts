import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { OutboundError, type OutboundErrorKind } from './errors.ts';
import type { OutboundRequest, OutboundResponse, Purpose } from './request.ts';

export interface OutboundObservation {
  readonly purpose: Purpose;
  /** The class of the answer's status, or the reason why there was none. */
  readonly outcome: '1xx' | '2xx' | '3xx' | '4xx' | '5xx' | OutboundErrorKind;
  readonly seconds: number;
}

/** Called once for each request, for metrics. */
export type ObserveOutbound = (observation: OutboundObservation) => void;

/**
 * Measures a request and gives it a span. The span holds the host, but neither path nor query: some providers take a token
 * in the path.
 */
export async function observed(
  { purpose, url, method = 'GET' }: OutboundRequest,
  observe: ObserveOutbound | undefined,
  exchange: () => Promise<OutboundResponse>,
): Promise<OutboundResponse> {
  const startedAt = performance.now();
  const span = trace.getTracer('tokenhold').startSpan(`${method} ${purpose}`, { kind: SpanKind.CLIENT });
  span.setAttribute('http.request.method', method);
  if (URL.canParse(url)) span.setAttribute('server.address', new URL(url).hostname);
  const end = (outcome: OutboundObservation['outcome']): void => {
    span.end();
    observe?.({ purpose, outcome, seconds: (performance.now() - startedAt) / 1000 });
  };
  try {
    const response = await exchange();
    span.setAttribute('http.response.status_code', response.status);
    end(classOf(response.status));
    return response;
  } catch (error) {
    const kind = error instanceof OutboundError ? error.kind : 'unreadable';
    span.setStatus({ code: SpanStatusCode.ERROR }).setAttribute('error.type', kind);
    end(kind);
    throw error;
  }
}

function classOf(status: number): '1xx' | '2xx' | '3xx' | '4xx' | '5xx' {
  if (status < 200) return '1xx';
  if (status < 300) return '2xx';
  if (status < 400) return '3xx';
  return status < 500 ? '4xx' : '5xx';
}
