import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { reservedScore } from '../../src/policy/reserved-score.ts';
import { bestToken, Sampler, type Truncation } from '../../src/policy/sample.ts';
import { uniform } from '../../src/policy/uniform.ts';
import { parity } from './parity.ts';
import {
  anyDraw,
  anyScores,
  anyTruncation,
  chiSquared,
  highestOf,
  keptWeights,
  normalScores,
  noTruncation,
  sampleNaively,
} from './sampling-cases.ts';

function sample(
  scores: Float32Array,
  truncation: Truncation,
  draw: number,
  sampler = new Sampler(scores.length),
): number {
  return sampler.sample(scores, highestOf(scores), truncation, draw);
}

describe('Sampler', () => {
  it('takes the tokens the Python reference takes', () => {
    for (const { scores, temperature, top_k, top_p, min_p, uniform: draw, token } of parity.draws) {
      // Temperature 0 is the graph's argmax and never comes here.
      if (temperature === 0) continue;
      const truncation = { temperature, topK: top_k, topP: top_p, minP: min_p };
      expect(sample(Float32Array.from(scores), truncation, draw)).toBe(token);
    }
  });

  it('agrees with the naive version on any row, truncation and draw', () => {
    fc.assert(
      fc.property(anyScores, anyTruncation, anyDraw, (scores, truncation, draw) => {
        expect(sample(scores, truncation, draw)).toBe(sampleNaively(scores, truncation, draw));
      }),
      { numRuns: 1500, seed: 1 },
    );
  });

  it('only draws tokens that truncation keeps, and each of them', () => {
    fc.assert(
      fc.property(anyScores, anyTruncation, (scores, truncation) => {
        const weights = keptWeights(scores, truncation);
        const mass = weights.reduce((sum, weight) => sum + weight, 0);
        const sampler = new Sampler(scores.length);
        let before = 0;
        for (const [id, weight] of weights.entries()) {
          const middle = (before + weight / 2) / mass;
          before += weight;
          // Lighter ones lie within rounding of their neighbours.
          if (weight < 1e-9 * mass) continue;
          expect(sample(scores, truncation, middle, sampler)).toBe(id);
        }
      }),
      { numRuns: 100, seed: 2 },
    );
  });

  it('loses nothing to rounding where top_p is all but 1', () => {
    fc.assert(
      fc.property(anyScores, fc.constantFrom(0, 2, 40), (scores, topK) => {
        const truncation = { ...noTruncation, topK, topP: 1 - 2 ** -53 };
        expect(sample(scores, truncation, 0.3)).toBe(sampleNaively(scores, truncation, 0.3));
      }),
      { numRuns: 1000, seed: 3 },
    );
  });

  it.each<[string, Truncation]>([
    ['the whole row', noTruncation],
    ['temperature 0.7', { ...noTruncation, temperature: 0.7 }],
    ['top_k 1000', { ...noTruncation, topK: 1000 }],
    ['top_p 0.9', { ...noTruncation, topP: 0.9 }],
    ['min_p 0.01', { ...noTruncation, minP: 0.01 }],
    ['all of them', { temperature: 1.3, topK: 500, topP: 0.95, minP: 0.02 }],
  ])('agrees with the naive version on a large vocabulary: %s', (_, truncation) => {
    const scores = normalScores(5000);
    const sampler = new Sampler(scores.length);
    for (let step = 0; step < 20; step++) {
      const draw = uniform([3, 0], 0, step);
      const drawn = sample(scores, truncation, draw, sampler);
      expect(drawn).toBe(sampleNaively(scores, truncation, draw));
    }
  });

  it.each<[string, Truncation]>([
    ['the whole row', noTruncation],
    ['top_p 0.8', { ...noTruncation, topP: 0.8 }],
    ['everything at once', { temperature: 1.5, topK: 60, topP: 0.9, minP: 0.05 }],
  ])('draws from the exact distribution, by a chi-squared test: %s', (_, truncation) => {
    const scores = normalScores(100);
    const sampler = new Sampler(scores.length);
    const draws = 50_000;
    const counts = new Map<number, number>();
    for (let step = 0; step < draws; step++) {
      const token = sample(scores, truncation, uniform([11, 0], 0, step), sampler);
      counts.set(token, (counts.get(token) ?? 0) + 1);
    }
    expect(chiSquared(keptWeights(scores, truncation), counts)).toBeLessThan(1);
  });

  it('never takes a reserved token, however flat the temperature', () => {
    const scores = Float32Array.of(reservedScore, 1, reservedScore);
    for (const draw of [0, 0.5, 1 - 2 ** -53]) {
      const flat = { ...noTruncation, temperature: 1e38 };
      expect(sample(scores, flat, draw)).toBe(1);
      expect(sample(scores, { ...flat, topK: 3, topP: 0.9 }, draw)).toBe(1);
      expect(sample(scores, { ...flat, topP: 0.9 }, draw)).toBe(1);
    }
  });

  it('forgets the row before', () => {
    const sampler = new Sampler(3);
    const truncation = { ...noTruncation, topP: 0.5 };
    expect(sample(Float32Array.of(9, 0, 0), truncation, 0.5, sampler)).toBe(0);
    expect(sample(Float32Array.of(0, 0, 9), truncation, 0.5, sampler)).toBe(2);
  });
});

describe('bestToken', () => {
  it('takes the lowest id of the highest score', () => {
    expect(bestToken(Float32Array.of(-3, 2, 5, 5, -1))).toBe(2);
    expect(bestToken(Float32Array.of(reservedScore, reservedScore))).toBe(0);
  });
});
