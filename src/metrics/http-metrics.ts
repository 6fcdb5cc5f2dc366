// HTTP requests, counted by this server's names and, for what watches vLLM, by those of the library that vLLM counts with.
import { Counter, Histogram, type Registry } from 'prom-client';
import { LATENCY_SECONDS } from './latency-buckets.ts';

export interface CountedRequest {
  readonly method: string;
  /** The pattern it matched, or `none`. */
  readonly route: string;
  readonly status: number;
  readonly seconds: number;
}

/** Without labels, so many buckets cost little. */
const FINE_SECONDS = [
  0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5, 7.5, 10, 30,
  60,
];
const COARSE_SECONDS = [0.1, 0.5, 1];

/** vLLM counts no probes, no scrapes and nobody who asks for its version. */
const UNCOUNTED_BY_VLLM = /^\/(health|metrics|ping|version)(\/|$)/;

export function createHttpMetrics(registry: Registry, withVllm: boolean) {
  const registers = [registry];
  const requests = new Counter({
    name: 'qsft_http_requests_total',
    help: 'HTTP requests answered.',
    labelNames: ['method', 'route', 'status'],
    registers,
  });
  const duration = new Histogram({
    name: 'qsft_http_request_duration_seconds',
    help: 'From the first header of a request to the end of its response.',
    labelNames: ['method', 'route'],
    buckets: LATENCY_SECONDS,
    registers,
  });
  const countAsVllm = withVllm ? vllmHttpMetrics(registry) : null;
  return (request: CountedRequest): void => {
    const { method, route, status, seconds } = request;
    requests.inc({ method, route, status });
    duration.observe({ method, route }, seconds);
    if (!UNCOUNTED_BY_VLLM.test(route)) countAsVllm?.(request);
  };
}

function vllmHttpMetrics(registry: Registry) {
  const registers = [registry];
  const requests = new Counter({
    name: 'http_requests_total',
    help: "HTTP requests by route, method and the status's first digit, without probes and scrapes.",
    labelNames: ['handler', 'method', 'status'],
    registers,
  });
  const fine = new Histogram({
    name: 'http_request_duration_highr_seconds',
    help: 'From the first header of a request to the end of its response, in many buckets.',
    buckets: FINE_SECONDS,
    registers,
  });
  const coarse = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'From the first header of a request to the end of its response, by route.',
    labelNames: ['handler', 'method'],
    buckets: COARSE_SECONDS,
    registers,
  });
  return ({ method, route: handler, status, seconds }: CountedRequest): void => {
    requests.inc({ handler, method, status: `${Math.floor(status / 100)}xx` });
    fine.observe(seconds);
    coarse.observe({ handler, method }, seconds);
  };
}
