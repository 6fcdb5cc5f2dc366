// Spans to an OpenTelemetry collector over OTLP/HTTP. Loaded only where an endpoint is set: the packages take a while to load.
import {
  type Attributes,
  defaultTextMapGetter,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
} from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from '@opentelemetry/resources';
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';

/** A request that has been served; times are milliseconds on the clock of `performance.now()`. */
export interface ServedSpan {
  readonly name: string;
  /** The request's `traceparent` and `tracestate`. */
  readonly headers: Readonly<Record<string, string>>;
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Attributes;
  readonly events: readonly {
    readonly name: string;
    readonly atMs: number;
    readonly attributes?: Attributes;
  }[];
  readonly isFailure: boolean;
}

export interface Tracing {
  /** The span's trace id, its caller's where that sent one. */
  record(span: ServedSpan): string;
  /** Sends what has not been sent yet. */
  close(): Promise<void>;
}

/** `endpoint` is the collector's, without `/v1/traces`. Of traces that a caller began, those are kept that it samples. */
export function startTracing(endpoint: string): Tracing {
  const exporter = new OTLPTraceExporter({ url: `${endpoint.replace(/\/+$/, '')}/v1/traces` });
  const provider = new TracerProvider({
    // OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES have the last word.
    resource: defaultResource()
      .merge(resourceFromAttributes({ 'service.name': 'qsft-server' }))
      .merge(detectResources({ detectors: [envDetector] })),
    spanProcessors: [new BatchSpanProcessor({ exporter })],
  });
  const tracer = provider.getTracer('qsft-server');
  const propagator = new W3CTraceContextPropagator();

  function record({ name, headers, attributes, events, ...span }: ServedSpan): string {
    const parent = propagator.extract(ROOT_CONTEXT, headers, defaultTextMapGetter);
    const startTime = epochMs(span.startMs);
    const recorded = tracer.startSpan(
      name,
      { kind: SpanKind.SERVER, startTime, attributes },
      parent,
    );
    for (const { name: event, atMs, attributes: own } of events) {
      recorded.addEvent(event, own ?? {}, epochMs(atMs));
    }
    if (span.isFailure) recorded.setStatus({ code: SpanStatusCode.ERROR });
    recorded.end(epochMs(span.endMs));
    return recorded.spanContext().traceId;
  }

  return { record, close: () => provider.shutdown() };
}

function epochMs(ms: number): number {
  return performance.timeOrigin + ms;
}
