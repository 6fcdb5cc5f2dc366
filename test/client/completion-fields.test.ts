// The fields of /v1/completions that other servers of this API have, each through the official client and a real server.
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ServerProcess, startServerProcess } from '../../scripts/server-process.ts';
import type { Reply } from './reply.ts';

const PROMPT = 'Wordle:\n';
const GAME = `${PROMPT}s h i r e\nb y g g b\n`;
const EOS = 2;

let server: ServerProcess;
let client: OpenAI;

beforeAll(async () => {
  server = await startServerProcess(['--model', 'test/fixtures/tiny-policy', '--threads', '1']);
  client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
});

afterAll(async () => {
  await server?.stop('SIGKILL');
});

const REQUEST = { model: 'tiny', prompt: GAME, max_tokens: 10, seed: 1 };

async function complete(fields: object = {}): Promise<Reply> {
  return client.completions.create({ ...REQUEST, ...fields });
}

async function streamed(fields: object): Promise<Reply[]> {
  const chunks: Reply[] = [];
  const stream = await client.completions.create({ ...REQUEST, ...fields, stream: true });
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

function tokensOf(answer: Reply): number[] {
  return answer.choices[0].token_ids;
}

describe('prompts', () => {
  it('come as text or token ids, one or several, and answers are numbered prompt by prompt', async () => {
    const ids = (await complete({ return_token_ids: true, max_tokens: 1 })).choices[0]
      .prompt_token_ids;
    const texts = async (prompt: unknown) => {
      const { choices } = await complete({ prompt, n: 2, temperature: 0 });
      expect(choices.map(({ index }: Reply) => index)).toEqual([...choices.keys()]);
      return choices.map(({ text }: Reply) => text);
    };
    const [text] = await texts(GAME);
    expect(await texts(GAME)).toEqual([text, text]);
    expect(await texts([GAME])).toEqual([text, text]);
    expect(await texts(ids)).toEqual([text, text]);
    const [, , other] = await texts([GAME, PROMPT]);
    expect(await texts([PROMPT, GAME])).toEqual([other, other, text, text]);
    expect(await texts([[ids[0]], ids])).toEqual([other, other, text, text]);
  });

  it('are cut to their last tokens on demand', async () => {
    const prompt = `${GAME}${'s h i r e\nb y g g b\n'.repeat(6)}`;
    const own = { prompt, return_token_ids: true, max_tokens: 4, echo: true };
    await expect(complete(own)).rejects.toMatchObject({ code: 'context_length_exceeded' });
    const five = await complete({ ...own, truncate_prompt_tokens: 5 });
    expect(five.choices[0].prompt_token_ids).toHaveLength(5);
    expect(five.choices[0].text.startsWith('b y g g b\n')).toBe(true);
    expect(five.usage.prompt_tokens).toBe(5);
    const fitting = await complete({ ...own, truncate_prompt_tokens: -1 });
    expect(fitting.choices[0].prompt_token_ids).toHaveLength(60);
  });

  it('have no gap to fill where the policy was not trained on that', async () => {
    await expect(complete({ suffix: 'e\n' })).rejects.toMatchObject({
      param: 'suffix',
      message: expect.stringContaining('fill_in_the_middle'),
    });
    expect((await complete({ suffix: '' })).choices).toHaveLength(1);
  });
});

describe('best_of', () => {
  it('gives the answers of the highest mean log-probability, best first', async () => {
    const own = { temperature: 1.5, max_tokens: 6, logprobs: 0 };
    const all = await complete({ ...own, n: 6 });
    const ranked = all.choices
      .map(({ text, logprobs }: Reply) => {
        const scores: number[] = logprobs.token_logprobs;
        return { text, mean: scores.reduce((sum, score) => sum + score, 0) / scores.length };
      })
      .sort((a: Reply, b: Reply) => b.mean - a.mean);
    const best = await complete({ ...own, n: 2, best_of: 6 });
    expect(best.choices.map(({ index }: Reply) => index)).toEqual([0, 1]);
    expect(best.choices.map(({ text }: Reply) => text)).toEqual(
      ranked.slice(0, 2).map(({ text }: Reply) => text),
    );
    expect(best.usage).toEqual({ ...all.usage, prompt_tokens_details: expect.anything() });
  });

  it('ranks the answers of each prompt apart', async () => {
    const own = { best_of: 3, temperature: 1.5 };
    const both = await complete({ ...own, prompt: [GAME, PROMPT] });
    const alone = await complete({ ...own, prompt: PROMPT });
    expect(both.choices[1]).toMatchObject({ index: 1, text: alone.choices[0].text });
  });

  it.each([
    [{ n: 3, best_of: 2 }, 'best_of'],
    [{ best_of: 2, stream: true }, 'best_of'],
    [{ best_of: 65, prompt: [GAME, PROMPT] }, 'best_of'],
    [{ prompt_logprobs: 1, stream: true }, 'prompt_logprobs'],
    [{ suffix: 'a ', echo: true }, 'suffix'],
  ])('and its like refuse %j', async (wrong, param) => {
    await expect(complete(wrong)).rejects.toMatchObject({ status: 400, param });
  });
});

describe('echo', () => {
  it('gives the same in a stream as in one piece, with its scores', async () => {
    for (const own of [{ max_tokens: 6 }, { max_tokens: 0 }, { max_tokens: 6, logprobs: null }]) {
      const fields = { echo: true, logprobs: 2, ...own };
      const whole = await complete(fields);
      const chunks = await streamed(fields);
      const last = chunks.at(-1).choices[0];
      expect(last.finish_reason).toBe(whole.choices[0].finish_reason);
      const text = chunks.map(({ choices }) => choices[0].text).join('');
      expect(text).toBe(whole.choices[0].text);
      if (last.finish_reason === 'length') expect(last.text).not.toBe('');
      for (const key of ['tokens', 'token_logprobs', 'top_logprobs', 'text_offset']) {
        const pieces = chunks.flatMap(({ choices }) => choices[0].logprobs?.[key] ?? []);
        expect(pieces).toEqual(whole.choices[0].logprobs?.[key] ?? []);
      }
    }
  });
});

describe('fields of vLLM', () => {
  it('return_token_ids: gives the ids of prompt and answer, in streams too', async () => {
    const own = { return_token_ids: true, ignore_eos: true };
    const whole = await complete(own);
    expect(whole.choices[0].token_ids).toHaveLength(10);
    expect(whole.choices[0].prompt_token_ids).toHaveLength(11);
    const choices = (await streamed(own)).map((chunk) => chunk.choices[0]);
    expect(choices.flatMap(({ token_ids }) => token_ids)).toEqual(whole.choices[0].token_ids);
    expect(choices[0].prompt_token_ids).toEqual(whole.choices[0].prompt_token_ids);
    expect(choices[1].prompt_token_ids).toBeNull();
  });

  it('return_token_ids and logprobs: end with the token that ended the answer', async () => {
    const own = { logit_bias: { [EOS]: 100 }, return_token_ids: true, logprobs: 1 };
    const { choices, usage } = await complete(own);
    expect(choices[0]).toMatchObject({ text: '', finish_reason: 'stop', token_ids: [EOS] });
    expect(choices[0].logprobs).toMatchObject({ tokens: ['<eos>'], text_offset: [0] });
    expect(usage.completion_tokens).toBe(0);
  });

  it('return_tokens_as_token_ids: names tokens by their ids', async () => {
    const own = { return_tokens_as_token_ids: true, return_token_ids: true, logprobs: 2 };
    const [answer] = (await complete(own)).choices;
    const names = answer.token_ids.map((id: number) => `token_id:${id}`);
    expect(answer.logprobs.tokens).toEqual(names);
    const alternatives = answer.logprobs.top_logprobs.flatMap(Object.keys);
    expect(alternatives.every((name: string) => /^token_id:\d+$/.test(name))).toBe(true);
    const chunks = await streamed(own);
    expect(chunks.flatMap(({ choices }) => choices[0].logprobs.tokens)).toEqual(names);
  });

  it('allowed_token_ids: draws no other', async () => {
    const allowed_token_ids = [9, 30, 41];
    const answer = await complete({ allowed_token_ids, return_token_ids: true, temperature: 2 });
    expect(tokensOf(answer)).toHaveLength(10);
    expect(tokensOf(answer).every((id) => allowed_token_ids.includes(id))).toBe(true);
    const one = await complete({ allowed_token_ids: [9], return_token_ids: true, temperature: 0 });
    expect(tokensOf(one)).toEqual(Array(10).fill(9));
    const own = { allowed_token_ids: [EOS], min_tokens: 1 };
    await expect(complete(own)).rejects.toMatchObject({ param: 'allowed_token_ids' });
  });

  it('bad_words: keeps rows of tokens out of the answer', async () => {
    const own = { allowed_token_ids: [9, 30], return_token_ids: true, temperature: 2 };
    const answer = await complete({ ...own, bad_words: [await detokenize([9, 30])] });
    expect(tokensOf(answer)).toHaveLength(10);
    expect(tokensOf(answer).join()).not.toContain('9,30');
    const without = await complete({ ...own, bad_words: [await detokenize([9])] });
    expect(tokensOf(without)).toEqual(Array(10).fill(30));
  });

  it('include_stop_str_in_output: ends with what it stopped at', async () => {
    const plain = await complete({ ignore_eos: true });
    const { text } = plain.choices[0];
    const stop = text.slice(4, 6);
    const cut = text.slice(0, text.indexOf(stop));
    const own = { ignore_eos: true, stop };
    expect((await complete(own)).choices[0].text).toBe(cut);
    const included = { ...own, include_stop_str_in_output: true };
    expect((await complete(included)).choices[0]).toMatchObject({
      text: cut + stop,
      finish_reason: 'stop',
      stop_reason: stop,
    });
    const chunks = await streamed(included);
    expect(chunks.map(({ choices }) => choices[0].text).join('')).toBe(cut + stop);
    const biased = { logit_bias: { 9: 100 }, stop_token_ids: [9] };
    const token = await complete({ ...biased, include_stop_str_in_output: true });
    expect(token.choices[0]).toMatchObject({ text: await detokenize([9]), stop_reason: 9 });
    expect((await complete(biased)).choices[0].text).toBe('');
  });

  it('skip_special_tokens: false writes them', async () => {
    const own = { logit_bias: { [EOS]: 100 }, ignore_eos: true, max_tokens: 3 };
    expect((await complete(own)).choices[0].text).toBe('');
    const written = await complete({ ...own, skip_special_tokens: false });
    expect(written.choices[0].text).toBe('<eos><eos><eos>');
  });

  it('continuous_usage_stats: counts as it goes', async () => {
    const stream_options = { include_usage: true, continuous_usage_stats: true };
    const chunks = await streamed({ stream_options, ignore_eos: true });
    const counts = chunks.map(({ usage }) => usage.completion_tokens);
    expect(counts.toSorted((a, b) => a - b)).toEqual(counts);
    expect(counts.at(-1)).toBe(10);
    expect(counts[0]).toBeLessThan(10);
  });

  it('priority and cache_salt: are taken', async () => {
    const { choices } = await complete({ priority: -3, cache_salt: 'mine', temperature: 0 });
    expect(choices[0].text).toBe((await complete({ temperature: 0 })).choices[0].text);
  });
});

async function detokenize(tokens: number[]): Promise<string> {
  const response = await fetch(`${server.url}/detokenize`, {
    method: 'POST',
    body: JSON.stringify({ tokens }),
  });
  const { prompt } = (await response.json()) as { prompt: string };
  return prompt;
}
