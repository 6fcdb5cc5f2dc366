// How much one run of the model may hold, by the size of the cache.
import type { StepCapacity } from '../policy/step-inputs.ts';
import type { CacheSize } from './cache-size.ts';

/** Positions of a prompt scored in one run: bounds the rows of vocabulary size that a run writes. */
const promptScoringChunk = 64;

export function stepCapacity({ sequences, blocks }: CacheSize, prefillChunk: number): StepCapacity {
  return {
    sequences,
    // A run over slots is a decode or a prefill, one over blocks may be both.
    tokens: blocks === null ? Math.max(sequences, prefillChunk) : sequences + prefillChunk,
    scored: Math.max(sequences, Math.min(prefillChunk, promptScoringChunk)),
  };
}
