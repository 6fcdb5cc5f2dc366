import { readFile } from 'node:fs/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import type { AnswerTimes, PolicyLoad } from '../../src/metrics/measurements.ts';
import { createMetrics, type Metrics } from '../../src/metrics/metrics.ts';
import { problems, samplesOf } from './exposition.ts';

const TINY: PolicyLoad = {
  model: 'tiny',
  maxLength: 128,
  slots: 8,
  kvCacheBytes: 4096,
  kvCacheTokens: 1024,
  blockTokens: null,
  kvCacheType: 'float16',
  waiting: 3,
  running: 2,
  cacheUsage: 0.25,
};
const OTHER: PolicyLoad = {
  model: 'other',
  maxLength: 64,
  slots: 0,
  kvCacheBytes: 0,
  kvCacheTokens: 0,
  blockTokens: null,
  kvCacheType: 'float32',
  waiting: 0,
  running: 0,
  cacheUsage: 0,
};
const LOADS = () => [TINY, OTHER];
const OWN = 'model_name="tiny",engine="0"';

/** Waited 1 s for its slot, had its first token after 1.5 s and four more in two. */
const ANSWER: AnswerTimes = {
  outcome: 'length',
  promptTokens: 10,
  cachedTokens: 4,
  preemptions: 2,
  completionTokens: 5,
  maxTokens: 5,
  submittedAt: 1000,
  admittedAt: 2000,
  firstTokenAt: 2500,
  lastTokenAt: 4500,
  endedAt: 4600,
};

function use(metrics: Metrics): void {
  const tiny = metrics.of('tiny');
  metrics.requestServed({ method: 'POST', route: '/v1/completions', status: 200, seconds: 1 });
  metrics.requestServed({ method: 'GET', route: '/metrics', status: 200, seconds: 1 });
  metrics.requestRejected('queue_full');
  tiny.textEncoded(0.02);
  tiny.generationStarted({ promptTokens: 10, beta: 4096 });
  tiny.tokenGenerated({ seconds: 0.5, isFirst: true, value: 0.25, kl: 0.1 });
  tiny.tokenGenerated({ seconds: 0.1, isFirst: false, value: null, kl: 0 });
  tiny.answerEnded(ANSWER);
  tiny.promptEnded([ANSWER, { ...ANSWER, outcome: 'stop', completionTokens: 3 }]);
  metrics.loopLagged('engine', 0.002);
  const step = { admittedTokens: 10, cachedTokens: 4, durationMs: 3, hostBytes: 64, preempted: 1 };
  tiny.stepTaken({
    ...step,
    kind: 'prefill',
    batchSize: 1,
    tokens: 6,
    usesValue: true,
    movesArgmax: true,
  });
  tiny.stepTaken({
    ...step,
    kind: 'decode',
    batchSize: 2,
    tokens: 2,
    usesValue: true,
    movesArgmax: false,
  });
  tiny.stepTaken({
    ...step,
    kind: 'decode',
    batchSize: 2,
    tokens: 2,
    usesValue: false,
    movesArgmax: null,
  });
}

describe('the metrics', () => {
  let metrics: Metrics;
  let text: string;
  beforeEach(async () => {
    metrics = createMetrics(LOADS);
    use(metrics);
    text = await metrics.registry.metrics();
  });

  function value(sample: string): number | undefined {
    return samplesOf(text).get(sample);
  }

  it("are in Prometheus' format, and named as its linter wants", () => {
    // vLLM's names have a colon, and one of its histograms ends like a counter.
    const allowed = /^(vllm:\w+: has a colon|vllm:iteration_tokens_total: is no counter .*)$/;
    expect(problems(text).filter((problem) => !allowed.test(problem))).toEqual([]);
  });

  it('say which version of the server they are of', async () => {
    const { version } = JSON.parse(await readFile('package.json', 'utf8'));
    expect(await createMetrics(LOADS).registry.metrics()).toContain(
      `qsft_build_info{version="${version}"} 1\n`,
    );
  });

  it('say how often the value model moved the best token', () => {
    expect(value('qsft_argmax_compared_total{model="tiny"}')).toBe(2);
    expect(value('qsft_argmax_moved_total{model="tiny"}')).toBe(1);
    const steps = (models: string) =>
      value(`qsft_step_duration_seconds_count{model="tiny",kind="decode",models="${models}"}`);
    expect([steps('both'), steps('behavior')]).toEqual([1, 1]);
  });

  it('add up what came from a device', () => {
    expect(value('qsft_device_to_host_bytes_total{model="tiny"}')).toBe(3 * 64);
  });

  it('say how long texts took to become tokens', () => {
    expect(value('qsft_tokenize_seconds_bucket{le="0.01",model="tiny"}')).toBe(0);
    expect(value('qsft_tokenize_seconds_sum{model="tiny"}')).toBe(0.02);
  });

  it('tell betas of thousands apart', () => {
    expect(value('qsft_beta_bucket{le="2048",model="tiny"}')).toBe(0);
    expect(value('qsft_beta_bucket{le="4096",model="tiny"}')).toBe(1);
  });

  it('tell policies apart, and have those that are not loaded at zero', () => {
    const of = (name: string, label = 'model') =>
      ['tiny', 'other'].map((model) => {
        const rest = label === 'model' ? '' : ',engine="0"';
        return value(`${name}{${label}="${model}"${rest}}`);
      });
    expect(of('qsft_queue_depth')).toEqual([3, 0]);
    expect(of('qsft_slots')).toEqual([8, 0]);
    expect(of('qsft_prefix_cache_hits_total')).toEqual([12, 0]);
    expect(of('vllm:num_requests_waiting', 'model_name')).toEqual([3, 0]);
    expect(of('vllm:kv_cache_usage_perc', 'model_name')).toEqual([0.25, 0]);
    expect(of('vllm:generation_tokens_total', 'model_name')).toEqual([2, 0]);
  });

  it("have vLLM's core by its names, labels and buckets", () => {
    const expected = {
      num_requests_running: 2,
      num_requests_waiting: 3,
      kv_cache_usage_perc: 0.25,
      num_preemptions_total: 3,
      prefix_cache_queries_total: 30,
      prefix_cache_hits_total: 12,
      prompt_tokens_total: 30,
      generation_tokens_total: 2,
      time_to_first_token_seconds_sum: 0.5,
      inter_token_latency_seconds_sum: 0.1,
      request_time_per_output_token_seconds_sum: 0.5,
      e2e_request_latency_seconds_sum: 3.6,
      request_queue_time_seconds_sum: 1,
      request_prefill_time_seconds_sum: 0.5,
      request_decode_time_seconds_sum: 2,
      request_inference_time_seconds_sum: 2.5,
      request_prompt_tokens_sum: 10,
      request_generation_tokens_sum: 5,
      request_max_num_generation_tokens_sum: 5,
      request_prefill_kv_computed_tokens_sum: 6,
      request_params_max_tokens_sum: 5,
      request_params_n_sum: 2,
      request_num_preemptions_sum: 2,
      request_num_preemptions_count: 1,
      iteration_tokens_total_sum: 10,
    };
    const found = Object.fromEntries(
      Object.keys(expected).map((name) => [name, value(`vllm:${name}{${OWN}}`)]),
    );
    expect(found).toEqual(expected);
    expect(value(`vllm:request_success_total{${OWN},finished_reason="length"}`)).toBe(1);
    const buckets = (name: string) =>
      [...samplesOf(text).keys()].flatMap(
        (sample) => new RegExp(`^vllm:${name}_bucket{le="([^"]+)",${OWN}}`).exec(sample)?.[1] ?? [],
      );
    expect(buckets('request_prompt_tokens').join()).toBe('1,2,5,10,20,50,100,+Inf');
    expect(buckets('e2e_request_latency_seconds').slice(0, 3)).toEqual(['0.3', '0.5', '0.8']);
    expect(buckets('time_to_first_token_seconds')).toHaveLength(23);
  });

  it("have vLLM's metrics that carry a label of their own", () => {
    const labelled = (name: string, label: string, values: readonly string[]) =>
      values.map((own) => value(`vllm:${name}{${OWN},${label}="${own}"}`));
    const sources = ['local_compute', 'local_cache_hit', 'external_kv_transfer'];
    expect(labelled('prompt_tokens_by_source_total', 'source', sources)).toEqual([18, 12, 0]);
    const reasons = ['capacity', 'deferred'];
    expect(labelled('num_requests_waiting_by_reason', 'reason', reasons)).toEqual([3, 0]);
    const states = ['awake', 'weights_offloaded', 'discard_all'];
    expect(labelled('engine_sleep_state', 'sleep_state', states)).toEqual([1, 0, 0]);
  });

  it("describe a loaded policy's cache as vLLM does, in blocks", () => {
    const described = [...samplesOf(text).keys()].filter((name) => /cache_config_info/.test(name));
    expect(described).toHaveLength(1);
    for (const label of [
      'model_name="tiny"',
      'block_size="16"',
      'num_gpu_blocks="64"',
      'cache_dtype="float16"',
      'enable_prefix_caching="True"',
      'kv_cache_memory_bytes="4096"',
      'kv_cache_size_tokens="1024"',
      'kv_cache_max_concurrency="8"',
    ]) {
      expect(described[0]).toContain(label);
    }
  });

  it('describe a paged cache by its own blocks', async () => {
    const paged = { ...TINY, kvCacheTokens: 2560, blockTokens: 256 };
    const own = await createMetrics(() => [paged]).registry.metrics();
    const [described] = [...samplesOf(own).keys()].filter((name) => /cache_config_info/.test(name));
    for (const label of ['block_size="256"', 'num_gpu_blocks="10"']) {
      expect(described).toContain(label);
    }
  });

  it("count HTTP requests by vLLM's names too, but for probes and scrapes", () => {
    const route = 'handler="/v1/completions",method="POST"';
    expect(value(`http_requests_total{${route},status="2xx"}`)).toBe(1);
    expect(value(`http_request_duration_seconds_bucket{le="0.5",${route}}`)).toBe(0);
    expect(value(`http_request_duration_seconds_bucket{le="1",${route}}`)).toBe(1);
    expect(value('http_request_duration_highr_seconds_count')).toBe(1);
    expect(value('qsft_http_requests_total{method="GET",route="/metrics",status="200"}')).toBe(1);
  });

  it('have nothing of vLLM where that is off', async () => {
    const own = createMetrics(LOADS, null);
    use(own);
    expect(await own.registry.metrics()).not.toMatch(/^(vllm:|http_)/m);
  });

  it.each(['dashboard.json', 'alerts.yml'])('are those that %s asks for', async (file) => {
    const queries = await readFile(
      new URL(`../../scripts/monitoring/${file}`, import.meta.url),
      'utf8',
    );
    const asked = new Set(queries.match(/\b(qsft|process|nodejs)_\w+/g));
    const declared = new Set(
      [...text.matchAll(/^# TYPE (\S+) (\w+)$/gm)].flatMap(([, name = '', type]) =>
        type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
      ),
    );
    expect(asked.size).toBeGreaterThan(5);
    expect([...asked].filter((name) => !declared.has(name))).toEqual([]);
  });

  it('grow no new series with what they measure', async () => {
    // Node's own come and go with what it has open.
    const ours = (exposition: string) =>
      [...samplesOf(exposition).keys()].filter((sample) => /^(qsft_|vllm:)/.test(sample));
    use(metrics);
    expect(ours(await metrics.registry.metrics())).toEqual(ours(text));
  });
});
