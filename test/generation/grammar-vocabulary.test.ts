import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadGrammarVocabulary } from '../../src/generation/grammar-vocabulary.ts';
import { readManifest } from '../../src/policy/policy-files.ts';
import { tinyPolicyFolder } from '../policy/tiny-policy.ts';

const folder = mkdtempSync(join(tmpdir(), 'vocabulary-'));
afterAll(() => rmSync(folder, { recursive: true }));

const manifest = { ...readManifest(tinyPolicyFolder), vocab_size: 9, reserved_token_ids: [0] };

function load(definition: object) {
  writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify(definition));
  return loadGrammarVocabulary(folder, manifest);
}

describe('loadGrammarVocabulary', () => {
  it('takes words as they are, and special tokens for no text', async () => {
    const vocabulary = await loadGrammarVocabulary(
      tinyPolicyFolder,
      readManifest(tinyPolicyFolder),
    );
    expect(vocabulary).toMatchObject({ encoding: 'raw', eosTokenIds: [2] });
    expect(vocabulary?.tokens.slice(0, 7)).toEqual(['', '', '', '', 'Wordle:\n', '\n', 'a ']);
  });

  it('writes added tokens in the alphabet of bytes, marks of calls among them', async () => {
    const added = (id: number, content: string, special: boolean) => ({ id, content, special });
    const vocabulary = await load({
      model: { type: 'BPE', vocab: { '!': 0, Ġa: 1, '</s>': 2, Ã: 3 } },
      added_tokens: [
        ...[added(4, '<tool_call>', true), added(5, 'é x', false), added(6, '<|im_end|>', true)],
      ],
      decoder: { type: 'ByteLevel' },
    });
    expect(vocabulary?.encoding).toBe('byte_level');
    expect(vocabulary?.tokens).toEqual(['', 'Ġa', '', 'Ã', '<tool_call>', 'Ã©Ġx', '', '', '']);
  });

  it('knows SentencePiece’s vocabularies, and those that are no text', async () => {
    const decoders = [{ type: 'Replace' }, { type: 'ByteFallback' }, { type: 'Fuse' }];
    const model = { type: 'Unigram', vocab: [['<0x0A>', 0] as const, ['▁a', -1] as const] };
    const vocabulary = await load({ model, decoder: { type: 'Sequence', decoders } });
    expect(vocabulary).toMatchObject({ encoding: 'byte_fallback' });
    expect(await load({ model, decoder: { type: 'WordPiece' } })).toBeNull();
  });
});
