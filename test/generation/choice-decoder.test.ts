import { describe, expect, it } from 'vitest';
import type { TokenEvent } from '../../src/engine/messages.ts';
import { ChoiceDecoder, type ChoiceOptions } from '../../src/generation/choice-decoder.ts';
import type { ChoiceDelta } from '../../src/generation/request.ts';
import type { LocalTokenizer } from '../../src/generation/tokenizer.ts';
import { seededRandom } from '../random.ts';
import { byteFallbackTokenizer, byteLevelTokenizer } from './tokenizers.ts';

function token(tokenId: number): TokenEvent {
  return {
    kind: 'token',
    id: 0,
    tokenId,
    logprob: -1,
    behaviorLogprob: -1,
    value: 0,
    kl: 0,
    top: [],
  };
}

const plain: ChoiceOptions = {
  index: 0,
  promptIds: [],
  maxTokens: 1000,
  stopStrings: [],
  includeStop: false,
  topLogprobs: 0,
  promptLogprobs: null,
  details: false,
  echoText: null,
};

function voiceOf(tokenizer: LocalTokenizer) {
  return { tokenizer, supportThreshold: 0.001, special: 'dropped' } as const;
}

/** Everything one answer gives out; ends early at a stop string, as the generator does. */
function decode(
  tokenizer: LocalTokenizer,
  ids: readonly number[],
  options: Partial<ChoiceOptions> = {},
): ChoiceDelta[] {
  const decoder = new ChoiceDecoder(voiceOf(tokenizer), { ...plain, ...options });
  const deltas: ChoiceDelta[] = [];
  for (const id of ids) {
    const delta = decoder.acceptToken(token(id));
    if (delta !== null) deltas.push(delta);
    if (delta?.finishReason === 'stop') return deltas;
  }
  return [...deltas, decoder.finish('length')];
}

function textOf(deltas: readonly ChoiceDelta[]): string {
  return deltas.map(({ text }) => text).join('');
}

describe('ChoiceDecoder', () => {
  const tokenizer = byteLevelTokenizer();

  it('says which stop string or stop token ended the answer', () => {
    const abc = tokenizer.encode('abc');
    expect(decode(tokenizer, abc, { stopStrings: ['x', 'bc'] }).at(-1)).toMatchObject({
      finishReason: 'stop',
      stopReason: 'bc',
    });
    const decoder = new ChoiceDecoder(voiceOf(tokenizer), { ...plain, index: 3 });
    const last = decoder.finish('stop', token(7), 7);
    expect(last).toMatchObject({ index: 3, text: '', finishReason: 'stop', stopReason: 7 });
    expect(decode(tokenizer, abc).map(({ stopReason }) => stopReason)).not.toContain(
      expect.anything(),
    );
  });

  it('gives the tokens of a character out together with it', () => {
    const deltas = decode(tokenizer, tokenizer.encode('é!'));
    expect(deltas.map(({ text, tokens }) => [text, tokens.length])).toEqual([
      ['é', 2],
      ['!', 1],
      ['', 0],
    ]);
  });

  it('counts offsets in characters, where JavaScript counts halves of some', () => {
    const deltas = decode(tokenizer, tokenizer.encode('𝄞a'));
    const offsets = deltas.flatMap(({ tokens }) => tokens.map(({ textOffset }) => textOffset));
    expect(offsets).toEqual([0, 0, 0, 0, 1]);
  });

  it('gives bytes that never became a character out at the end, as U+FFFD', () => {
    const deltas = decode(tokenizer, tokenizer.encode('aé').slice(0, 2));
    expect(textOf(deltas)).toBe('a\uFFFD');
    expect(deltas.at(-1)).toMatchObject({ text: '\uFFFD', finishReason: 'length' });
    expect(deltas.flatMap(({ tokens }) => tokens)).toHaveLength(2);
  });

  it('finds a stop string that the last bytes complete', () => {
    const deltas = decode(tokenizer, tokenizer.encode('aé').slice(0, 2), {
      stopStrings: ['\uFFFD'],
    });
    expect(textOf(deltas)).toBe('a');
    expect(deltas.at(-1)?.finishReason).toBe('stop');
  });

  it('sends the last token allowed together with the reason', () => {
    const deltas = decode(tokenizer, tokenizer.encode('ab'), { maxTokens: 2 });
    expect(deltas.map(({ text, finishReason }) => [text, finishReason])).toEqual([
      ['a', null],
      ['b', 'length'],
    ]);
  });

  it.each([
    ['byte-level BPE', byteLevelTokenizer()],
    ['byte fallback', byteFallbackTokenizer()],
  ])('keeps every promise for random tokens and stop strings: %s', (_, family) => {
    const random = seededRandom(5);
    const promptIds = family.encode('the');
    for (let round = 0; round < 300; round += 1) {
      const ids = Array.from({ length: random.below(40) }, () =>
        random.below(family.vocabularySize),
      );
      const whole = family.decode([...promptIds, ...ids]).slice('the'.length);
      const start = random.below(20);
      const stop = [...whole].slice(start, start + 1 + random.below(3)).join('');
      const isStopped = stop !== '';
      const deltas = decode(family, ids, { promptIds, stopStrings: isStopped ? [stop] : [] });
      expect(textOf(deltas)).toBe(isStopped ? whole.slice(0, whole.indexOf(stop)) : whole);
      expect(deltas.map(({ finishReason }) => finishReason).filter(Boolean)).toEqual([
        isStopped ? 'stop' : 'length',
      ]);
      const tokens = deltas.flatMap((delta) => delta.tokens);
      if (!isStopped) expect(tokens).toHaveLength(ids.length);
    }
  });
});
