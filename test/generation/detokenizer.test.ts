import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Detokenizer } from '../../src/generation/detokenizer.ts';
import type { LocalTokenizer } from '../../src/generation/tokenizer.ts';
import { seededRandom } from '../random.ts';
import { byteFallbackTokenizer, byteLevelTokenizer, wordTokenizer } from './tokenizers.ts';

const FAMILIES = [
  ['byte-level BPE', byteLevelTokenizer()],
  ['byte fallback', byteFallbackTokenizer()],
  ['words', wordTokenizer()],
] as const;

/** The first id of every family. */
const SPECIAL = 0;

const HARD_TEXTS = [
  'plain',
  'a cat, the cat.',
  'naïve café',
  '你好，世界',
  '👋🏽 👨‍👩‍👧‍👦 é é',
  'tail of four bytes 𝄞',
  'real \uFFFD replacement \uFFFD\uFFFD characters',
  'ends with one \uFFFD',
];

function pieces(tokenizer: LocalTokenizer, context: number[], ids: number[]): string[] {
  const detokenizer = new Detokenizer(tokenizer, context);
  return [...ids.map((id) => detokenizer.push(id)), detokenizer.flush()];
}

describe('Detokenizer', () => {
  it.each(FAMILIES.slice(0, 2))(
    'gives hard texts back without half a character: %s',
    (_, tokenizer) => {
      for (const text of HARD_TEXTS) {
        const ids = tokenizer.encode(text);
        const deltas = pieces(tokenizer, [], ids);
        expect(deltas.join('')).toBe(text);
        const halves = deltas.filter((delta) => !text.includes(delta));
        expect(halves).toEqual([]);
      }
    },
  );

  it.each(FAMILIES)('equals decoding everything at once, for random ids: %s', (_, tokenizer) => {
    const random = seededRandom(7);
    for (let round = 0; round < 300; round += 1) {
      const ids = Array.from({ length: random.below(60) }, () =>
        random.below(tokenizer.vocabularySize),
      );
      expect(pieces(tokenizer, [], ids).join('')).toBe(tokenizer.decode(ids));
    }
  });

  it.each(FAMILIES)('continues a context as if both were one text: %s', (_, tokenizer) => {
    const random = seededRandom(8);
    for (let round = 0; round < 300; round += 1) {
      const ids = Array.from({ length: 1 + random.below(40) }, () =>
        random.below(tokenizer.vocabularySize),
      );
      const contextLength = random.below(ids.length);
      const context = ids.slice(0, contextLength);
      const before = pieces(tokenizer, [], context).slice(0, -1).join('');
      const answer = pieces(tokenizer, context, ids.slice(contextLength)).join('');
      expect(before + answer).toBe(tokenizer.decode(ids));
    }
  });

  it.each(FAMILIES)('sees past any number of special tokens: %s', (_, tokenizer) => {
    const id = fc.oneof(
      { weight: 3, arbitrary: fc.constant(SPECIAL) },
      fc.nat(tokenizer.vocabularySize - 1),
    );
    fc.assert(
      fc.property(fc.array(id, { maxLength: 60, size: 'max' }), fc.nat(60), (ids, cut) => {
        const before = pieces(tokenizer, [], ids.slice(0, cut)).slice(0, -1).join('');
        const answer = pieces(tokenizer, ids.slice(0, cut), ids.slice(cut)).join('');
        expect(before + answer).toBe(tokenizer.decode(ids));
      }),
    );
  });

  it('keeps the space of a word that continues a prompt', () => {
    const tokenizer = byteFallbackTokenizer();
    const [the] = tokenizer.encode('the');
    expect(the).toBeDefined();
    const context = tokenizer.encode('a cat');
    expect(pieces(tokenizer, context, [the ?? 0]).join('')).toBe(' the');
  });

  it('decodes a bounded number of tokens for each one pushed', () => {
    const tokenizer = byteLevelTokenizer();
    let decoded = 0;
    const counting: LocalTokenizer = {
      ...tokenizer,
      decode(ids) {
        decoded += ids.length;
        return tokenizer.decode(ids);
      },
    };
    // Nothing but bytes that never make a character: the worst case for holding text back.
    const ids = tokenizer.encode('é').slice(1, 2);
    const count = 2000;
    pieces(
      counting,
      [],
      Array.from({ length: count }, () => ids[0] ?? 0),
    );
    expect(decoded / count).toBeLessThan(20);
  });
});
