import { afterAll, describe, expect, it } from 'vitest';
import { stepWeights } from '../../src/policy/parameters.ts';
import type { PolicyRow } from '../../src/policy/policy-row.ts';
import { parity } from './parity.ts';
import {
  largestDifference,
  loadTinyPolicy,
  policyRow,
  ratingsAt,
  scoresAfter,
  scoresAt,
  waysToRead,
} from './tiny-policy.ts';

const tolerance = 1e-5;
const prompt = [4, 10, 11, 12, 13, 44];

describe.each(waysToRead)('a step of the policy, its scores read %s', (_, way) => {
  const policy = loadTinyPolicy(way);
  afterAll(() => policy.release());

  it('gives the distributions of the Python reference', () => {
    for (const { prompt_ids, policies, behavior_logprobs, value_probs } of parity.distributions) {
      for (const expected of policies) {
        // As for a request of β 0 that asks what the value model says.
        const row = { ...policyRow(prompt_ids, 0, stepWeights(expected, 0, 1)), needsValue: true };
        const width = prompt_ids.length;
        const batch = { firstSlot: 1, rows: [row], width, scoring: 'last' } as const;
        const { scores, tokens } = policy.step(batch);
        // β multiplies the rounding of p_θ, in which PyTorch and ONNX Runtime differ.
        const rounding = 5e-5 + 1e-6 * expected.beta;
        const logNormalizer = scores.logNormalizer(0);
        expect(Math.abs(scores.kl(0) - expected.kl)).toBeLessThan(rounding);
        expect(tokens[0]).toBe(expected.argmax);
        expect(Math.abs(logNormalizer - expected.log_normalizer)).toBeLessThan(rounding);
        const behavior = ratingsAt(scores, 0, 'behaviorLogprob');
        expect(scores.movesArgmax(0)).toBe(
          behavior[expected.argmax] !== behavior.reduce((a, b) => Math.max(a, b)),
        );
        const logprobs = scoresAt(scores, 0).map((score) => score - logNormalizer);
        expectCloseWhereKnown(logprobs, expected.logprobs, rounding);
        expectCloseWhereKnown(behavior, behavior_logprobs);
        expectCloseWhereKnown(ratingsAt(scores, 0, 'valueProb'), value_probs);
        expect(ratingsAt(scores, 0, 'score')).toEqual(scoresAt(scores, 0));
      }
    }
  });

  it('prefills in chunks as in one run', () => {
    const whole = scoresAfter(policy, prompt);
    policy.step({ firstSlot: 2, rows: [policyRow(prompt)], width: 2, scoring: 'last' });
    policy.step({ firstSlot: 2, rows: [policyRow(prompt, 2)], width: 3, scoring: 'last' });
    const { scores } = policy.step({
      firstSlot: 2,
      rows: [policyRow(prompt, 5)],
      width: 1,
      scoring: 'last',
    });
    expect(largestDifference(scoresAt(scores, 0), whole)).toBeLessThan(tolerance);
  });

  it('decodes sequences of different lengths in one batch, after a padded prefill', () => {
    const sequences = [prompt, [4, 20], [4, 31, 8, 9]];
    const prompts = sequences.map((tokens) => policyRow(tokens.slice(0, -1)));
    policy.step({ firstSlot: 0, rows: prompts, width: prompt.length - 1, scoring: 'last' });
    const rows = sequences.map((tokens) => policyRow(tokens, tokens.length - 1));
    const { scores } = policy.step({ firstSlot: 0, rows, width: 1, scoring: 'last' });
    const batched = sequences.map((_, index) => scoresAt(scores, index));
    for (const [index, tokens] of sequences.entries()) {
      const alone = scoresAfter(policy, tokens, 3);
      expect(largestDifference(batched[index] ?? alone, alone)).toBeLessThan(tolerance);
    }
  });

  it('goes on in another slot after a move', () => {
    const whole = scoresAfter(policy, prompt);
    scoresAfter(policy, prompt.slice(0, 4), 3);
    policy.cache.copy(3, 0, 4);
    const { scores } = policy.step({
      firstSlot: 0,
      rows: [policyRow(prompt, 4)],
      width: 2,
      scoring: 'last',
    });
    expect(largestDifference(scoresAt(scores, 0), whole)).toBeLessThan(tolerance);
  });

  it('goes on in two slots that have changed places', () => {
    const other = [4, 31, 8, 9];
    const expected = [scoresAfter(policy, other), scoresAfter(policy, prompt)];
    scoresAfter(policy, prompt.slice(0, -1), 1);
    scoresAfter(policy, other.slice(0, -1), 2);
    policy.cache.swap(1, 2, prompt.length - 1);
    const rows = [other, prompt].map((tokens) => policyRow(tokens, tokens.length - 1));
    const { scores } = policy.step({ firstSlot: 1, rows, width: 1, scoring: 'last' });
    for (const [index, scored] of expected.entries()) {
      expect(largestDifference(scoresAt(scores, index), scored)).toBeLessThan(tolerance);
    }
  });

  it('scores every position of a prompt as its prefixes score their last', () => {
    const { scores } = policy.step({
      firstSlot: 0,
      rows: [policyRow(prompt)],
      width: prompt.length,
      scoring: 'every',
    });
    const every = prompt.map((_, index) => scoresAt(scores, index));
    for (const [index, row] of every.entries()) {
      const prefix = scoresAfter(policy, prompt.slice(0, index + 1), 1);
      expect(largestDifference(row, prefix)).toBeLessThan(tolerance);
    }
  });

  it('keeps working after more slot ranges than it keeps bindings for', () => {
    const whole = scoresAfter(policy, prompt);
    for (let round = 0; round < 3; round++) {
      for (let slot = 0; slot < 4; slot++) {
        for (let count = 1; slot + count <= 4; count++) {
          const rows = Array.from({ length: count }, () => policyRow(prompt));
          const batch = { firstSlot: slot, rows, width: prompt.length, scoring: 'last' } as const;
          const { scores } = policy.step(batch);
          const last = scoresAt(scores, count - 1);
          expect(largestDifference(last, whole)).toBeLessThan(tolerance);
        }
      }
    }
  });

  it('gives a row of β 0 the same bits with the value model and without', () => {
    const weights = stepWeights({ extraction: 'kl', beta: 0, q: 'ratio' }, 0, 1);
    const idle = policyRow(prompt, 0, weights);
    const run = (row: PolicyRow) => {
      const batch = { firstSlot: 0, rows: [row], width: prompt.length, scoring: 'last' } as const;
      const { scores } = policy.step(batch);
      return {
        scores: scoresAt(scores, 0),
        behavior: ratingsAt(scores, 0, 'behaviorLogprob'),
        logNormalizer: scores.logNormalizer(0),
        valueMass: ratingsAt(scores, 0, 'valueProb').reduce((sum, value) => sum + value, 0),
      };
    };
    const { valueMass: mass, ...expected } = run({ ...idle, needsValue: true });
    const { valueMass: noMass, ...skipped } = run(idle);
    expect(skipped).toEqual(expected);
    expect(mass).toBeGreaterThan(0.5);
    expect(noMass).toBe(0);
  });

  it('leaves the value cache alone when no row needs it', () => {
    const whole = scoresAfter(policy, prompt, 2);
    const idle = stepWeights({ extraction: 'behavior', beta: 0, q: 'probability' }, 0, 1);
    // The same tokens again, but for the last: had the value model run this, it would show below.
    const changed = [...prompt.slice(0, -2), 50];
    const rows = [policyRow(changed, 0, idle)];
    policy.step({ firstSlot: 2, rows, width: changed.length, scoring: 'last' });
    policy.step({ firstSlot: 2, rows: [policyRow(prompt, 4, idle)], width: 1, scoring: 'last' });
    const last = { firstSlot: 2, rows: [policyRow(prompt, 5)], width: 1, scoring: 'last' } as const;
    expect(largestDifference(scoresAt(policy.step(last).scores, 0), whole)).toBeLessThan(tolerance);
  });

  it('draws no token for a row that has more prompt to run', () => {
    const rows = [policyRow(prompt)];
    const partial = policy.step({ firstSlot: 0, rows, width: 4, scoring: 'last' });
    expect(partial.tokens[0]).toBe(-1);
  });

  it('names what ONNX Runtime refused', () => {
    const rows = [policyRow([4, 1000])];
    expect(() => policy.step({ firstSlot: 0, rows, width: 2, scoring: 'last' })).toThrow(
      /^ONNX Runtime: .*1000/s,
    );
  });
});

function expectCloseWhereKnown(
  actual: Float32Array,
  expected: readonly (number | null)[],
  rounding = 5e-5,
): void {
  expect(actual.length).toBe(expected.length);
  for (const [id, value] of expected.entries()) {
    if (value === null) continue;
    expect(Math.abs((actual[id] ?? NaN) - value)).toBeLessThan(rounding);
  }
}
