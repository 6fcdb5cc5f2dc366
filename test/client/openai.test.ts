// The official client against a real server process and a real, tiny policy.
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ServerProcess, startServerProcess } from '../../scripts/server-process.ts';
import { eventually, withDeadline } from '../deadline.ts';

const TINY_POLICY = 'test/fixtures/tiny-policy';
const PROMPT = 'Wordle:\n';

let server: ServerProcess;
let client: OpenAI;

beforeAll(async () => {
  server = await startServerProcess([
    ...['--model', TINY_POLICY, '--threads', '1', '--log-level', 'info'],
    ...['--max-sequences', '2', '--queue-limit', '4', '--max-n', '4'],
  ]);
  client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
});

afterAll(async () => {
  await server?.stop('SIGKILL');
});

async function gauge(name: string): Promise<number> {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  return Number(new RegExp(`^${name}{model="tiny"} (.*)$`, 'm').exec(text)?.[1]);
}

async function isIdle(): Promise<boolean> {
  return (await gauge('qsft_sequences_running')) === 0 && (await gauge('qsft_queue_depth')) === 0;
}

/** A request the tiny policy takes its longest for. */
const LONG = { model: 'tiny', prompt: PROMPT, max_tokens: 63 } as const;

describe('the openai client', () => {
  it('lists and retrieves the model', async () => {
    const models = await client.models.list();
    expect(models.data.map(({ id }) => id)).toEqual(['tiny']);
    expect(await client.models.retrieve('tiny')).toMatchObject({ id: 'tiny', owned_by: 'qsft' });
  });

  it('gets the same answer for the same seed, whole or streamed, alone or in a batch', async () => {
    const request = { ...LONG, max_tokens: 20, seed: 11 };
    const alone = await client.completions.create(request);
    const batched = await Promise.all([
      client.completions.create(request),
      client.completions.create({ ...request, seed: 12 }),
      client.completions.create(request),
    ]);
    const stream = await client.completions.create({ ...request, stream: true });
    let streamed = '';
    for await (const chunk of stream) streamed += chunk.choices[0]?.text ?? '';
    const text = alone.choices[0]?.text;
    expect(streamed).toBe(text);
    expect(batched.map(({ choices }) => choices[0]?.text === text)).toEqual([true, false, true]);
  });

  it('gives n answers that differ, and the first is the answer of n = 1', async () => {
    const request = { ...LONG, max_tokens: 20, seed: 3 };
    const three = await client.completions.create({ ...request, n: 3 });
    const one = await client.completions.create(request);
    const texts = three.choices.map(({ text }) => text);
    expect(texts[0]).toBe(one.choices[0]?.text);
    expect(new Set(texts).size).toBe(3);
  });

  it('streams with a finish reason and the usage at the end', async () => {
    const stream = await client.completions.create({
      ...LONG,
      max_tokens: 8,
      seed: 1,
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    const last = chunks.pop();
    expect(last?.choices).toEqual([]);
    expect(last?.usage?.prompt_tokens).toBe(1);
    const reasons = chunks.map(({ choices }) => choices[0]?.finish_reason);
    expect(reasons.slice(0, -1).every((reason) => reason === null)).toBe(true);
    expect(reasons.at(-1)).toMatch(/^(stop|length)$/);
  });

  it('cuts at a stop string and frees the slot', async () => {
    let seed = 0;
    let text = '';
    // The tiny policy may end an answer at any token.
    while (text.length < 12) {
      seed += 1;
      text = (await client.completions.create({ ...LONG, seed })).choices[0]?.text ?? '';
    }
    const stop = text.slice(5, 8);
    const cut = await client.completions.create({ ...LONG, seed, stop: [stop] });
    expect(cut.choices[0]).toMatchObject({
      text: text.slice(0, text.indexOf(stop)),
      finish_reason: 'stop',
    });
    await eventually('the slot to be free', isIdle);
  });

  it('steers by the fields that are this server’s own', async () => {
    const request = { ...LONG, max_tokens: 12, temperature: 0 };
    const answer = async (own: object) => {
      const body: typeof request = { ...request, ...own };
      return client.completions.create(body);
    };
    const behavior = await answer({ extraction: 'behavior' });
    const withoutBeta = await answer({ beta: 0 });
    const greedy = await answer({ extraction: 'greedy' });
    expect(withoutBeta.choices[0]?.text).toBe(behavior.choices[0]?.text);
    expect(greedy.choices[0]?.text).not.toBe(behavior.choices[0]?.text);
    expect(greedy).toMatchObject({ qsft: { extraction: 'greedy', beta: 1, q: 'probability' } });
  });

  it('reports log-probabilities in which the greedy token is the largest', async () => {
    const { choices } = await client.completions.create({
      model: 'tiny',
      prompt: `${PROMPT}s h i r e\nb y g g b\n`,
      max_tokens: 4,
      temperature: 0,
      logprobs: 2,
      echo: true,
    });
    const { tokens, token_logprobs, top_logprobs, text_offset } = choices[0]?.logprobs ?? {};
    expect(tokens?.join('')).toBe(choices[0]?.text);
    expect(token_logprobs?.[0]).toBeNull();
    expect(top_logprobs?.[0]).toBeNull();
    expect(text_offset).toEqual(tokens?.map((_, index) => tokens.slice(0, index).join('').length));
    for (let index = 11; index < (tokens?.length ?? 0); index += 1) {
      const best = Math.max(...Object.values(top_logprobs?.[index] ?? {}));
      expect(token_logprobs?.[index]).toBe(best);
    }
  });

  it('echoes a prompt of one token, which nothing scores', async () => {
    const { choices } = await client.completions.create({
      ...LONG,
      max_tokens: 1,
      seed: 4,
      echo: true,
      logprobs: 1,
    });
    expect(choices[0]?.text.startsWith(PROMPT)).toBe(true);
    expect(choices[0]?.logprobs?.tokens?.[0]).toBe(PROMPT);
    expect(choices[0]?.logprobs?.token_logprobs?.[0]).toBeNull();
  });

  it('scores an echoed prompt as it scores the same tokens when it writes them', async () => {
    const request = { model: 'tiny', max_tokens: 6, logprobs: 0, seed: 2 } as const;
    const written = await client.completions.create({ ...request, prompt: PROMPT });
    const choice = written.choices[0];
    const echoed = await client.completions.create({
      ...request,
      prompt: PROMPT + (choice?.text ?? ''),
      max_tokens: 1,
      echo: true,
    });
    const scores = echoed.choices[0]?.logprobs?.token_logprobs?.slice(1) ?? [];
    choice?.logprobs?.token_logprobs?.forEach((logprob, index) => {
      expect(scores[index]).toBeCloseTo(logprob, 4);
    });
  });

  it('frees the slots when it aborts a stream', async () => {
    const stream = await client.completions.create({ ...LONG, n: 2, stream: true });
    for await (const _ of stream) break;
    stream.controller.abort();
    await eventually('the slots to be free', isIdle);
  });

  it('is told when the queue is full, and everyone accepted is served', async () => {
    // Far more than fits, and again where the tiny model has kept up with how slowly they arrived.
    const crowd = async (): Promise<unknown[]> => {
      const asked = Array.from({ length: 40 }, (_, seed) =>
        client.completions.create({ ...LONG, n: 4, seed }).then(
          () => 200,
          (error: unknown) => (error instanceof OpenAI.APIError ? error.status : error),
        ),
      );
      return withDeadline('all answers', Promise.all(asked));
    };
    const seen = new Set<unknown>();
    await eventually('a refusal', async () => {
      for (const status of await crowd()) seen.add(status);
      return seen.has(429);
    });
    expect(seen).toEqual(new Set([200, 429]));
    await eventually('the server to be idle', isIdle);
  });

  it.each([
    [{ temperature: 3 }, 'temperature'],
    [{ max_tokens: 0 }, 'max_tokens'],
    [{ n: 5 }, 'n'],
    [{ logprobs: 21 }, 'logprobs'],
    [{ suffix: 'x' }, 'suffix'],
    [{ frequency_penalty: 3 }, 'frequency_penalty'],
    [{ logit_bias: { 1000: 1 } }, 'logit_bias'],
    [{ stop_token_ids: [1000] }, 'stop_token_ids'],
    [{ min_tokens: 64 }, 'min_tokens'],
    [{ prompt: 'HELLO' }, 'prompt'],
    [{ prompt: [1_000_000] }, 'prompt'],
  ])('raises BadRequestError for %j and names the field', async (wrong, param) => {
    const failure = client.completions.create({ ...LONG, ...wrong });
    await expect(failure).rejects.toBeInstanceOf(OpenAI.BadRequestError);
    await expect(failure).rejects.toMatchObject({ param, type: 'invalid_request_error' });
  });

  it('raises with the code for a prompt that is too long, and for a model that is not there', async () => {
    const prompt = PROMPT + 'a b c d e\n'.repeat(20);
    await expect(client.completions.create({ ...LONG, prompt })).rejects.toMatchObject({
      status: 400,
      code: 'context_length_exceeded',
    });
    await expect(client.completions.create({ ...LONG, model: 'gpt-4' })).rejects.toBeInstanceOf(
      OpenAI.NotFoundError,
    );
  });

  it('takes every number at the edge of its range', async () => {
    const edges = [
      { temperature: 1e-300 },
      { temperature: 2 },
      { top_p: Number.MIN_VALUE },
      { top_k: 2 ** 31 - 1 },
      { top_k: 1 },
      { beta: 1000 },
      { beta: 1000, q: 'ratio', extraction: 'entropy' },
      { seed: Number.MIN_SAFE_INTEGER },
      { seed: Number.MAX_SAFE_INTEGER },
      { logprobs: 20, echo: true },
      { prompt: [0] },
    ];
    for (const edge of edges) {
      const { choices } = await client.completions.create({ ...LONG, max_tokens: 5, ...edge });
      expect([edge, choices[0]?.finish_reason]).toEqual([
        edge,
        expect.stringMatching(/stop|length/),
      ]);
    }
  });

  it('finds the request id on errors', async () => {
    const failure = client.completions.create({ ...LONG, n: 0 });
    await expect(failure).rejects.toMatchObject({ requestID: expect.stringMatching(/^req-/) });
  });
});
