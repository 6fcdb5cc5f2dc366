import { describe, expect, it } from 'vitest';
import { reservedScore, Sampler, type Truncation } from '../../src/policy/sample.ts';
import { seededRandom } from '../random.ts';
import { parity } from './parity.ts';

/** The contract's steps, word for word, with sorts and copies. */
function sampleNaively(
  scores: Float32Array,
  { temperature, topK, topP }: Truncation,
  draw: number,
): number {
  const highest = Math.max(...scores);
  const probabilities = Array.from(scores, (score) =>
    score === reservedScore ? 0 : Math.exp((score - highest) / temperature),
  );
  const of = (id: number): number => probabilities[id] ?? 0;
  const massOf = (ids: readonly number[]): number => ids.reduce((sum, id) => sum + of(id), 0);
  let kept = [...probabilities.keys()].sort((a, b) => of(b) - of(a) || a - b);
  if (topK > 0) kept = kept.slice(0, topK);
  if (topP < 1) {
    const enough = topP * massOf(kept);
    const count = kept.findIndex((_, index) => massOf(kept.slice(0, index + 1)) >= enough) + 1;
    kept = kept.slice(0, count);
  }
  kept.sort((a, b) => a - b);
  const target = draw * massOf(kept);
  const chosen = kept.find((_, index) => massOf(kept.slice(0, index + 1)) > target);
  return chosen ?? kept.findLast((id) => of(id) > 0) ?? -1;
}

describe('Sampler', () => {
  it('takes the tokens the Python reference takes', () => {
    for (const { scores, temperature, top_k, top_p, uniform, token } of parity.draws) {
      // Temperature 0 is the graph's argmax and never comes here.
      if (temperature === 0) continue;
      const truncation = { temperature, topK: top_k, topP: top_p };
      const sampler = new Sampler(scores.length);
      expect(sampler.sample(Float32Array.from(scores), truncation, uniform)).toBe(token);
    }
  });

  it('agrees with the naive version on random rows', () => {
    const random = seededRandom(1);
    const sampler = new Sampler(40);
    const scores = new Float32Array(40);
    for (let round = 0; round < 5000; round++) {
      // Eighths make ties common.
      for (let id = 0; id < scores.length; id++) {
        scores[id] = random.below(10) === 0 ? reservedScore : random.below(64) / 8;
      }
      scores[random.below(40)] = 1;
      const truncation = {
        // The lowest makes most probabilities subnormal or 0.
        temperature: random.pick([0.01, 0.25, 1, 1.7]),
        topK: random.pick([0, 1, 5, 39, 40, 100]),
        topP: random.pick([0.1, 0.5, 0.95, 1]),
      };
      const draw = random.below(2 ** 30) / 2 ** 30;
      expect(sampler.sample(scores, truncation, draw), JSON.stringify({ round, truncation })).toBe(
        sampleNaively(scores, truncation, draw),
      );
    }
  });

  it('draws tokens as often as their probabilities say', () => {
    const probabilities = [0.5, 0.25, 0.125, 0.125];
    const sampler = new Sampler(4);
    const scores = Float32Array.from(probabilities, Math.log);
    const counts = [0, 0, 0, 0];
    for (let step = 0; step < 8000; step++) {
      const token = sampler.sample(scores, { temperature: 1, topK: 0, topP: 1 }, step / 8000);
      counts[token] = (counts[token] ?? 0) + 1;
    }
    for (const [id, probability] of probabilities.entries()) {
      expect(Math.abs((counts[id] ?? 0) - 8000 * probability)).toBeLessThanOrEqual(1);
    }
  });

  it('never takes a reserved token, however flat the temperature', () => {
    const sampler = new Sampler(3);
    const scores = Float32Array.of(reservedScore, 1, reservedScore);
    for (const draw of [0, 0.5, 1 - 2 ** -53]) {
      expect(sampler.sample(scores, { temperature: 1e38, topK: 0, topP: 1 }, draw)).toBe(1);
      expect(sampler.sample(scores, { temperature: 1e38, topK: 3, topP: 0.9 }, draw)).toBe(1);
    }
  });
});
