// A cache in 8 bits: near the Python reference, a quarter of the memory, and moved from slot to slot to the bit.
import { afterAll, describe, expect, it } from 'vitest';
import { stepWeights } from '../../src/policy/parameters.ts';
import { parity } from './parity.ts';
import {
  int8CacheFolder,
  loadTinyPolicy,
  policyRow,
  ratingsAt,
  scoresAfter,
  scoresAt,
} from './tiny-policy.ts';

const prompt = [4, 10, 11, 12, 13, 44];

describe('an int8 cache', () => {
  const policy = loadTinyPolicy({ modelFolder: int8CacheFolder });
  afterAll(() => policy.release());

  /** The scores after a prompt whose first tokens are in the slot already. */
  function scoresFrom(slot: number, past: number): Float32Array {
    const rows = [policyRow(prompt, past)];
    const width = prompt.length - past;
    return scoresAt(policy.step({ firstSlot: slot, rows, width, scoring: 'last' }).scores, 0);
  }

  it('leaves π_φ near what the Python reference says', () => {
    const divergences = parity.distributions.map(({ prompt_ids, behavior_logprobs }) => {
      const weights = stepWeights({ extraction: 'kl', beta: 4, q: 'probability' }, 0, 1);
      const rows = [policyRow(prompt_ids, 0, weights)];
      const width = prompt_ids.length;
      const { scores } = policy.step({ firstSlot: 0, rows, width, scoring: 'last' });
      const actual = ratingsAt(scores, 0, 'behaviorLogprob');
      return behavior_logprobs.reduce<number>((kl, expected, id) => {
        if (expected === null) return kl;
        return kl + Math.exp(expected) * (expected - (actual[id] ?? Number.NaN));
      }, 0);
    });
    // Its weights are far larger than a trained model's, and so is what rounding does.
    expect(Math.max(...divergences)).toBeLessThan(0.05);
    expect(Math.max(...divergences)).toBeGreaterThan(1e-6);
  });

  it('takes a quarter of the memory of a float32 one', () => {
    const float32 = loadTinyPolicy();
    expect(4 * policy.cache.byteLength).toBe(float32.cache.byteLength);
    float32.release();
  });

  it('goes on to the bit in another slot after a copy', () => {
    const whole = scoresAfter(policy, prompt);
    scoresAfter(policy, prompt.slice(0, 4), 3);
    policy.cache.copy(3, 1, 4);
    expect(scoresFrom(1, 4)).toEqual(whole);
  });

  it('goes on to the bit after slots have changed places', () => {
    const whole = scoresAfter(policy, prompt);
    scoresAfter(policy, prompt.slice(0, 4), 1);
    scoresAfter(policy, [4, 31, 8, 9], 2);
    policy.cache.swap(1, 2, 4);
    expect(scoresFrom(2, 4)).toEqual(whole);
  });

  it('is refused on CUDA, whose attention here takes 16 bits', () => {
    expect(() => loadTinyPolicy({ modelFolder: int8CacheFolder, device: 'cuda' })).toThrow(
      'device is "cuda:0", and the KV cache of tiny is int8',
    );
  });
});
