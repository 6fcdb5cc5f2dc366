// vLLM's core metrics, with its names, types, labels and buckets: dashboards, autoscalers and routers made for it read this
// server unchanged. What they count is vLLM's too, so each of the n answers to a prompt is a request of its own.
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { AnswerTimes, PolicyLoad, StepMeasurement, TokenMeasurement } from './measurements.ts';
import { createVllmCacheConfig } from './vllm-cache-config.ts';

const FIRST_TOKEN_SECONDS = [
  0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80,
  160, 640, 2560,
];
const TOKEN_SECONDS = [
  0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80,
];
const REQUEST_SECONDS = [
  0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680,
];
const ITERATION_TOKENS = [1, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384];
const ANSWERS = [1, 2, 5, 10, 20];
const PREEMPTIONS = [1, 2, 3, 4, 5, 10, 20];

/** vLLM numbers the engines of a model; here each has one. */
const ENGINE = '0';
const LABELS = ['model_name', 'engine'] as const;

export interface VllmOptions {
  /** Whether there is a prefix cache. */
  readonly reusesPrefixes: boolean;
}

export type VllmMetrics = ReturnType<typeof createVllmMetrics>;

/** Gives the metrics of the policy of an id. */
export function createVllmMetrics(
  registry: Registry,
  loads: () => readonly PolicyLoad[],
  { reusesPrefixes }: VllmOptions,
) {
  const registers = [registry];
  const every = loads().map(({ model }) => labelsOf(model));
  // There from the start, as a rate needs it.
  const counter = (name: string, help: string) => {
    const metric = new Counter({ name: `vllm:${name}`, help, labelNames: LABELS, registers });
    for (const own of every) metric.inc(own, 0);
    return metric;
  };
  const histogram = (name: string, help: string, buckets: readonly number[]) => {
    const options = { help, labelNames: LABELS, buckets: [...buckets], registers };
    const metric = new Histogram({ name: `vllm:${name}`, ...options });
    for (const own of every) metric.zero(own);
    return metric;
  };
  const gauge = (name: string, help: string, read: (load: PolicyLoad) => number) =>
    new Gauge({
      name: `vllm:${name}`,
      help,
      labelNames: LABELS,
      registers,
      collect() {
        for (const load of loads()) this.set(labelsOf(load.model), read(load));
      },
    });
  /** One series for each value of a label of its own. */
  const gauges = (
    name: string,
    help: string,
    label: string,
    read: (load: PolicyLoad) => Readonly<Record<string, number>>,
  ) =>
    new Gauge({
      name: `vllm:${name}`,
      help,
      labelNames: [...LABELS, label],
      registers,
      collect() {
        for (const load of loads()) {
          for (const [value, number] of Object.entries(read(load))) {
            this.set({ ...labelsOf(load.model), [label]: value }, number);
          }
        }
      },
    });
  const lengths = oneTwoFive(Math.max(...loads().map(({ maxLength }) => maxLength)));

  gauge('num_requests_running', 'Requests that hold a slot.', ({ running }) => running);
  gauge('num_requests_waiting', 'Requests that wait for a slot.', ({ waiting }) => waiting);
  gauges(
    'num_requests_waiting_by_reason',
    'Requests that wait, by why: for a slot, which is capacity. None is deferred here.',
    'reason',
    ({ waiting }) => ({ capacity: waiting, deferred: 0 }),
  );
  gauges(
    'engine_sleep_state',
    'Whether the policy is loaded (awake) or not (discard_all).',
    'sleep_state',
    ({ slots }) => ({
      awake: slots > 0 ? 1 : 0,
      weights_offloaded: 0,
      discard_all: slots > 0 ? 0 : 1,
    }),
  );
  createVllmCacheConfig(registry, loads, labelsOf, reusesPrefixes);
  gauge(
    'kv_cache_usage_perc',
    'Share of the KV cache that is held, of its slots or of its blocks, 0 to 1.',
    ({ cacheUsage }) => cacheUsage,
  );
  const prefixQueries = counter(
    'prefix_cache_queries_total',
    'Prompt tokens looked up in the prefix cache.',
  );
  const prefixHits = counter('prefix_cache_hits_total', 'Prompt tokens found in the prefix cache.');
  const preemptions = counter(
    'num_preemptions_total',
    'Requests that lost the blocks of a paged cache to others; a slot is never taken away.',
  );
  const promptTokens = counter('prompt_tokens_total', 'Prompt tokens processed.');
  const cachedTokens = counter('prompt_tokens_cached_total', 'Of those, tokens that were cached.');
  const bySource = new Counter({
    name: 'vllm:prompt_tokens_by_source_total',
    help: 'Prompt tokens by where they came from: run, or found in the prefix cache.',
    labelNames: [...LABELS, 'source'],
    registers,
  });
  for (const own of every) {
    for (const source of ['local_compute', 'local_cache_hit', 'external_kv_transfer']) {
      bySource.inc({ ...own, source }, 0);
    }
  }
  const generationTokens = counter('generation_tokens_total', 'Tokens generated.');
  const requestSuccess = new Counter({
    name: 'vllm:request_success_total',
    help: 'Requests ended, by how.',
    labelNames: [...LABELS, 'finished_reason'],
    registers,
  });
  for (const own of every) {
    for (const outcome of ['stop', 'length', 'abort', 'error', 'repetition']) {
      requestSuccess.inc({ ...own, finished_reason: outcome }, 0);
    }
  }
  const iterationTokens = histogram(
    'iteration_tokens_total',
    'Tokens of one step.',
    ITERATION_TOKENS,
  );
  const firstToken = histogram(
    'time_to_first_token_seconds',
    'From the submission to the first token.',
    FIRST_TOKEN_SECONDS,
  );
  const interToken = histogram('inter_token_latency_seconds', 'Between two tokens.', TOKEN_SECONDS);
  const perToken = histogram(
    'request_time_per_output_token_seconds',
    'Mean time between the tokens of a request.',
    TOKEN_SECONDS,
  );
  const endToEnd = histogram(
    'e2e_request_latency_seconds',
    'From the submission to the end.',
    REQUEST_SECONDS,
  );
  const queue = histogram('request_queue_time_seconds', 'Waiting for a slot.', REQUEST_SECONDS);
  const inference = histogram(
    'request_inference_time_seconds',
    'From the slot to the last token.',
    REQUEST_SECONDS,
  );
  const prefill = histogram(
    'request_prefill_time_seconds',
    'From the slot to the first token.',
    REQUEST_SECONDS,
  );
  const decode = histogram(
    'request_decode_time_seconds',
    'From the first token to the last.',
    REQUEST_SECONDS,
  );
  const requestPrompt = histogram('request_prompt_tokens', 'Tokens of a prompt.', lengths);
  const requestGeneration = histogram('request_generation_tokens', 'Tokens of an answer.', lengths);
  const maxGeneration = histogram(
    'request_max_num_generation_tokens',
    'Tokens of the longest answer to a request.',
    lengths,
  );
  const computed = histogram(
    'request_prefill_kv_computed_tokens',
    'Prompt tokens run and not cached.',
    lengths,
  );
  const requestPreemptions = histogram(
    'request_num_preemptions',
    'How often a request lost the blocks of a paged cache; a slot is never taken away.',
    PREEMPTIONS,
  );
  const paramsMaxTokens = histogram(
    'request_params_max_tokens',
    'The max_tokens of a request.',
    lengths,
  );
  const paramsN = histogram('request_params_n', 'The n of a request.', ANSWERS);

  return (model: string) => {
    const own = labelsOf(model);
    // Labels resolved once: these count every token.
    const generated = generationTokens.labels(own);
    const first = firstToken.labels(own);
    const next = interToken.labels(own);
    return {
      tokenGenerated({ seconds, isFirst }: TokenMeasurement) {
        generated.inc();
        (isFirst ? first : next).observe(seconds);
      },
      answerEnded(answer: AnswerTimes) {
        const { submittedAt, admittedAt, firstTokenAt, lastTokenAt, endedAt } = answer;
        const observeBetween = (
          metric: Histogram<(typeof LABELS)[number]>,
          from: number | null,
          to: number | null,
        ) => {
          if (from !== null && to !== null) metric.observe(own, (to - from) / 1000);
        };
        if (answer.outcome !== null) {
          requestSuccess.inc({ ...own, finished_reason: answer.outcome });
        }
        observeBetween(endToEnd, submittedAt, endedAt);
        observeBetween(queue, submittedAt, admittedAt);
        observeBetween(inference, admittedAt, lastTokenAt);
        observeBetween(prefill, admittedAt, firstTokenAt);
        observeBetween(decode, firstTokenAt, lastTokenAt);
        if (firstTokenAt !== null && lastTokenAt !== null && answer.completionTokens > 1) {
          perToken.observe(
            own,
            (lastTokenAt - firstTokenAt) / 1000 / (answer.completionTokens - 1),
          );
        }
        requestPrompt.observe(own, answer.promptTokens);
        requestGeneration.observe(own, answer.completionTokens);
        paramsMaxTokens.observe(own, answer.maxTokens);
        requestPreemptions.observe(own, answer.preemptions);
        if (admittedAt !== null) computed.observe(own, answer.promptTokens - answer.cachedTokens);
      },
      /** All answers to one prompt. */
      promptEnded(answers: readonly AnswerTimes[]) {
        paramsN.observe(own, answers.length);
        maxGeneration.observe(
          own,
          Math.max(...answers.map(({ completionTokens }) => completionTokens)),
        );
      },
      stepTaken(step: StepMeasurement) {
        iterationTokens.observe(own, step.tokens);
        preemptions.inc(own, step.preempted);
        prefixQueries.inc(own, step.admittedTokens);
        prefixHits.inc(own, step.cachedTokens);
        promptTokens.inc(own, step.admittedTokens);
        cachedTokens.inc(own, step.cachedTokens);
        bySource.inc({ ...own, source: 'local_cache_hit' }, step.cachedTokens);
        bySource.inc({ ...own, source: 'local_compute' }, step.admittedTokens - step.cachedTokens);
      },
    };
  };
}

function labelsOf(model: string) {
  return { model_name: model, engine: ENGINE };
}

/** 1, 2, 5, 10, 20, 50, … up to `max`. */
function oneTwoFive(max: number): number[] {
  const buckets: number[] = [];
  for (let power = 1; power <= max; power *= 10) {
    buckets.push(...[power, 2 * power, 5 * power].filter((bucket) => bucket <= max));
  }
  return buckets;
}
