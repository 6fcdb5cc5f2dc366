// What the server measures of itself, for Prometheus. Labels are bounded: route patterns, codes, kinds.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { createVllmMetrics } from './vllm-metrics.ts';

const LATENCY_SECONDS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120,
];

/** The engines, as far as a scrape reads it. */
export interface EngineLoad {
  readonly inFlight: { readonly waiting: number; readonly running: number };
  readonly model: {
    readonly kvCacheBytes: number;
    readonly maxSequences: number;
    readonly maxLength: number;
  };
  readonly manifest: { readonly id: string };
}

/** What is measured of one answer; times in milliseconds on one clock, null for what did not happen. */
export interface AnswerTimes {
  readonly outcome: 'stop' | 'length' | 'abort' | 'error' | null;
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly completionTokens: number;
  readonly maxTokens: number;
  readonly submittedAt: number;
  readonly admittedAt: number | null;
  readonly firstTokenAt: number | null;
  readonly lastTokenAt: number | null;
  readonly endedAt: number | null;
}

export interface StepMeasurement {
  readonly kind: string;
  readonly batchSize: number;
  readonly tokens: number;
  readonly usesValue: boolean;
  readonly movesArgmax: boolean | null;
  readonly durationMs: number;
  readonly admittedTokens: number;
  readonly cachedTokens: number;
}

export type Metrics = ReturnType<typeof createMetrics>;

/** Gauges whose names end like a counter's, which Prometheus' linter refuses; each has a twin with a `type` label. */
const MISNAMED = [
  'nodejs_active_resources_total',
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
];

/** `withVllm`: also vLLM's core metrics, by its names. */
export function createMetrics(engine: EngineLoad, withVllm = true) {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  for (const name of MISNAMED) registry.removeSingleMetric(name);
  const vllm = withVllm ? createVllmMetrics(registry, engine) : null;

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
    help: 'One step, of both models or of the behavior model alone, where every beta is 0.',
    labelNames: ['kind', 'models'],
    buckets: LATENCY_SECONDS,
    registers,
  });
  const beta = new Histogram({
    name: 'qsft_beta',
    help: 'Weight of the value model, by request; of a schedule, its start.',
    buckets: [0, 0.5, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192],
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
  const argmaxCompared = new Counter({
    name: 'qsft_argmax_compared_total',
    help: 'Tokens for which the policy was compared with the behavior model: at most one a step, none at beta 0.',
    registers,
  });
  const argmaxMoved = new Counter({
    name: 'qsft_argmax_moved_total',
    help: 'Of those, tokens for which the value model made another token the most probable.',
    registers,
  });
  const queueTime = new Histogram({
    name: 'qsft_queue_seconds',
    help: 'From the submission of a request until an answer gets its slot.',
    buckets: LATENCY_SECONDS,
    registers,
  });
  const loopLag = new Histogram({
    name: 'qsft_event_loop_lag_seconds',
    help: 'How late a thread was for something due: main serves HTTP and text, engine reads messages between two steps.',
    labelNames: ['thread'],
    buckets: LATENCY_SECONDS,
    registers,
  });
  new Gauge({
    name: 'qsft_slots',
    help: 'Sequences that the KV cache has room for.',
    registers,
    collect() {
      this.set(engine.model.maxSequences);
    },
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
    help: 'Memory the KV caches of both models take, allocated when a policy is loaded.',
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

  const constrained = new Gauge({
    name: 'qsft_constrained_answers',
    help: 'Answers that follow a grammar and have not ended.',
    registers,
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
    constrainedAnswers(change: number) {
      constrained.inc(change);
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
      vllm?.tokenGenerated(token);
    },
    answerEnded(answer: AnswerTimes) {
      if (answer.outcome !== null) answers.inc({ finish_reason: answer.outcome });
      if (answer.admittedAt !== null) {
        queueTime.observe((answer.admittedAt - answer.submittedAt) / 1000);
      }
      vllm?.answerEnded(answer);
    },
    promptEnded(ended: readonly AnswerTimes[]) {
      vllm?.promptEnded(ended);
    },
    loopLagged(thread: 'main' | 'engine', seconds: number) {
      loopLag.observe({ thread }, seconds);
    },
    engineRestarted() {
      engineRestarts.inc();
    },
    stepTaken(step: StepMeasurement) {
      const { kind, movesArgmax } = step;
      batchSize.observe({ kind }, step.batchSize);
      const models = step.usesValue ? 'both' : 'behavior';
      stepDuration.observe({ kind, models }, step.durationMs / 1000);
      prefixQueries.inc(step.admittedTokens);
      prefixHits.inc(step.cachedTokens);
      if (movesArgmax !== null) argmaxCompared.inc();
      if (movesArgmax === true) argmaxMoved.inc();
      vllm?.stepTaken(step);
    },
  };
}
