// One streamed completion as its client sees it: the text, and when each piece of it arrived.

export interface StreamedCompletion {
  readonly startedAt: number;
  /** When each piece of text arrived. */
  readonly arrivals: readonly number[];
  readonly text: string;
  /** Of the answer. */
  readonly tokens: number;
  readonly promptTokens: number;
  /** Of the prompt, those that a cache had. */
  readonly cachedTokens: number;
}

export async function streamCompletion(
  url: string,
  fields: Readonly<Record<string, unknown>>,
): Promise<StreamedCompletion> {
  const startedAt = performance.now();
  const response = await fetch(`${url}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...fields, stream: true, stream_options: { include_usage: true } }),
  });
  if (!response.ok || response.body === null) {
    throw new Error(`${response.status}: ${await response.text()}`);
  }
  const arrivals: number[] = [];
  const result = { startedAt, arrivals, text: '', tokens: 0, promptTokens: 0, cachedTokens: 0 };
  for await (const payload of payloads(response.body)) {
    const { error, usage, choices } = JSON.parse(payload);
    if (error !== undefined) throw new Error(error.message);
    if (usage !== null) {
      result.tokens = usage.completion_tokens;
      result.promptTokens = usage.prompt_tokens;
      // Other servers of this API may leave it out.
      result.cachedTokens = usage.prompt_tokens_details?.cached_tokens ?? 0;
    } else if (choices[0].text !== '') {
      arrivals.push(performance.now());
      result.text += choices[0].text;
    }
  }
  return result;
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
