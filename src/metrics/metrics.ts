// What the server measures of itself, for Prometheus. Labels are bounded: route patterns, codes, kinds, and the ids of the
// policies it was started with.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { VERSION } from '../version.ts';
import { createHttpMetrics } from './http-metrics.ts';
import { LATENCY_SECONDS } from './latency-buckets.ts';
import type { PolicyLoad } from './measurements.ts';
import { createPolicyMetrics, type PolicyMetrics } from './policy-metrics.ts';
import { createVllmMetrics, type VllmOptions } from './vllm-metrics.ts';

export type Metrics = ReturnType<typeof createMetrics>;

/** Gauges whose names end like a counter's, which Prometheus' linter refuses; each has a twin with a `type` label. */
const MISNAMED = [
  'nodejs_active_resources_total',
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
];

/** `loads` gives every policy, loaded or not, and always the same ones. Null leaves out vLLM's core metrics, by its names. */
export function createMetrics(
  loads: () => readonly PolicyLoad[],
  vllm: VllmOptions | null = { reusesPrefixes: true },
) {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  for (const name of MISNAMED) registry.removeSingleMetric(name);
  const policies = createPolicyMetrics(
    registry,
    loads,
    vllm && createVllmMetrics(registry, loads, vllm),
  );

  new Gauge({
    name: 'qsft_build_info',
    help: 'Always 1; the label says which version of the server this is.',
    labelNames: ['version'],
    registers,
  }).set({ version: VERSION }, 1);
  const rejected = new Counter({
    name: 'qsft_rejected_total',
    help: 'Requests that ended with an error, by its code.',
    labelNames: ['reason'],
    registers,
  });
  const loopLag = new Histogram({
    name: 'qsft_event_loop_lag_seconds',
    help: 'How late a thread was for something due: main serves HTTP and text, engine reads messages between two steps.',
    labelNames: ['thread'],
    buckets: LATENCY_SECONDS,
    registers,
  });

  return {
    registry,
    /** Of one policy of those there were at the start. */
    of: (model: string): PolicyMetrics => policies(model),
    requestServed: createHttpMetrics(registry, vllm !== null),
    requestRejected(reason: string) {
      rejected.inc({ reason });
    },
    loopLagged(thread: 'main' | 'engine', seconds: number) {
      loopLag.observe({ thread }, seconds);
    },
  };
}
