import { describe, expect, it } from 'vitest';
import { chatApp } from './chat-app.ts';
import { LIMITS, type TestApp } from './test-app.ts';

function post({ app }: TestApp, path: string, body: object): Promise<Response> {
  return Promise.resolve(
    app.request(path, { method: 'POST', body: JSON.stringify({ model: 'tiny', ...body }) }),
  );
}

describe('what a caller is charged for prompts', () => {
  it('is what the usage says: the prompt of a score once', async () => {
    const app = chatApp([{ tokens: [], end: 'length' }]);
    const response = await post(app, '/v1/score', { prompt: 'Hello', continuations: ['a', 'bc'] });
    expect(await response.json()).toMatchObject({ usage: { prompt_tokens: 8 } });
    expect(app.charged).toEqual([8]);
  });

  it('is each prompt of a completion once, whatever the number of its answers', async () => {
    const app = chatApp(['x'], { limits: { maxN: LIMITS.maxN } });
    await post(app, '/v1/completions', { prompt: ['Hello', 'Hi'], n: 2 });
    expect(app.charged).toEqual([7]);
  });
});

describe('a choice among whole texts', () => {
  it('tells where in the text each token begins, where a character has several', async () => {
    const app = chatApp([{ tokens: [], end: 'length' }]);
    const response = await post(app, '/v1/completions', {
      prompt: 'Go ',
      structured_outputs: { choice: ['é!👋a'] },
      logprobs: 0,
    });
    expect(response.status).toBe(200);
    const { choices } = (await response.json()) as {
      choices: { text: string; logprobs: { text_offset: number[] } }[];
    };
    expect(choices[0]?.text).toBe('é!👋a');
    expect(choices[0]?.logprobs.text_offset).toEqual([0, 0, 1, 2, 2, 2, 2, 3]);
  });
});
