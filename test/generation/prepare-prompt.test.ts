import { describe, expect, it } from 'vitest';
import { preparePrompt } from '../../src/generation/prepare-prompt.ts';
import { scriptedEngine } from '../http/scripted-engine.ts';
import { generationRequest } from './requests.ts';
import { wordTokenizer } from './tokenizers.ts';

const tokenizer = wordTokenizer();
const { engine } = scriptedEngine(tokenizer, []);

async function promptWith(
  template: string | null,
  suffix: string,
  prompt: string | number[] = 'a b c ',
): Promise<string> {
  const manifest = { ...engine.manifest, fill_in_the_middle: template };
  const { ids } = await preparePrompt(
    prompt,
    generationRequest({ suffix }),
    { ...engine, manifest },
    tokenizer,
  );
  return tokenizer.decode(ids);
}

describe('a prompt with a gap', () => {
  it('is written as the manifest has it', async () => {
    expect(await promptWith('s {suffix}i {prefix}e\n', 'y z ')).toBe('s y z i a b c e\n');
  });

  it('is not filled a second time by what stands in it', async () => {
    await expect(promptWith('{prefix}{suffix}', '{prefix}')).rejects.toThrow(
      'no token for: "{prefix}"',
    );
  });

  it('is refused without a template, and as token ids', async () => {
    await expect(promptWith(null, 'y ')).rejects.toThrow('suffix is not supported');
    const asIds = promptWith('{prefix}{suffix}', 'y ', [5]);
    await expect(asIds).rejects.toThrow('of text, not of token ids');
  });
});
