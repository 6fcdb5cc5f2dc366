// What is measured of each policy: its queue, slots and steps, its answers, and what its two models make of each other.
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { LATENCY_SECONDS } from './latency-buckets.ts';
import type { AnswerTimes, PolicyLoad, StepMeasurement, TokenMeasurement } from './measurements.ts';
import type { VllmMetrics } from './vllm-metrics.ts';

export type PolicyMetrics = ReturnType<ReturnType<typeof createPolicyMetrics>>;

/** Gives the metrics of the policy of an id. */
export function createPolicyMetrics(
  registry: Registry,
  loads: () => readonly PolicyLoad[],
  vllm: VllmMetrics | null,
) {
  const registers = [registry];
  const models = loads().map(({ model }) => model);

  // There from the start, as a rate needs it.
  function counter(name: string, help: string): Counter<'model'> {
    const metric = new Counter({ name: `qsft_${name}`, help, labelNames: ['model'], registers });
    for (const model of models) metric.inc({ model }, 0);
    return metric;
  }

  function histogram(
    name: string,
    help: string,
    buckets: number[] = LATENCY_SECONDS,
  ): Histogram<'model'> {
    const metric = new Histogram({
      name: `qsft_${name}`,
      help,
      labelNames: ['model'],
      buckets,
      registers,
    });
    for (const model of models) metric.zero({ model });
    return metric;
  }

  function gauge(name: string, help: string, read: (load: PolicyLoad) => number): void {
    new Gauge({
      name: `qsft_${name}`,
      help,
      labelNames: ['model'],
      registers,
      collect() {
        for (const load of loads()) this.set({ model: load.model }, read(load));
      },
    });
  }

  gauge(
    'slots',
    'Sequences that the KV cache has room for; 0 while the policy is not loaded.',
    ({ slots }) => slots,
  );
  gauge('queue_depth', 'Sequences waiting for a slot.', ({ waiting }) => waiting);
  gauge('sequences_running', 'Sequences holding a slot.', ({ running }) => running);
  gauge(
    'kv_cache_bytes',
    'Memory the KV caches of both models take, allocated when the policy is loaded.',
    ({ kvCacheBytes }) => kvCacheBytes,
  );
  const constrained = new Gauge({
    name: 'qsft_constrained_answers',
    help: 'Answers that follow a grammar and have not ended.',
    labelNames: ['model'],
    registers,
  });
  for (const model of models) constrained.set({ model }, 0);

  const answers = new Counter({
    name: 'qsft_requests_total',
    help: 'Answers ended, each of the n of a request by itself.',
    labelNames: ['model', 'finish_reason'],
    registers,
  });
  const tokens = new Counter({
    name: 'qsft_tokens_total',
    help: 'Tokens of prompts accepted and of answers generated.',
    labelNames: ['model', 'kind'],
    registers,
  });
  const prefixQueries = counter(
    'prefix_cache_queries_total',
    'Prompt tokens that got a slot, one prompt for each answer.',
  );
  const prefixHits = counter(
    'prefix_cache_hits_total',
    'Of those, tokens that an earlier prompt or answer had left in the cache.',
  );
  const engineRestarts = counter(
    'engine_restarts_total',
    'Times the engine was started again after it had died.',
  );
  const timeToFirstToken = histogram(
    'time_to_first_token_seconds',
    'From the submission of a request to the first token of an answer.',
  );
  const interToken = histogram('inter_token_seconds', 'Between two tokens of an answer.');
  const queueTime = histogram(
    'queue_seconds',
    'From the submission of a request until an answer gets its slot.',
  );
  const tokenizeTime = histogram(
    'tokenize_seconds',
    "From a text to its tokens; that of long ones has the wait for the tokenizer's thread.",
  );
  const batchSize = new Histogram({
    name: 'qsft_batch_size',
    help: 'Sequences in one step of the model.',
    labelNames: ['model', 'kind'],
    buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256],
    registers,
  });
  const stepDuration = new Histogram({
    name: 'qsft_step_duration_seconds',
    help: 'One step, of both models or of the behavior model alone, where every beta is 0.',
    labelNames: ['model', 'kind', 'models'],
    buckets: LATENCY_SECONDS,
    registers,
  });
  const beta = histogram(
    'beta',
    'Weight of the value model, by request; of a schedule, its start.',
    [0, 0.5, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192],
  );
  const value = histogram(
    'value_of_chosen_token',
    "The value model's probability of each generated token, its estimate of Q; none at beta 0.",
    [0.001, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1],
  );
  const kl = histogram(
    'kl_from_behavior_nats',
    'How far the policy of each step is from the behavior model.',
    [0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8],
  );
  const argmaxCompared = counter(
    'argmax_compared_total',
    'Tokens for which the policy was compared with the behavior model: at most one a step, none at beta 0.',
  );
  const argmaxMoved = counter(
    'argmax_moved_total',
    'Of those, tokens for which the value model made another token the most probable.',
  );
  const hostBytes = counter(
    'device_to_host_bytes_total',
    'What steps brought from a device to the host, of scores and draws; none on the CPU.',
  );

  return (model: string) => {
    const own = { model };
    const ownVllm = vllm?.(model);
    // Labels resolved once: these count every token.
    const promptTokens = tokens.labels({ model, kind: 'prompt' });
    const completionTokens = tokens.labels({ model, kind: 'completion' });
    const firstToken = timeToFirstToken.labels(own);
    const nextToken = interToken.labels(own);
    const tokenValue = value.labels(own);
    const tokenKl = kl.labels(own);
    return {
      textEncoded(seconds: number) {
        tokenizeTime.observe(own, seconds);
      },
      constrainedAnswers(change: number) {
        constrained.inc(own, change);
      },
      generationStarted(started: { promptTokens: number; beta: number }) {
        promptTokens.inc(started.promptTokens);
        beta.observe(own, started.beta);
      },
      tokenGenerated(token: TokenMeasurement) {
        completionTokens.inc();
        (token.isFirst ? firstToken : nextToken).observe(token.seconds);
        if (token.value !== null) tokenValue.observe(token.value);
        tokenKl.observe(token.kl);
        ownVllm?.tokenGenerated(token);
      },
      answerEnded(answer: AnswerTimes) {
        if (answer.outcome !== null) answers.inc({ model, finish_reason: answer.outcome });
        if (answer.admittedAt !== null) {
          queueTime.observe(own, (answer.admittedAt - answer.submittedAt) / 1000);
        }
        ownVllm?.answerEnded(answer);
      },
      promptEnded(ended: readonly AnswerTimes[]) {
        ownVllm?.promptEnded(ended);
      },
      engineRestarted() {
        engineRestarts.inc(own);
      },
      stepTaken(step: StepMeasurement) {
        const { kind, movesArgmax } = step;
        batchSize.observe({ model, kind }, step.batchSize);
        const models = step.usesValue ? 'both' : 'behavior';
        stepDuration.observe({ model, kind, models }, step.durationMs / 1000);
        prefixQueries.inc(own, step.admittedTokens);
        prefixHits.inc(own, step.cachedTokens);
        hostBytes.inc(own, step.hostBytes);
        if (movesArgmax !== null) argmaxCompared.inc(own);
        if (movesArgmax === true) argmaxMoved.inc(own);
        ownVllm?.stepTaken(step);
      },
    };
  };
}
