import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { ServerError } from '../../src/errors.ts';
import { loadTokenizer } from '../../src/generation/tokenizer.ts';
import { byteFallbackTokenizer, byteLevelTokenizer, wordTokenizer } from './tokenizers.ts';

const TINY_POLICY = fileURLToPath(new URL('../fixtures/tiny-policy', import.meta.url));
const TURN = 'Wordle:\ns h i r e\nb y g g b\n';

describe('LocalTokenizer', () => {
  it('joins the words of a Wordle turn without spaces of its own', async () => {
    const tokenizer = await loadTokenizer(TINY_POLICY);
    const ids = tokenizer.encode(TURN);
    expect(ids).toHaveLength(11);
    expect(tokenizer.decode(ids)).toBe(TURN);
    expect(ids.map((id) => tokenizer.tokenText(id)).join('')).toBe(TURN);
  });

  it('does so without any decoder too', () => {
    const tokenizer = wordTokenizer();
    expect(tokenizer.decode(tokenizer.encode(TURN))).toBe(TURN);
  });

  it('refuses text its vocabulary cannot express, and shows which', async () => {
    for (const tokenizer of [await loadTokenizer(TINY_POLICY), wordTokenizer()]) {
      expect(() => tokenizer.encode('Wordle:\nS h i r e\n')).toThrow(ServerError);
      expect(() => tokenizer.encode('Wordle:\nS h')).toThrow(/no token for: "S/);
    }
  });

  it('leaves special tokens out of texts and names them alone', () => {
    const tokenizer = byteLevelTokenizer();
    expect(tokenizer.decode([0, ...tokenizer.encode('a'), 0])).toBe('a');
    expect(tokenizer.tokenText(0)).toBe('<|end|>');
  });

  it('shows the space that a token begins with', () => {
    const tokenizer = byteFallbackTokenizer();
    const [the] = tokenizer.encode('the');
    expect(tokenizer.tokenText(the ?? -1)).toBe(' the');
  });

  it('decodes no tokens to no text', () => {
    expect(byteFallbackTokenizer().decode([])).toBe('');
  });
});
