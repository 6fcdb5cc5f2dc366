// The fields that change how tokens are drawn, through the official client and a real server with a real, tiny policy.
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ServerProcess, startServerProcess } from '../../scripts/server-process.ts';

const PROMPT = 'Wordle:\n';
const EOS = 2;
const TOKEN = 9;

let server: ServerProcess;
let client: OpenAI;

beforeAll(async () => {
  server = await startServerProcess(['--model', 'test/fixtures/tiny-policy', '--threads', '1']);
  client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
});

afterAll(async () => {
  await server?.stop('SIGKILL');
});

/** OpenAI's fields, and the ones its client does not know. */
async function complete(fields: object) {
  const request = { model: 'tiny', prompt: PROMPT, max_tokens: 12, seed: 1, logprobs: 0 } as const;
  const body: typeof request = { ...request, ...fields };
  const { choices, usage } = await client.completions.create(body);
  const [choice] = choices;
  if (choice === undefined) throw new Error('no choice');
  const { tokens = [], token_logprobs = [] } = choice.logprobs ?? {};
  return { ...choice, tokens, logprobs: token_logprobs, count: usage?.completion_tokens };
}

describe('the sampling fields', () => {
  it('force a token by its bias, and report what the policy thought of it', async () => {
    const forced = await complete({ logit_bias: { [TOKEN]: 100 }, max_tokens: 3 });
    expect(new Set(forced.tokens).size).toBe(1);
    const scored = await complete({ prompt: PROMPT + forced.text, max_tokens: 1, echo: true });
    for (const [index, logprob] of forced.logprobs.entries()) {
      expect(logprob).toBeLessThan(-0.1);
      expect(scored.logprobs[index + 1]).toBeCloseTo(logprob, 4);
    }
  });

  it('ban a token by its bias, at temperature 0 too', async () => {
    const plain = await complete({ temperature: 0, max_tokens: 1 });
    const { choices } = await client.completions.create({
      ...{ model: 'tiny', prompt: PROMPT, temperature: 0, max_tokens: 1 },
      logit_bias: Object.fromEntries(
        Array.from({ length: 58 }, (_, id) => [id, id < 30 ? 0 : -100]),
      ),
      logprobs: 0,
    });
    const other = await complete({
      ...{ temperature: 0, max_tokens: 1 },
      logit_bias: Object.fromEntries(
        Array.from({ length: 58 }, (_, id) => [id, id < 30 ? -100 : 0]),
      ),
    });
    const answers = [choices[0]?.text, other.text];
    expect(answers).toContain(plain.text);
    expect(answers[0]).not.toBe(answers[1]);
  });

  it('end an answer at a token, which is no part of it', async () => {
    const bias = { logit_bias: { [TOKEN]: 100 }, stop_token_ids: [TOKEN] };
    expect(await complete(bias)).toMatchObject({
      text: '',
      tokens: [expect.any(String)],
      count: 0,
      finish_reason: 'stop',
      stop_reason: TOKEN,
    });
    const later = await complete({ ...bias, min_tokens: 4, ignore_eos: true });
    expect(later).toMatchObject({ count: 4, finish_reason: 'stop', stop_reason: TOKEN });
  });

  it('go on past the end of sequence, which is a token without text', async () => {
    const bias = { logit_bias: { [EOS]: 100 } };
    expect(await complete(bias)).toMatchObject({
      count: 0,
      finish_reason: 'stop',
      stop_reason: null,
    });
    expect(await complete({ ...bias, ignore_eos: true })).toMatchObject({
      text: '',
      count: 12,
      tokens: Array<string>(12).fill('<eos>'),
      finish_reason: 'length',
    });
  });

  it('keep the end of sequence back until min_tokens are written', async () => {
    const bias = { logit_bias: { [EOS]: 100 } };
    expect(await complete({ ...bias, min_tokens: 5 })).toMatchObject({
      count: 5,
      finish_reason: 'stop',
    });
    expect(await complete({ ...bias, min_tokens: 12 })).toMatchObject({ finish_reason: 'length' });
  });

  it('write more different tokens under penalties on repetition', async () => {
    const greedy = { temperature: 0, max_tokens: 20, ignore_eos: true, beta: 0 };
    const varietyOf = async (fields: object) =>
      new Set((await complete({ ...greedy, ...fields })).tokens).size;
    const plain = await varietyOf({});
    expect(plain).toBeLessThan(15);
    expect(await varietyOf({ presence_penalty: 2, frequency_penalty: 2 })).toBeGreaterThan(plain);
    expect(await varietyOf({ repetition_penalty: 100 })).toBe(20);
  });

  it('change nothing where they are neutral', async () => {
    const neutral = { presence_penalty: 0, repetition_penalty: 1, logit_bias: {}, min_p: 0 };
    const answer = await complete({ ...neutral, min_tokens: 0, stop_token_ids: [] });
    expect(answer).toEqual(await complete({}));
  });

  it('leave only the best token at a min_p of 1', async () => {
    const { text } = await complete({ min_p: 1 });
    expect(text).toBe((await complete({ temperature: 0 })).text);
  });

  it('give the same answer for the same seed, alone or in a batch', async () => {
    const edits = { frequency_penalty: 1, repetition_penalty: 1.3, min_p: 0.02, min_tokens: 6 };
    const alone = await complete({ ...edits, top_p: 0.95 });
    const crowd = [1, 2, 3].map((seed) => complete({ ...edits, seed, top_p: 0.95 }));
    expect((await Promise.all(crowd))[0]?.text).toBe(alone.text);
  });
});
