// Rows to sample from, and the definition of sampling word for word, with sorts and copies.
import fc from 'fast-check';
import { expect } from 'vitest';
import { reservedScore } from '../../src/policy/reserved-score.ts';
import type { Truncation } from '../../src/policy/sample.ts';
import { uniform } from '../../src/policy/uniform.ts';

const smallestNormal = 2 ** -1022;

export const noTruncation: Truncation = { temperature: 1, topK: 0, topP: 1, minP: 0 };

export function highestOf(scores: Float32Array): number {
  return scores.reduce((most, score) => Math.max(most, score));
}

/** What each token weighs after truncation; 0 where it is dropped. */
export function keptWeights(
  scores: Float32Array,
  { temperature, topK, topP, minP }: Truncation,
): number[] {
  const highest = highestOf(scores);
  const weights = Array.from(scores, (score) => {
    const weight = Math.exp((score - highest) / temperature);
    return score === reservedScore || weight < smallestNormal ? 0 : weight;
  });
  const scoreOf = (id: number): number => scores[id] ?? 0;
  const massOf = (ids: readonly number[]): number =>
    ids.reduce((mass, id) => mass + (weights[id] ?? 0), 0);
  let kept = [...weights.keys()].sort((a, b) => scoreOf(b) - scoreOf(a) || a - b);
  if (topK > 0) kept = kept.slice(0, topK);
  if (topP < 1) {
    const enough = topP * massOf(kept);
    const masses = cumulativeSums(kept.map((id) => weights[id] ?? 0));
    kept = kept.slice(0, masses.findIndex((mass) => mass >= enough) + 1);
  }
  const isKept = new Set(kept);
  return weights.map((weight, id) => (isKept.has(id) && weight >= minP ? weight : 0));
}

function cumulativeSums(values: readonly number[]): number[] {
  let sum = 0;
  return values.map((value) => {
    sum += value;
    return sum;
  });
}

export function sampleNaively(scores: Float32Array, truncation: Truncation, draw: number): number {
  const weights = keptWeights(scores, truncation);
  const masses = cumulativeSums(weights);
  const chosen = masses.findIndex((mass) => mass > draw * (masses.at(-1) ?? 0));
  return chosen >= 0 ? chosen : weights.findLastIndex((weight) => weight > 0);
}

/** The statistic, relative to what 1 of 10,000 exact samples exceeds. */
export function chiSquared(
  weights: readonly number[],
  counts: ReadonlyMap<number, number>,
): number {
  const draws = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const mass = weights.reduce((sum, weight) => sum + weight, 0);
  let statistic = 0;
  let freedom = -1;
  let rare = 0;
  let rareCount = 0;
  for (const [token, weight] of weights.entries()) {
    const count = counts.get(token) ?? 0;
    if (weight === 0) expect(count, `token ${token}, which is not kept`).toBe(0);
    const expected = (draws * weight) / mass;
    if (expected < 5) {
      rare += expected;
      rareCount += count;
      continue;
    }
    statistic += (count - expected) ** 2 / expected;
    freedom += 1;
  }
  if (rare >= 5) {
    statistic += (rareCount - rare) ** 2 / rare;
    freedom += 1;
  }
  expect(freedom, 'tokens that are not rare').toBeGreaterThan(3);
  // Wilson and Hilferty's normal form of χ².
  const spread = 2 / (9 * freedom);
  return statistic / (freedom * (1 - spread + 3.72 * Math.sqrt(spread)) ** 3);
}

/** A row of this size, of normal scores with deviation 2. */
export function normalScores(size: number): Float32Array {
  return Float32Array.from({ length: size }, (_, id) => {
    const radius = Math.sqrt(-2 * Math.log(1 - uniform([5, 0], 0, id)));
    return 2 * radius * Math.cos(2 * Math.PI * uniform([5, 0], 1, id));
  });
}

/** Rows of several runs; eighths make ties common, and some tokens are reserved. */
export const anyScores: fc.Arbitrary<Float32Array> = fc
  .tuple(
    fc.array(
      fc.oneof(
        { weight: 9, arbitrary: fc.integer({ min: -240, max: 80 }).map((eighths) => eighths / 8) },
        { weight: 1, arbitrary: fc.constant(reservedScore) },
      ),
      { minLength: 1, maxLength: 300 },
    ),
    fc.nat(),
    fc.integer({ min: -2000, max: 2000 }),
  )
  .map(([scores, place, shift]) => {
    const row = Float32Array.from(scores, (score) =>
      score === reservedScore ? score : score + shift,
    );
    // One token at least may be drawn.
    row[place % row.length] = shift;
    return row;
  });

export const anyTruncation: fc.Arbitrary<Truncation> = fc.record({
  // The lowest makes most weights 0.
  temperature: fc.constantFrom(1e-300, 0.01, 0.25, 1, 1.7),
  topK: fc.constantFrom(0, 1, 2, 5, 40, 250, 1000),
  topP: fc.constantFrom(Number.MIN_VALUE, 0.1, 0.5, 0.9, 0.999, 1),
  minP: fc.constantFrom(0, 1e-9, 0.05, 0.5, 1),
});

export const anyDraw: fc.Arbitrary<number> = fc.oneof(
  fc.constantFrom(0, 1 - 2 ** -53),
  fc.maxSafeNat().map((bits) => bits / 2 ** 53),
);
