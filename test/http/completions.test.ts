import { describe, expect, it } from 'vitest';
import type { ScriptedAnswer } from './scripted-engine.ts';
import { PROMPT, testApp } from './test-app.ts';

const SHIRE: ScriptedAnswer = { tokens: ['s ', 'h ', 'i ', 'r ', 'e\n'], end: 'length' };
const CRANE: ScriptedAnswer = { tokens: ['c ', 'r ', 'a ', 'n ', 'e\n'], end: 'eos' };

describe('POST /v1/completions', () => {
  it('answers with a text completion', async () => {
    const { answer } = testApp([SHIRE]);
    const body = await answer({ max_tokens: 5 });
    expect(body.choices).toEqual([
      {
        text: 's h i r e\n',
        index: 0,
        logprobs: null,
        finish_reason: 'length',
        stop_reason: null,
      },
    ]);
    expect(body.usage).toEqual({
      prompt_tokens: 1,
      completion_tokens: 5,
      total_tokens: 6,
      prompt_tokens_details: { cached_tokens: 0 },
    });
    expect(body.id).toMatch(/^cmpl-/);
  });

  it('cuts the stop string, inside a token too, and leaves the sequence', async () => {
    const { answer, cancelled } = testApp([{ tokens: [...SHIRE.tokens, 'b '], end: 'hang' }]);
    const { choices, usage } = await answer({ stop: '\n', max_tokens: 20 });
    expect(choices[0]).toMatchObject({
      text: 's h i r e',
      finish_reason: 'stop',
      stop_reason: '\n',
    });
    expect(usage.completion_tokens).toBe(5);
    expect(cancelled()).toBe(1);
  });

  it('says stop when the model ends the answer', async () => {
    const { answer } = testApp([CRANE]);
    const { choices } = await answer({});
    expect(choices[0]).toMatchObject({ text: 'c r a n e\n', finish_reason: 'stop' });
  });

  it('fills in the defaults of the API and of the policy', async () => {
    const { answer, submitted } = testApp([SHIRE]);
    const { qsft } = await answer({});
    expect(qsft).toEqual({ extraction: 'kl', beta: 4, q: 'probability' });
    expect(submitted[0]).toMatchObject({
      promptIds: [1],
      maxTokens: 16,
      policy: { extraction: 'kl', beta: 4, q: 'probability' },
      sampling: { temperature: 1, topK: 0, topP: 1, minP: 0, choice: 0 },
      edits: null,
      ignoreEos: false,
      stopTokenIds: [],
      topLogprobs: null,
      scoreFrom: null,
    });
  });

  it('passes on what the request says', async () => {
    const { answer, submitted } = testApp([SHIRE]);
    const { qsft } = await answer({
      max_tokens: 7,
      temperature: 0.5,
      top_p: 0.9,
      top_k: 3,
      min_p: 0.1,
      presence_penalty: 0.5,
      frequency_penalty: -0.5,
      repetition_penalty: 1.2,
      logit_bias: { 5: -100, 12: 1.5 },
      min_tokens: 2,
      ignore_eos: true,
      stop_token_ids: [7],
      seed: -1,
      beta: 0.25,
      extraction: 'entropy',
      q: 'ratio',
      logprobs: 2,
      echo: true,
    });
    expect(qsft).toEqual({ extraction: 'entropy', beta: 0.25, q: 'ratio' });
    expect(submitted[0]).toMatchObject({
      maxTokens: 7,
      policy: { extraction: 'entropy', beta: 0.25, q: 'ratio' },
      sampling: { temperature: 0.5, topK: 3, topP: 0.9, minP: 0.1, seed: [0xffffffff, 0xffffffff] },
      edits: {
        presencePenalty: 0.5,
        frequencyPenalty: -0.5,
        repetitionPenalty: 1.2,
        logitBias: [
          [5, -100],
          [12, 1.5],
        ],
        minTokens: 2,
      },
      ignoreEos: true,
      stopTokenIds: [7],
      topLogprobs: 2,
      scoreFrom: 1,
    });
  });

  it.each([
    ['behavior', 0],
    ['greedy', 1],
  ])('reports the beta that extraction %s really uses', async (extraction, beta) => {
    const { answer } = testApp([SHIRE]);
    const { qsft } = await answer({ extraction, beta: 8 });
    expect(qsft).toEqual({ extraction, beta, q: 'probability' });
  });

  it('takes null for every field that may be left out', async () => {
    const { complete } = testApp([SHIRE]);
    const fields = [
      'max_tokens',
      'temperature',
      'top_p',
      'top_k',
      'n',
      'stop',
      'seed',
      'stream',
      'stream_options',
      'logprobs',
      'echo',
      'user',
      'beta',
      'extraction',
      'q',
      'best_of',
      'suffix',
      'logit_bias',
      'frequency_penalty',
      'presence_penalty',
    ];
    const response = await complete(Object.fromEntries(fields.map((field) => [field, null])));
    expect(response.status).toBe(200);
    expect(response.headers.get('x-ignored-fields')).toBeNull();
  });

  it('orders the answers to several prompts', async () => {
    const { answer, submitted } = testApp([SHIRE, CRANE]);
    const { choices, usage } = await answer({ prompt: [PROMPT, `${PROMPT}s `], n: 2, seed: 5 });
    expect(choices.map((choice) => choice.index)).toEqual([0, 1, 2, 3]);
    expect(choices[1]?.text).toBe('c r a n e\n');
    expect(usage.prompt_tokens).toBe(3);
    expect(submitted.map(({ sampling }) => sampling.choice)).toEqual([0, 1, 0, 1]);
  });

  it.each([
    ['token ids', [1, 3]],
    ['lists of token ids', [[1, 3]]],
    ['a list of strings', ['Wordle:\na ']],
  ])('takes a prompt as %s', async (_, prompt) => {
    const { complete, submitted } = testApp([SHIRE]);
    expect((await complete({ prompt })).status).toBe(200);
    expect(submitted[0]?.promptIds).toEqual([1, 3]);
  });

  it('names the fields it ignored, but not what could break a header', async () => {
    const { complete } = testApp([SHIRE]);
    const response = await complete({
      temprature: 1,
      user: 'me',
      'bad\r\nname': 1,
      stream_options: { include_obfuscation: false },
    });
    expect(response.headers.get('x-ignored-fields')).toBe(
      'temprature, stream_options.include_obfuscation',
    );
  });

  it('counts tokens, answers and what only Q-SFT has', async () => {
    const { complete, metric } = testApp([SHIRE]);
    await complete({ beta: 8, max_tokens: 5 });
    expect(await metric('qsft_tokens_total{model="tiny",kind="prompt"}')).toBe(1);
    expect(await metric('qsft_tokens_total{model="tiny",kind="completion"}')).toBe(5);
    expect(await metric('qsft_requests_total{model="tiny",finish_reason="length"}')).toBe(1);
    expect(await metric('qsft_time_to_first_token_seconds_count{model="tiny"}')).toBe(1);
    expect(await metric('qsft_inter_token_seconds_count{model="tiny"}')).toBe(4);
    expect(await metric('qsft_beta_sum{model="tiny"}')).toBe(8);
    expect(await metric('qsft_value_of_chosen_token_sum{model="tiny"}')).toBe(1.25);
    expect(await metric('qsft_kl_from_behavior_nats_sum{model="tiny"}')).toBe(0.625);
    expect(await metric('qsft_sequences_running{model="tiny"}')).toBe(0);
    expect(await metric('qsft_kv_cache_bytes{model="tiny"}')).toBe(4096);
  });

  it('logs one line a request, without the prompt or the answer', async () => {
    const { complete, log } = testApp([SHIRE]);
    await complete({ max_tokens: 5 }, { headers: { 'x-request-id': 'mine-1' } });
    expect(log).toHaveLength(1);
    expect(log[0]).toMatchObject({
      requestId: 'mine-1',
      method: 'POST',
      path: '/v1/completions',
      status: 200,
      route: '/v1/completions',
      model: 'tiny',
      promptTokens: 1,
      cachedTokens: 0,
      completionTokens: 5,
      beta: 4,
      finishReason: 'length',
      queueMs: expect.any(Number),
      firstTokenMs: expect.any(Number),
    });
    expect(JSON.stringify(log)).not.toMatch(/Wordle|s h i/);
  });
});
