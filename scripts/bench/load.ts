// One level of load: so many streams at a time, each timed token by token at the client.

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

interface StreamTiming {
  readonly startedAt: number;
  readonly tokens: number;
  /** When each piece of text arrived. */
  readonly arrivals: readonly number[];
}

export async function runLevel(
  options: LoadOptions,
  concurrency: number,
  requests: number,
): Promise<LevelResult> {
  let next = 0;
  const timings: StreamTiming[] = [];
  async function client(): Promise<void> {
    while (next < requests) {
      const seed = options.seed + next;
      next += 1;
      timings.push(await timeStream(options, seed));
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

async function timeStream(options: LoadOptions, seed: number): Promise<StreamTiming> {
  const startedAt = performance.now();
  const response = await fetch(`${options.url}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model: options.model,
      prompt: options.prompt(),
      max_tokens: options.maxTokens,
      seed,
      stream: true,
      stream_options: { include_usage: true },
    }),
  });
  if (!response.ok || response.body === null) {
    throw new Error(`${response.status}: ${await response.text()}`);
  }
  const arrivals: number[] = [];
  let tokens = 0;
  for await (const payload of payloads(response.body)) {
    const { error, usage, choices } = JSON.parse(payload);
    if (error !== undefined) throw new Error(error.message);
    if (usage !== null) tokens = usage.completion_tokens;
    else if (choices[0].text !== '') arrivals.push(performance.now());
  }
  return { startedAt, tokens, arrivals };
}

/** What the events of a stream carry, up to `[DONE]`. */
async function* payloads(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const bytes of body) {
    const events = (rest + decoder.decode(bytes, { stream: true })).split('\n\n');
    rest = events.pop() ?? '';
    for (const event of events) {
      if (event !== 'data: [DONE]') yield event.slice('data: '.length);
    }
  }
}

/** Nearest rank. */
function percentiles(values: readonly number[]): Percentiles {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}
