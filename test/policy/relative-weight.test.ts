import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stepsPerScore, weightAt } from '../../src/policy/relative-weight.ts';

function weightOf(distance: number, temperature = 1): number {
  return weightAt(distance * stepsPerScore(temperature));
}

describe('weightAt', () => {
  it('is exp, as far as the distance itself is known', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 700, noNaN: true }),
        fc.double({ min: 0.01, max: 100, noNaN: true }),
        (ratio, temperature) => {
          const exact = Math.exp((-ratio * temperature) / temperature);
          const error = Math.abs(weightOf(ratio * temperature, temperature) / exact - 1);
          // Two roundings of the distance, and the last bits of the exp and its tables.
          expect(error).toBeLessThan((4 * ratio + 8) * 2 ** -53);
        },
      ),
      { numRuns: 20_000, seed: 1 },
    );
  });

  it('is exactly 1 at no distance, at any temperature', () => {
    for (const temperature of [Number.MIN_VALUE, 1e-300, 1, 1e38, Number.MAX_VALUE]) {
      expect(weightOf(0, temperature)).toBe(1);
    }
  });

  it('is 0 where float64 has no normal number left', () => {
    expect(weightOf(708)).toBeGreaterThan(0);
    for (const distance of [709, 1e4, 1e308, Number.POSITIVE_INFINITY]) {
      expect(weightOf(distance)).toBe(0);
    }
    expect(weightOf(1e-30, 1e-300)).toBe(0);
  });
});
