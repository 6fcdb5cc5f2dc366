// What the server measures of itself, for Prometheus. Labels are bounded: route patterns, codes, kinds.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

const LATENCY_SECONDS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120,
];

/** The engine, as far as a scrape reads it. */
export interface EngineLoad {
  readonly inFlight: { readonly waiting: number; readonly running: number };
  readonly model: { readonly kvCacheBytes: number };
}

export interface StepMeasurement {
  readonly kind: string;
  readonly batchSize: number;
  readonly durationMs: number;
  readonly admittedTokens: number;
  readonly cachedTokens: number;
}

export type Metrics = ReturnType<typeof createMetrics>;

export function createMetrics(engine: EngineLoad) {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });

  const httpRequests = new Counter({
    name: 'qsft_http_requests_total',
    help: 'HTTP requests answered.',
    labelNames: ['method', 'route', 'status'],
    registers,
  });
  const httpDuration = new Histogram({
    name: 'qsft_http_request_duration_seconds',
    help: 'From the first header of a request to the end of its response.',
    labelNames: ['method', 'route'],
    buckets: LATENCY_SECONDS,
    registers,
  });
  const rejected = new Counter({
    name: 'qsft_rejected_total',
    help: 'Requests that ended with an error, by its code.',
    labelNames: ['reason'],
    registers,
  });
  const answers = new Counter({
    name: 'qsft_requests_total',
    help: 'Answers ended, each of the n of a request by itself.',
    labelNames: ['finish_reason'],
    registers,
  });
  const tokens = new Counter({
    name: 'qsft_tokens_total',
    help: 'Tokens of prompts accepted and of answers generated.',
    labelNames: ['kind'],
    registers,
  });
  // Labels resolved once: these count every token.
  const promptTokens = tokens.labels({ kind: 'prompt' });
  const completionTokens = tokens.labels({ kind: 'completion' });
  const prefixQueries = new Counter({
    name: 'qsft_prefix_cache_queries_total',
    help: 'Prompt tokens that got a slot, one prompt for each answer.',
    registers,
  });
  const prefixHits = new Counter({
    name: 'qsft_prefix_cache_hits_total',
    help: 'Of those, tokens that an earlier prompt or answer had left in the cache.',
    registers,
  });
  const engineRestarts = new Counter({
    name: 'qsft_engine_restarts_total',
    help: 'Times the engine was started again after it had died.',
    registers,
  });
  const timeToFirstToken = new Histogram({
    name: 'qsft_time_to_first_token_seconds',
    help: 'From the submission of a request to the first token of an answer.',
    buckets: LATENCY_SECONDS,
    registers,
  });
  const interToken = new Histogram({
    name: 'qsft_inter_token_seconds',
    help: 'Between two tokens of an answer.',
    buckets: LATENCY_SECONDS,
    registers,
  });
  const batchSize = new Histogram({
    name: 'qsft_batch_size',
    help: 'Sequences in one step of the model.',
    labelNames: ['kind'],
    buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256],
    registers,
  });
  const stepDuration = new Histogram({
    name: 'qsft_step_duration_seconds',
    help: 'One step of both models, or of the behavior model alone where every beta is 0.',
    labelNames: ['kind'],
    buckets: LATENCY_SECONDS,
    registers,
  });
  const beta = new Histogram({
    name: 'qsft_beta',
    help: 'Weight of the value model, by request; of a schedule, its start.',
    buckets: [0, 0.5, 1, 2, 4, 8, 16, 32, 64, 128],
    registers,
  });
  const value = new Histogram({
    name: 'qsft_value_of_chosen_token',
    help: "The value model's probability of each generated token, its estimate of Q; none at beta 0.",
    buckets: [0.001, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1],
    registers,
  });
  const kl = new Histogram({
    name: 'qsft_kl_from_behavior_nats',
    help: 'How far the policy of each step is from the behavior model.',
    buckets: [0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8],
    registers,
  });
  new Gauge({
    name: 'qsft_queue_depth',
    help: 'Sequences waiting for a slot.',
    registers,
    collect() {
      this.set(engine.inFlight.waiting);
    },
  });
  new Gauge({
    name: 'qsft_kv_cache_bytes',
    help: 'Memory the KV caches of both models take, allocated once at start.',
    registers,
    collect() {
      this.set(engine.model.kvCacheBytes);
    },
  });
  new Gauge({
    name: 'qsft_sequences_running',
    help: 'Sequences holding a slot.',
    registers,
    collect() {
      this.set(engine.inFlight.running);
    },
  });

  return {
    registry,
    requestServed(request: { method: string; route: string; status: number; seconds: number }) {
      const { method, route, status, seconds } = request;
      httpRequests.inc({ method, route, status });
      httpDuration.observe({ method, route }, seconds);
    },
    requestRejected(reason: string) {
      rejected.inc({ reason });
    },
    generationStarted(started: { promptTokens: number; beta: number }) {
      promptTokens.inc(started.promptTokens);
      beta.observe(started.beta);
    },
    tokenGenerated(token: { seconds: number; isFirst: boolean; value: number | null; kl: number }) {
      completionTokens.inc();
      (token.isFirst ? timeToFirstToken : interToken).observe(token.seconds);
      if (token.value !== null) value.observe(token.value);
      kl.observe(token.kl);
    },
    choiceEnded(outcome: string) {
      answers.inc({ finish_reason: outcome });
    },
    engineRestarted() {
      engineRestarts.inc();
    },
    stepTaken({ kind, batchSize: sequences, durationMs, ...step }: StepMeasurement) {
      batchSize.observe({ kind }, sequences);
      stepDuration.observe({ kind }, durationMs / 1000);
      prefixQueries.inc(step.admittedTokens);
      prefixHits.inc(step.cachedTokens);
    },
  };
}
