// Each family's tokenizer gives the ids and texts that Python's `tokenizers` gives, also piece by piece.
// scripts/tests/tokenizer_fixtures.py writes the tokenizers and what is expected of them.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Detokenizer } from '../../src/generation/detokenizer.ts';
import { createTokenizer, type LocalTokenizer } from '../../src/generation/tokenizer.ts';

interface Expectation {
  encoded: number[][];
  /** By the index of a text, where decoding does not give it back. */
  decoded: Record<string, string>;
  random: [number[], string][];
}

interface Expectations {
  texts: string[];
  families: Record<string, Expectation>;
}

const FOLDER = new URL('../fixtures/tokenizers/', import.meta.url);
const { texts, families }: Expectations = readFixture('expected.json');

function readFixture<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8'));
}

function encode(tokenizer: LocalTokenizer, text: string): number[] {
  return tokenizer.encode(text);
}

/** What a client has read once the first `split` ids were in the prompt and the others came one by one. */
function streamed(tokenizer: LocalTokenizer, ids: number[], split: number): string {
  const before = new Detokenizer(tokenizer, []);
  const prompt = ids.slice(0, split).map((id) => before.push(id));
  const detokenizer = new Detokenizer(tokenizer, ids.slice(0, split));
  const answer = ids.slice(split).map((id) => detokenizer.push(id));
  return [...prompt, ...answer, detokenizer.flush()].join('');
}

describe.each(Object.entries(families))('%s', (family, expected) => {
  const definition: { model: { byte_fallback?: boolean } } = readFixture(`${family}.json`);
  const tokenizer = createTokenizer(definition, {});
  // Python turns every byte of a run of byte tokens into U+FFFD once one is wrong, also those that
  // were whole characters. A stream has sent those already, so only the wrong ones become U+FFFD here.
  const hasByteTokens = definition.model.byte_fallback === true;

  it('encodes hard texts to the same ids', () => {
    const different = texts.flatMap((text, index) => {
      const ids = encode(tokenizer, text);
      const wanted = expected.encoded[index];
      return JSON.stringify(ids) === JSON.stringify(wanted) ? [] : [{ text, ids, wanted }];
    });
    expect(different).toEqual([]);
  });

  it('decodes them to the same texts', () => {
    const wanted = texts.map((text, index) => expected.decoded[index] ?? text);
    expect(expected.encoded.map((ids) => tokenizer.decode(ids))).toEqual(wanted);
  });

  it('decodes random ids to the same texts', () => {
    const different = expected.random.flatMap(([ids, wanted]) => {
      const text = tokenizer.decode(ids);
      if (hasByteTokens && wanted.includes('\uFFFD')) return [];
      return text === wanted ? [] : [{ ids, text, wanted }];
    });
    expect(different).toEqual([]);
  });

  it('streams what it decodes at once, wherever the prompt ends', () => {
    for (const ids of [...expected.encoded, ...expected.random.map(([row]) => row)]) {
      const whole = tokenizer.decode(ids);
      for (let split = 0; split <= ids.length; split += 1) {
        expect(streamed(tokenizer, ids, split)).toBe(whole);
      }
    }
  });

  it('reads half a surrogate pair as the replacement character', () => {
    expect(encode(tokenizer, 'a\uD83D b')).toEqual(encode(tokenizer, 'a\uFFFD b'));
  });
});
