import { describe, expect, it } from 'vitest';
import { randomSeedWords, seedWords } from '../../src/generation/seed.ts';

describe('seedWords', () => {
  it.each([
    [0, [0, 0]],
    [1, [1, 0]],
    [2 ** 32, [0, 1]],
    [-1, [0xffffffff, 0xffffffff]],
    [-(2 ** 32), [0, 0xffffffff]],
    [Number.MAX_SAFE_INTEGER, [0xffffffff, 0x1fffff]],
    [Number.MIN_SAFE_INTEGER, [1, 0xffe00000]],
  ])('writes %d as the 64 bits of its two’s complement', (seed, words) => {
    expect(seedWords(seed)).toEqual(words);
    const bits = BigInt.asUintN(64, BigInt(seed));
    expect(words).toEqual([Number(bits & 0xffffffffn), Number(bits >> 32n)]);
  });

  it('draws a new seed each time', () => {
    expect(randomSeedWords()).not.toEqual(randomSeedWords());
  });
});
