// What evaluation harnesses and other clients read from log-probabilities, on a real server with a real, tiny policy:
// the numbers of the Python reference, in the shapes of lm-eval and vLLM, and what the two models say apart.
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ServerProcess, startServerProcess } from '../../scripts/server-process.ts';
import { parity } from '../policy/parity.ts';
import { postTo, type Reply } from './reply.ts';

const PROMPT = 'Wordle:\n';
const GAME = `${PROMPT}s h i r e\nb y g g b\n`;
const TOLERANCE = 4;

let server: ServerProcess;
let client: OpenAI;

beforeAll(async () => {
  server = await startServerProcess(['--model', 'test/fixtures/tiny-policy', '--threads', '1']);
  client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
});

afterAll(async () => {
  await server?.stop('SIGKILL');
});

const post = (path: string, body: object) => postTo(server, path, body);

/** OpenAI's fields, and the ones its client does not know. */
async function complete(fields: object): Promise<Reply> {
  return client.completions.create({ model: 'tiny', prompt: GAME, max_tokens: 4, ...fields });
}

describe('scoring as lm-eval does it', () => {
  /** The body lm-eval's local-completions sends, and how it reads the answer. */
  async function loglikelihoods(contexts: number[][], continuations: number[][], own: object = {}) {
    const prompt = contexts.map((context, index) => [...context, ...(continuations[index] ?? [])]);
    const fixed = { temperature: 0, max_tokens: 1, logprobs: 1, seed: 1234, echo: true };
    const { choices } = await complete({ prompt, ...fixed, ...own });
    return choices
      .toSorted((a: Reply, b: Reply) => a.index - b.index)
      .map(({ logprobs }: Reply, index: number) => {
        const start = contexts[index]?.length;
        const scores: number[] = logprobs.token_logprobs.slice(start, -1);
        const tops: Record<string, number>[] = logprobs.top_logprobs.slice(start, -1);
        const isGreedy = scores.every(
          (score, at) => score === Math.max(...Object.values(tops[at] ?? {})),
        );
        return {
          sum: scores.reduce((sum, score) => sum + score, 0),
          count: scores.length,
          isGreedy,
        };
      });
  }

  it('gives the log-likelihoods of the Python reference, for every extraction and form of q', async () => {
    const cases = parity.distributions.flatMap(({ prompt_ids, policies }) =>
      policies.map((policy) => ({ ...policy, prompt_ids })),
    );
    let checked = 0;
    for (const { prompt_ids, extraction, beta, q, logprobs, argmax } of cases) {
      const logprobOf = (id: number) => logprobs[id] ?? Number.NaN;
      const ids = [...logprobs.keys()].filter((id) => logprobs[id] !== null && id % 7 === 0);
      const candidates = [...new Set([...ids, argmax])];
      const found = await loglikelihoods(
        candidates.map(() => prompt_ids),
        candidates.map((id) => [id]),
        { extraction, beta, q },
      );
      const expected = candidates.map((id, index) => ({
        sum: expect.closeTo(logprobOf(id), TOLERANCE - 1),
        count: 1,
        // Of tokens that are as good as equal, either may be.
        isGreedy:
          id === argmax || (logprobOf(argmax) - logprobOf(id) < 1e-4 && found[index].isGreedy),
      }));
      expect(found).toEqual(expected);
      checked += candidates.length;
    }
    expect(checked).toBeGreaterThan(300);
  });

  it('has one position behind the prompt also where the answer ends at once', async () => {
    const eos = { logit_bias: { 2: 100 } };
    const [score] = await loglikelihoods([[4, 10]], [[11, 12]], eos);
    expect(score.count).toBe(2);
  });

  it('gives the same with max_tokens 0 and as prompt_logprobs', async () => {
    const prompt = [4, 10, 11, 12];
    const one = await complete({ prompt, max_tokens: 1, logprobs: 1, echo: true });
    const none = await complete({ prompt, max_tokens: 0, logprobs: 1, echo: true });
    const apart = await complete({ prompt, max_tokens: 0, prompt_logprobs: 1 });
    const scores = none.choices[0].logprobs.token_logprobs;
    expect(scores).toEqual(one.choices[0].logprobs.token_logprobs.slice(0, 4));
    expect(none.choices[0]).toMatchObject({ text: expect.any(String), finish_reason: 'length' });
    expect(none.usage.completion_tokens).toBe(0);
    const [first, ...rest] = apart.choices[0].prompt_logprobs;
    expect(first).toBeNull();
    expect(
      rest.map((entry: Reply, index: number) => entry[prompt[index + 1] ?? -1].logprob),
    ).toEqual(scores.slice(1));
    expect(Object.values(rest[0])).toContainEqual(expect.objectContaining({ rank: 1 }));
  });

  it('cuts prompts with the server’s tokenizer', async () => {
    const info = await (await fetch(`${server.url}/tokenizer_info`)).json();
    expect(info).toMatchObject({ eos_token: '<eos>', tokenizer_class: 'PreTrainedTokenizerFast' });
    const { body } = await post('/tokenize', {
      prompt: GAME,
      add_special_tokens: false,
      return_token_strs: true,
    });
    expect(body).toMatchObject({ count: 11, max_model_len: 64 });
    expect(body.token_strs.join('')).toBe(GAME);
    expect((await post('/detokenize', { tokens: body.tokens })).body).toEqual({ prompt: GAME });
    const eos = await post('/tokenize', { prompt: '<eos>', add_special_tokens: false });
    expect(eos.body.tokens).toEqual([2]);
    expect((await post('/detokenize', { tokens: [2] })).body).toEqual({ prompt: '<eos>' });
  });

  it('says what it cannot tokenize', async () => {
    expect(await post('/tokenize', { prompt: 7 })).toMatchObject({
      status: 400,
      body: { error: { param: 'prompt' } },
    });
    expect(await post('/detokenize', { tokens: [58] })).toMatchObject({
      status: 400,
      body: { error: { param: 'tokens' } },
    });
  });
});

describe('qsft.details', () => {
  it('tells what each model says of every token and alternative', async () => {
    const { prompt_ids, behavior_logprobs, value_probs, policies } = parity.distributions[0] ?? {};
    const expected = policies?.find(
      ({ extraction, beta, q }) => extraction === 'kl' && beta === 4 && q === 'probability',
    );
    const { choices } = await complete({
      ...{ prompt: prompt_ids, max_tokens: 1, temperature: 0, logprobs: 3, return_token_ids: true },
      ...{ beta: 4, qsft: { details: true } },
    });
    const id = choices[0].token_ids[0];
    const [details] = choices[0].logprobs.qsft;
    expect(id).toBe(expected?.argmax);
    expect(details.behavior_logprob).toBeCloseTo(behavior_logprobs?.[id] ?? NaN, TOLERANCE);
    expect(details.value).toBeCloseTo(value_probs?.[id] ?? NaN, TOLERANCE);
    expect(details.kl).toBeCloseTo(expected?.kl ?? NaN, TOLERANCE);
    const ratio = Math.min(details.value / Math.exp(details.behavior_logprob), 1);
    expect(details.ratio).toBeCloseTo(ratio, TOLERANCE);
    expect(Object.keys(details.top)).toEqual(Object.keys(choices[0].logprobs.top_logprobs[0]));
  });

  it('has values at β = 0 too, and reports tokens without logprobs', async () => {
    const { choices } = await complete({ model: 'tiny@beta=0,details=true', max_tokens: 3 });
    const { tokens, qsft } = choices[0].logprobs;
    expect(qsft).toHaveLength(tokens.length);
    for (const { value, kl } of qsft) {
      expect(value).toBeGreaterThan(0);
      expect(kl).toBeCloseTo(0, TOLERANCE);
    }
  });

  it('adds up to the log-probability, up to a constant of the step', async () => {
    const { choices } = await complete({ beta: 3, logprobs: 5, qsft: { details: true } });
    const { top_logprobs, qsft } = choices[0].logprobs;
    for (const [at, tops] of top_logprobs.entries()) {
      const constants = Object.entries<number>(tops).map(([text, logprob]) => {
        const { behavior_logprob, value } = qsft[at].top[text];
        return behavior_logprob + 3 * value - logprob;
      });
      expect(Math.max(...constants) - Math.min(...constants)).toBeLessThan(1e-4);
    }
  });
});

describe('β', () => {
  it('goes from start to end over the answer', async () => {
    const ends = {
      max_tokens: 8,
      temperature: 0,
      ignore_eos: true,
      logprobs: 0,
      qsft: { details: true },
    };
    const schedule = { start: 0, end: 40 };
    const answer = await complete({ ...ends, beta: schedule });
    expect(answer.qsft).toEqual({ extraction: 'kl', beta: schedule, q: 'probability' });
    const prompt: number[] = (await post('/tokenize', { prompt: GAME })).body.tokens;
    const { tokens, token_logprobs } = answer.choices[0].logprobs;
    expect(tokens).toHaveLength(8);
    const { choices } = await complete({ ...ends, beta: schedule, return_token_ids: true });
    for (const [at, id] of choices[0].token_ids.entries()) {
      const before = [...prompt, ...choices[0].token_ids.slice(0, at)];
      const { body } = await post('/v1/score', {
        prompt: before,
        continuations: [[id]],
        beta: (40 * at) / 7,
      });
      expect(body.data[0].logprob).toBeCloseTo(token_logprobs[at], 3);
    }
  });

  it('comes behind the name of the model as it comes in the body or in qsft', async () => {
    const ask = async (own: object) => (await complete({ ...own, seed: 5 })) as Reply;
    const inBody = await ask({ beta: 8, extraction: 'entropy', q: 'ratio' });
    const inQsft = await ask({ qsft: { beta: 8, extraction: 'entropy', q: 'ratio' } });
    const inModel = await ask({ model: 'tiny@beta=8,extraction=entropy,q=ratio' });
    const used = { beta: 8, extraction: 'entropy', q: 'ratio' };
    for (const answer of [inBody, inQsft, inModel]) {
      expect(answer.qsft).toEqual(used);
      expect(answer.choices[0].text).toBe(inBody.choices[0].text);
    }
    expect(inModel.model).toBe('tiny@beta=8,extraction=entropy,q=ratio');
    expect((await ask({ model: 'tiny@beta=4..0.5' })).qsft.beta).toEqual({ start: 4, end: 0.5 });
    await expect(ask({ model: 'tiny@beta=8', beta: 4 })).rejects.toMatchObject({ param: 'beta' });
    await expect(ask({ qsft: { betta: 4 } })).rejects.toMatchObject({ param: 'qsft.betta' });
    await expect(ask({ model: 'tiny@betta=8' })).rejects.toMatchObject({ param: 'model' });
    await expect(ask({ model: 'other@beta=8' })).rejects.toMatchObject({ status: 404 });
  });
});

describe('POST /v1/score', () => {
  const continuations = ['s h i r e\n', 't i t l e\n', [10, 11]];

  it('rates continuations as an echoed prompt does, each behind the same prompt', async () => {
    const { status, body } = await post('/v1/score', { prompt: GAME, continuations, beta: 4 });
    expect(status).toBe(200);
    expect(body).toMatchObject({ object: 'list', qsft: { beta: 4 }, usage: { prompt_tokens: 23 } });
    expect(body.data.map(({ tokens }: Reply) => tokens.length)).toEqual([5, 5, 2]);
    for (const [index, text] of ['s h i r e\n', 't i t l e\n'].entries()) {
      const { choices } = await complete({
        ...{ prompt: GAME + text, max_tokens: 0, echo: true, logprobs: 0, beta: 4 },
        qsft: { details: true },
      });
      const { tokens, token_logprobs, qsft } = choices[0].logprobs;
      const rated = body.data[index].tokens;
      expect(rated.map(({ token }: Reply) => token)).toEqual(tokens.slice(11));
      for (const [at, { logprob, value, behavior_logprob }] of rated.entries()) {
        expect(logprob).toBeCloseTo(token_logprobs[11 + at], TOLERANCE);
        expect(value).toBeCloseTo(qsft[11 + at].value, TOLERANCE);
        expect(behavior_logprob).toBeCloseTo(qsft[11 + at].behavior_logprob, TOLERANCE);
      }
      const sum = rated.reduce((total: number, { logprob }: Reply) => total + logprob, 0);
      expect(body.data[index].logprob).toBe(sum);
    }
  });

  it('runs a long prompt once', async () => {
    const prompt = PROMPT + 's h i r e\nb y g g b\n'.repeat(4);
    const hits = async () => {
      const text = await (await fetch(`${server.url}/metrics`)).text();
      return Number(/^qsft_prefix_cache_hits_total\{.*\} (.*)$/m.exec(text)?.[1]);
    };
    const before = await hits();
    const salted = { prompt, cache_salt: 'once', beta: 4 };
    const words = ['s h i r e\n', 't i t l e\n', 'a b o u t\n', 'a b o v e\n'];
    const { body } = await post('/v1/score', { ...salted, continuations: words });
    // The prompt's last token scores the first of the continuation, so it runs with each.
    expect((await hits()) - before).toBe(3 * 40);
    expect(body.usage.prompt_tokens_details.cached_tokens).toBe(0);
    for (const [index, word] of words.entries()) {
      const alone = await post('/v1/score', {
        prompt,
        continuations: [word],
        beta: 4,
        cache_salt: word,
      });
      expect(alone.body.data[0].logprob).toBeCloseTo(body.data[index].logprob, 3);
    }
  });

  it.each([
    ['continuations', { continuations: [] }],
    ['continuations[1]', { continuations: ['s h i r e\n', ''] }],
    ['continuations[0]', { continuations: ['Q'] }],
    ['continuations[0]', { continuations: [[99]] }],
    ['continuations', { continuations: Array(129).fill('s ') }],
    ['continuations[0]', { continuations: ['s h i r e\n'.repeat(12)] }],
    ['beta', { beta: { start: 1, end: 2 } }],
    ['continuation', { continuation: 's ' }],
    ['qsft.x', { qsft: { x: 1 } }],
  ])('refuses what is wrong with %s: %.60j', async (param, wrong) => {
    const { status, body } = await post('/v1/score', {
      prompt: GAME,
      continuations: ['s '],
      ...wrong,
    });
    expect([status, body.error.param]).toEqual([400, param]);
  });
});
