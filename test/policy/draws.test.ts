// From two models to drawn tokens with everything a request may set at once: by a chi-squared test, the distribution that
// the definitions give for the graph's own scores.
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import {
  type ScoreEditParameters,
  type StepWeights,
  stepWeights,
} from '../../src/policy/parameters.ts';
import { reservedScore } from '../../src/policy/reserved-score.ts';
import type { Truncation } from '../../src/policy/sample.ts';
import { ScoreEdits } from '../../src/policy/score-edits.ts';
import { chiSquared, keptWeights } from './sampling-cases.ts';
import { loadTinyPolicy, policyRow, scoresAt, waysToRead } from './tiny-policy.ts';

const promptIds = [4, 10, 11, 12, 10];
const answerIds = [20, 11, 20];
const tokens = [...promptIds, ...answerIds];
const endingIds = new Set([2]);
const rowsAtOnce = 64;
const runs = 100;

interface Settings {
  readonly weights: StepWeights;
  readonly truncation: Truncation;
  readonly edits: ScoreEditParameters;
}

const id = fc.integer({ min: 3, max: 57 });

const settings: fc.Arbitrary<Settings> = fc.record({
  weights: fc
    .record({
      extraction: fc.constantFrom('kl' as const, 'entropy' as const),
      beta: fc.double({ min: 0.5, max: 4, noNaN: true }),
      q: fc.constantFrom('probability' as const, 'ratio' as const),
    })
    .map((policy) => stepWeights(policy, 0, 1)),
  truncation: fc.record({
    temperature: fc.double({ min: 1.2, max: 3, noNaN: true }),
    topK: fc.integer({ min: 25, max: 50 }),
    topP: fc.double({ min: 0.8, max: 1, noNaN: true }),
    minP: fc.double({ min: 0, max: 0.05, noNaN: true }),
  }),
  edits: fc.record({
    presencePenalty: fc.double({ min: -1, max: 1, noNaN: true }),
    frequencyPenalty: fc.double({ min: -1, max: 1, noNaN: true }),
    repetitionPenalty: fc.double({ min: 0.8, max: 1.3, noNaN: true }),
    logitBias: fc.array(fc.tuple(id, fc.double({ min: -2, max: 2, noNaN: true })), {
      maxLength: 5,
    }),
    minTokens: fc.nat(6),
    allowedTokenIds: fc.option(
      fc.uniqueArray(id, { minLength: 20, maxLength: 40 }).map((ids) => [2, ...ids]),
    ),
    bannedSequences: fc.array(
      fc.tuple(fc.boolean(), id).map(([goesOn, last]) => (goesOn ? [11, 20, last] : [30, last])),
      { maxLength: 4 },
    ),
  }),
});

/** The documented steps 2 to 4, token by token. */
function editNaively(scores: Float32Array, { edits }: Settings): Float32Array {
  const mass = scores.reduce((sum, score) => sum + Math.exp(score), 0);
  const bias = new Map<number, number>();
  for (const [token, added] of edits.logitBias) bias.set(token, (bias.get(token) ?? 0) + added);
  const completed = edits.bannedSequences
    .filter(
      (sequence) => sequence.slice(0, -1).join() === answerIds.slice(1 - sequence.length).join(),
    )
    .map((sequence) => sequence.at(-1));
  return scores.map((score, token) => {
    const count = answerIds.filter((other) => other === token).length;
    const repetition = tokens.includes(token) ? edits.repetitionPenalty : 1;
    const isMasked =
      score === reservedScore ||
      (endingIds.has(token) && answerIds.length < edits.minTokens) ||
      edits.allowedTokenIds?.includes(token) === false ||
      completed.includes(token);
    if (isMasked) return reservedScore;
    const penalized =
      repetition * (score - Math.log(mass)) -
      edits.frequencyPenalty * count -
      (count > 0 ? edits.presencePenalty : 0);
    return penalized + (bias.get(token) ?? 0);
  });
}

describe.each(waysToRead)('tokens drawn from the tiny policy, scores read %s', (_, way) => {
  const policy = loadTinyPolicy({
    ...way,
    capacity: { sequences: rowsAtOnce, tokens: rowsAtOnce * tokens.length, scored: rowsAtOnce },
  });
  afterAll(() => policy.release());

  it.each(fc.sample(settings, { numRuns: 6, seed: 4 }))(
    'have the exact distribution, by a chi-squared test: mixture %#',
    (mixture) => {
      const { weights, truncation } = mixture;
      const edits = new ScoreEdits(mixture.edits, {
        ...{ promptIds, maxTokens: 20, vocabularySize: policy.manifest.vocab_size, endingIds },
      });
      for (const token of answerIds) edits.record(token);
      const plain = { ...policyRow(tokens, 0, weights), needsValue: true };
      const counts = new Map<number, number>();
      let scores: Float32Array = new Float32Array();
      for (let run = 0; run < runs; run++) {
        const rows = Array.from({ length: rowsAtOnce }, (_, choice) => ({
          ...plain,
          ...{ edits, drawn: answerIds.length },
          sampling: { ...truncation, seed: [run, 9] as const, choice },
        }));
        const step = policy.step({ firstSlot: 0, rows, width: tokens.length, scoring: 'last' });
        for (const token of step.tokens.subarray(0, rowsAtOnce)) {
          counts.set(token, (counts.get(token) ?? 0) + 1);
        }
        scores = scoresAt(step.scores, 0);
      }
      const kept = keptWeights(editNaively(scores, mixture), truncation);
      expect(chiSquared(kept, counts)).toBeLessThan(1);
    },
  );
});
