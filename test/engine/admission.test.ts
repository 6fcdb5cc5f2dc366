import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkInput } from '../../src/engine/admission.ts';
import { ServerError } from '../../src/errors.ts';
import { readManifest } from '../../src/policy/policy-files.ts';
import { tinyPolicyFolder } from '../policy/tiny-policy.ts';

const model = { device: 'cpu', maxSequences: 2, maxLength: 12, kvCacheBytes: 0 };
const manifest = readManifest(tinyPolicyFolder);

const everyId = Array.from({ length: manifest.vocab_size }, (_, id) => id);

const input = fc.record({
  promptIds: fc.array(
    fc.oneof(
      { weight: 20, arbitrary: fc.nat(manifest.vocab_size - 1) },
      fc.constantFrom(-1, manifest.vocab_size, 0.5, Number.NaN, 2 ** 40),
    ),
    { maxLength: 14 },
  ),
  maxTokens: fc.nat(13),
});

function refusal(asked: { promptIds: number[]; maxTokens: number }): ServerError | null {
  try {
    checkInput(asked, model, manifest);
    return null;
  } catch (error) {
    if (error instanceof ServerError) return error;
    throw error;
  }
}

describe('checkInput', () => {
  it('lets in what one run after the other can take, and nothing else', () => {
    fc.assert(
      fc.property(input, ({ promptIds, maxTokens }) => {
        const isKnown = (id: number) => everyId.includes(id);
        const fits = promptIds.length > 0 && promptIds.length + maxTokens <= model.maxLength;
        const isWelcome = fits && promptIds.every(isKnown);
        expect(refusal({ promptIds, maxTokens })).toEqual(
          isWelcome ? null : expect.objectContaining({ param: 'prompt' }),
        );
      }),
      { numRuns: 2000 },
    );
  });
});
