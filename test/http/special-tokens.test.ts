// What a tokenizer puts around texts: only where training did, or a request asks.
import { describe, expect, it } from 'vitest';
import { createTokenizer } from '../../src/generation/tokenizer.ts';
import { byteFallbackTokenizer } from '../generation/tokenizers.ts';
import { metricsOf } from '../metrics/metrics-of.ts';
import { appAround } from './app-around.ts';
import { scriptedEngine } from './scripted-engine.ts';
import { LIMITS } from './test-app.ts';

const BOS = 1;
const TEXT = 'the';

/** As Llama's tokenizers do. */
const tokenizer = createTokenizer(
  {
    ...byteFallbackTokenizer().definition,
    post_processor: {
      type: 'TemplateProcessing',
      single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
      pair: [],
      special_tokens: { '<s>': { id: '<s>', ids: [BOS], tokens: ['<s>'] } },
    },
  },
  {},
);

function servedBy(addsSpecialTokens: boolean) {
  const { engine, submitted } = scriptedEngine(tokenizer, [{ tokens: [TEXT], end: 'eos' }]);
  const manifest = { ...engine.manifest, adds_special_tokens: addsSpecialTokens };
  const served = { ...engine, manifest };
  const app = appAround(served, { tokenizer, metrics: metricsOf(served), limits: LIMITS });
  const post = (path: string, body: object) =>
    app.request(path, { method: 'POST', body: JSON.stringify({ model: 'tiny', ...body }) });
  return {
    async prompt(body: object): Promise<readonly number[] | undefined> {
      expect((await post('/v1/completions', { prompt: TEXT, ...body })).status).toBe(200);
      return submitted.at(-1)?.promptIds;
    },
    async tokens(body: object): Promise<number[]> {
      const answer = await post('/tokenize', { prompt: TEXT, ...body });
      return ((await answer.json()) as { tokens: number[] }).tokens;
    },
  };
}

describe('special tokens around a prompt', () => {
  it.each([false, true])('are added as the manifest says: %s', async (addsSpecialTokens) => {
    const { prompt, tokens } = servedBy(addsSpecialTokens);
    const plain = tokenizer.encode(TEXT);
    const expected = addsSpecialTokens ? [BOS, ...plain] : plain;
    expect(await prompt({})).toEqual(expected);
    expect(await tokens({})).toEqual(expected);
  });

  it.each([false, true])('are added as the request says: %s', async (add_special_tokens) => {
    const { prompt, tokens } = servedBy(!add_special_tokens);
    const plain = tokenizer.encode(TEXT);
    const expected = add_special_tokens ? [BOS, ...plain] : plain;
    expect(await prompt({ add_special_tokens })).toEqual(expected);
    expect(await tokens({ add_special_tokens })).toEqual(expected);
  });
});
