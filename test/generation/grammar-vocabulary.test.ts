import { describe, expect, it } from 'vitest';
import { grammarVocabulary } from '../../src/generation/grammar-vocabulary.ts';
import { loadTokenizer } from '../../src/generation/tokenizer.ts';
import { readManifest } from '../../src/policy/policy-files.ts';
import { tinyPolicyFolder } from '../policy/tiny-policy.ts';

const manifest = { ...readManifest(tinyPolicyFolder), vocab_size: 9, reserved_token_ids: [0] };

function read(definition: object) {
  return grammarVocabulary(definition, manifest);
}

describe('grammarVocabulary', () => {
  it('takes words as they are, and special tokens for no text', async () => {
    const { definition } = await loadTokenizer(tinyPolicyFolder);
    const vocabulary = grammarVocabulary(definition, readManifest(tinyPolicyFolder));
    expect(vocabulary).toMatchObject({ encoding: 'raw', eosTokenIds: [2] });
    expect(vocabulary?.tokens.slice(0, 7)).toEqual(['', '', '', '', 'Wordle:\n', '\n', 'a ']);
  });

  it('writes added tokens in the alphabet of bytes, marks of calls among them', () => {
    const added = (id: number, content: string, special: boolean) => ({ id, content, special });
    const vocabulary = read({
      model: { type: 'BPE', vocab: { '!': 0, Ġa: 1, '</s>': 2, Ã: 3 } },
      added_tokens: [
        ...[added(4, '<tool_call>', true), added(5, 'é x', false), added(6, '<|im_end|>', true)],
      ],
      decoder: { type: 'ByteLevel' },
    });
    expect(vocabulary?.encoding).toBe('byte_level');
    expect(vocabulary?.tokens).toEqual(['', 'Ġa', '', 'Ã', '<tool_call>', 'Ã©Ġx', '', '', '']);
  });

  it('knows SentencePiece’s vocabularies, and those that are no text', () => {
    const decoders = [{ type: 'Replace' }, { type: 'ByteFallback' }, { type: 'Fuse' }];
    const model = { type: 'Unigram', vocab: [['<0x0A>', 0] as const, ['▁a', -1] as const] };
    const vocabulary = read({ model, decoder: { type: 'Sequence', decoders } });
    expect(vocabulary).toMatchObject({ encoding: 'byte_fallback' });
    expect(read({ model, decoder: { type: 'WordPiece' } })).toBeNull();
  });
});
