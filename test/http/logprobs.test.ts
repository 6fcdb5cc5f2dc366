import { describe, expect, it } from 'vitest';
import type { ScriptedAnswer } from './scripted-engine.ts';
import { PROMPT, payloads, testApp } from './test-app.ts';

const SHIRE: ScriptedAnswer = { tokens: ['s ', 'h ', 'e\n', 'b '], end: 'length' };

describe('log-probabilities of /v1/completions', () => {
  it('have the legacy shape', async () => {
    const { answer } = testApp([SHIRE]);
    const { choices } = await answer({ logprobs: 2, max_tokens: 4 });
    expect(choices[0]?.logprobs).toEqual({
      tokens: ['s ', 'h ', 'e\n', 'b '],
      token_logprobs: [-0.5, -0.5, -0.5, -0.5],
      top_logprobs: [
        { 't ': 0, 'u ': -1, 's ': -0.5 },
        { 'i ': 0, 'j ': -1, 'h ': -0.5 },
        { 'f\n': 0, 'g\n': -1, 'e\n': -0.5 },
        { 'c ': 0, 'd ': -1, 'b ': -0.5 },
      ],
      text_offset: [0, 2, 4, 6],
    });
  });

  it('report the chosen token alone for logprobs 0', async () => {
    const { answer } = testApp([SHIRE]);
    const { choices } = await answer({ logprobs: 0, max_tokens: 4 });
    expect(choices[0]?.logprobs?.top_logprobs[0]).toEqual({ 's ': -0.5 });
  });

  it('end with the token that a stop string cuts', async () => {
    const { answer } = testApp([SHIRE]);
    const { choices } = await answer({ logprobs: 0, stop: '\n' });
    expect(choices[0]?.text).toBe('s h e');
    expect(choices[0]?.logprobs?.tokens).toEqual(['s ', 'h ', 'e\n']);
  });

  it('leave out tokens that lie wholly behind the cut', async () => {
    const { answer } = testApp([{ tokens: ['s ', 'h ', '\n'], end: 'length' }]);
    const { choices } = await answer({ logprobs: 0, stop: 'h \n' });
    expect(choices[0]?.text).toBe('s ');
    expect(choices[0]?.logprobs?.tokens).toEqual(['s ']);
  });

  it('begin with the prompt and a null when it is echoed', async () => {
    const { answer } = testApp([SHIRE]);
    const prompt = `${PROMPT}a `;
    const body = { prompt, echo: true, logprobs: 1, max_tokens: 4 };
    const { choices } = await answer(body);
    expect(choices[0]?.text).toBe(`${prompt}s h e\nb `);
    expect(choices[0]?.logprobs).toMatchObject({
      tokens: [PROMPT, 'a ', 's ', 'h ', 'e\n', 'b '],
      token_logprobs: [null, -1.5, -0.5, -0.5, -0.5, -0.5],
      text_offset: [0, 8, 10, 12, 14, 16],
    });
    expect(choices[0]?.logprobs?.top_logprobs.slice(0, 2)).toEqual([null, { 'b ': 0, 'a ': -1.5 }]);
  });

  it('echo the prompt without any where none are asked for', async () => {
    const { answer } = testApp([SHIRE]);
    const { choices } = await answer({ echo: true, max_tokens: 4 });
    expect(choices[0]).toMatchObject({ text: `${PROMPT}s h e\nb `, logprobs: null });
  });

  it('are the same in a stream, the echoed prompt in a chunk of its own', async () => {
    const { answer, complete } = testApp([SHIRE]);
    const body = { echo: true, logprobs: 1, max_tokens: 4, stop: 'b' };
    const whole = await answer(body);
    const stream = await (await complete({ ...body, stream: true })).text();
    const chunks = payloads(stream)
      .slice(0, -1)
      .map((payload) => JSON.parse(payload).choices[0]);
    expect(chunks[0]).toMatchObject({ text: PROMPT, logprobs: { tokens: [PROMPT] } });
    expect(chunks.map((choice) => choice.text).join('')).toBe(whole.choices[0]?.text);
    for (const key of ['tokens', 'token_logprobs', 'top_logprobs', 'text_offset'] as const) {
      expect(chunks.flatMap((choice) => choice.logprobs[key])).toEqual(
        whole.choices[0]?.logprobs?.[key],
      );
    }
  });
});
