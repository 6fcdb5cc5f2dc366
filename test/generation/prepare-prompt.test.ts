import { describe, expect, it } from 'vitest';
import { preparePrompt } from '../../src/generation/prepare-prompt.ts';
import { scriptedEngine } from '../http/scripted-engine.ts';
import { generationRequest } from './requests.ts';
import { wordTokenizer } from './tokenizers.ts';

const tokenizer = wordTokenizer();
const { engine } = scriptedEngine(tokenizer, []);

function promptWith(template: string | null, suffix: string, prompt: string | number[] = 'a b c ') {
  const manifest = { ...engine.manifest, fill_in_the_middle: template };
  const { ids } = preparePrompt(
    prompt,
    generationRequest({ suffix }),
    { ...engine, manifest },
    tokenizer,
  );
  return tokenizer.decode(ids);
}

describe('a prompt with a gap', () => {
  it('is written as the manifest has it', () => {
    expect(promptWith('s {suffix}i {prefix}e\n', 'y z ')).toBe('s y z i a b c e\n');
  });

  it('is not filled a second time by what stands in it', () => {
    expect(() => promptWith('{prefix}{suffix}', '{prefix}')).toThrow('no token for: "{prefix}"');
  });

  it('is refused without a template, and as token ids', () => {
    expect(() => promptWith(null, 'y ')).toThrow('suffix is not supported');
    expect(() => promptWith('{prefix}{suffix}', 'y ', [5])).toThrow('of text, not of token ids');
  });
});
