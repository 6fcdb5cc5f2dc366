import { describe, expect, it } from 'vitest';
import { uniform } from '../../src/policy/uniform.ts';
import { parity, seedWords } from './parity.ts';

describe('uniform', () => {
  it('draws the same bits as the Python reference', () => {
    for (const { seed, choice, step, uniform: expected } of parity.uniforms) {
      expect(uniform(seedWords(seed), choice, step), `seed ${seed}`).toBe(expected);
    }
  });

  it('spreads evenly over [0, 1)', () => {
    const counts = new Array<number>(10).fill(0);
    for (let step = 0; step < 10_000; step++) {
      const draw = uniform([7, 0], 0, step);
      expect(draw).toBeGreaterThanOrEqual(0);
      expect(draw).toBeLessThan(1);
      const bin = Math.floor(draw * 10);
      counts[bin] = (counts[bin] ?? 0) + 1;
    }
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(150);
  });
});
