// One level of load: so many streams at a time, each timed token by token at the client.
import { type StreamedCompletion, streamCompletion } from './completion-stream.ts';

export interface LoadOptions {
  readonly url: string;
  readonly model: string;
  /** Of one request. */
  readonly prompt: () => string;
  readonly maxTokens: number;
  readonly seed: number;
}

export interface LevelResult {
  readonly concurrency: number;
  readonly requests: number;
  readonly tokens: number;
  readonly seconds: number;
  readonly tokensPerSecond: number;
  readonly timeToFirstTokenMs: Percentiles;
  readonly interTokenMs: Percentiles;
}

interface Percentiles {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export async function runLevel(
  options: LoadOptions,
  concurrency: number,
  requests: number,
): Promise<LevelResult> {
  let next = 0;
  const timings: StreamedCompletion[] = [];
  async function client(): Promise<void> {
    while (next < requests) {
      const seed = options.seed + next;
      next += 1;
      const { model, maxTokens } = options;
      const body = { model, prompt: options.prompt(), max_tokens: maxTokens, seed };
      timings.push(await streamCompletion(options.url, body));
    }
  }
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: concurrency }, () => client()));
  const seconds = (performance.now() - startedAt) / 1000;
  const tokens = timings.reduce((sum, timing) => sum + timing.tokens, 0);
  return {
    concurrency,
    requests,
    tokens,
    seconds,
    tokensPerSecond: tokens / seconds,
    timeToFirstTokenMs: percentiles(
      timings.flatMap(({ startedAt: start, arrivals }) =>
        arrivals.slice(0, 1).map((at) => at - start),
      ),
    ),
    interTokenMs: percentiles(
      timings.flatMap(({ arrivals }) =>
        arrivals.slice(1).map((at, index) => at - (arrivals[index] ?? at)),
      ),
    ),
  };
}

/** Nearest rank. */
function percentiles(values: readonly number[]): Percentiles {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}
