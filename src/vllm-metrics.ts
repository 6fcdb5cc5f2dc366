// vLLM's core metrics, with its names, types, labels and buckets: dashboards, autoscalers and routers made for it read this
// server unchanged. What they count is vLLM's too, so each of the n answers to a prompt is a request of its own.
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { AnswerTimes, EngineLoad, StepMeasurement } from './metrics.ts';

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

/** vLLM numbers its engines; this server has one. */
const ENGINE = '0';
const LABELS = ['model_name', 'engine'] as const;

export function createVllmMetrics(registry: Registry, engine: EngineLoad) {
  const registers = [registry];
  const own = { model_name: engine.manifest.id, engine: ENGINE };
  const counter = (name: string, help: string) => {
    const metric = new Counter({ name: `vllm:${name}`, help, labelNames: LABELS, registers });
    // There from the start, as a rate needs it.
    metric.inc(own, 0);
    return metric.labels(own);
  };
  const histogram = (name: string, help: string, buckets: readonly number[]) => {
    const options = { help, labelNames: LABELS, buckets: [...buckets], registers };
    const metric = new Histogram({ name: `vllm:${name}`, ...options });
    metric.zero(own);
    return metric.labels(own);
  };
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name: `vllm:${name}`,
      help,
      labelNames: LABELS,
      registers,
      collect() {
        this.set(own, read());
      },
    });
  const lengths = oneTwoFive(engine.model.maxLength);

  gauge('num_requests_running', 'Requests that hold a slot.', () => engine.inFlight.running);
  gauge('num_requests_waiting', 'Requests that wait for a slot.', () => engine.inFlight.waiting);
  gauge('kv_cache_usage_perc', 'Share of the slots of the KV cache that are held, 0 to 1.', () => {
    // No slots before the first policy is loaded.
    return engine.inFlight.running / Math.max(1, engine.model.maxSequences);
  });
  const prefixQueries = counter(
    'prefix_cache_queries_total',
    'Prompt tokens looked up in the prefix cache.',
  );
  const prefixHits = counter('prefix_cache_hits_total', 'Prompt tokens found in the prefix cache.');
  counter('num_preemptions_total', 'Preemptions. This server never takes a slot away.');
  const promptTokens = counter('prompt_tokens_total', 'Prompt tokens processed.');
  const cachedTokens = counter('prompt_tokens_cached_total', 'Of those, tokens that were cached.');
  const generationTokens = counter('generation_tokens_total', 'Tokens generated.');
  const requestSuccess = new Counter({
    name: 'vllm:request_success_total',
    help: 'Requests ended, by how.',
    labelNames: [...LABELS, 'finished_reason'],
    registers,
  });
  for (const outcome of ['stop', 'length', 'abort', 'error']) {
    requestSuccess.inc({ ...own, finished_reason: outcome }, 0);
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
  const paramsMaxTokens = histogram(
    'request_params_max_tokens',
    'The max_tokens of a request.',
    lengths,
  );
  const paramsN = histogram('request_params_n', 'The n of a request.', ANSWERS);

  return {
    tokenGenerated({ seconds, isFirst }: { seconds: number; isFirst: boolean }) {
      generationTokens.inc();
      (isFirst ? firstToken : interToken).observe(seconds);
    },
    answerEnded(answer: AnswerTimes) {
      const { submittedAt, admittedAt, firstTokenAt, lastTokenAt, endedAt } = answer;
      const observeBetween = (
        metric: { observe(seconds: number): void },
        from: number | null,
        to: number | null,
      ) => {
        if (from !== null && to !== null) metric.observe((to - from) / 1000);
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
        perToken.observe((lastTokenAt - firstTokenAt) / 1000 / (answer.completionTokens - 1));
      }
      requestPrompt.observe(answer.promptTokens);
      requestGeneration.observe(answer.completionTokens);
      paramsMaxTokens.observe(answer.maxTokens);
      if (admittedAt !== null) computed.observe(answer.promptTokens - answer.cachedTokens);
    },
    /** All answers to one prompt. */
    promptEnded(answers: readonly AnswerTimes[]) {
      paramsN.observe(answers.length);
      maxGeneration.observe(Math.max(...answers.map(({ completionTokens }) => completionTokens)));
    },
    stepTaken(step: StepMeasurement) {
      iterationTokens.observe(step.tokens);
      prefixQueries.inc(step.admittedTokens);
      prefixHits.inc(step.cachedTokens);
      promptTokens.inc(step.admittedTokens);
      cachedTokens.inc(step.cachedTokens);
    },
  };
}

/** 1, 2, 5, 10, 20, 50, … up to `max`. */
function oneTwoFive(max: number): number[] {
  const buckets: number[] = [];
  for (let power = 1; power <= max; power *= 10) {
    buckets.push(...[power, 2 * power, 5 * power].filter((bucket) => bucket <= max));
  }
  return buckets;
}
