import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ScoreEditParameters } from '../../src/policy/parameters.ts';
import { reservedScore } from '../../src/policy/reserved-score.ts';
import { ScoreEdits } from '../../src/policy/score-edits.ts';
import { editParameters, parity } from './parity.ts';

const vocabularySize = 12;

const neutral: ScoreEditParameters = {
  presencePenalty: 0,
  frequencyPenalty: 0,
  repetitionPenalty: 1,
  logitBias: [],
  minTokens: 0,
  allowedTokenIds: null,
  bannedSequences: [],
};

function editsOf(
  parameters: Partial<ScoreEditParameters>,
  promptIds: readonly number[],
  answerIds: readonly number[],
  endingIds: readonly number[] = [],
  size = vocabularySize,
): ScoreEdits {
  const sequence = { promptIds, maxTokens: 20, vocabularySize: size };
  const edits = new ScoreEdits(
    { ...neutral, ...parameters },
    { ...sequence, endingIds: new Set(endingIds) },
  );
  for (const id of answerIds) edits.record(id);
  return edits;
}

/** The definition, token by token, in float64. */
function scoreNaively(
  score: number,
  id: number,
  logNormalizer: number,
  parameters: ScoreEditParameters,
  promptIds: readonly number[],
  answerIds: readonly number[],
): number {
  const { presencePenalty, frequencyPenalty, repetitionPenalty, logitBias } = parameters;
  const count = answerIds.filter((answerId) => answerId === id).length;
  let logprob = score - logNormalizer;
  if (count > 0 || promptIds.includes(id)) logprob *= repetitionPenalty;
  logprob -= frequencyPenalty * count;
  if (count > 0) logprob -= presencePenalty;
  for (const [biasedId, bias] of logitBias) if (biasedId === id) logprob += bias;
  return logprob + logNormalizer;
}

/** No row of banned tokens may be complete, unless every other token is masked. */
function banNaively(
  scores: readonly number[],
  sequences: readonly (readonly number[])[],
  answerIds: readonly number[],
): readonly number[] {
  const banned = scores.map((score, id) => {
    const answer = `,${[...answerIds, id].join()}`;
    return sequences.some((row) => answer.endsWith(`,${row.join()}`)) ? reservedScore : score;
  });
  return banned.some((score) => score !== reservedScore) ? banned : scores;
}

const anyId = fc.integer({ min: 0, max: vocabularySize - 1 });

const anyCase = fc.record({
  parameters: fc.record({
    presencePenalty: fc.constantFrom(0, -2, 0.5, 2),
    frequencyPenalty: fc.constantFrom(0, -0.25, 1, 2),
    repetitionPenalty: fc.constantFrom(1, 0.5, 1.2, 100),
    logitBias: fc.uniqueArray(fc.tuple(anyId, fc.integer({ min: -100, max: 100 })), {
      selector: ([id]) => id,
    }),
    minTokens: fc.integer({ min: 0, max: 4 }),
    allowedTokenIds: fc.option(fc.uniqueArray(anyId, { minLength: 1, maxLength: 8 })),
    bannedSequences: fc.array(fc.array(anyId, { minLength: 1, maxLength: 3 }), { maxLength: 4 }),
  }),
  scores: fc.array(fc.integer({ min: -400, max: 400 }), {
    minLength: vocabularySize,
    maxLength: vocabularySize,
  }),
  reserved: anyId,
  promptIds: fc.array(anyId, { maxLength: 10 }),
  answerIds: fc.array(anyId, { maxLength: 10 }),
  endingIds: fc.uniqueArray(anyId, { maxLength: 4 }),
});

describe('ScoreEdits', () => {
  it('gives the scores of the Python reference, to the bit', () => {
    for (const vector of parity.edits) {
      const scores = Float32Array.from(vector.scores);
      const edits = editsOf(
        editParameters(vector),
        vector.prompt_ids,
        vector.answer_ids,
        vector.ending_ids,
        scores.length,
      );
      edits.apply(scores, vector.log_normalizer);
      expect(scores).toEqual(Float32Array.from(vector.edited));
    }
  });

  it('agrees with the naive version on any row and history', () => {
    fc.assert(
      fc.property(anyCase, ({ parameters, reserved, promptIds, answerIds, endingIds, ...rest }) => {
        const scores = Float32Array.from(rest.scores, (score) => score / 8);
        scores[reserved] = reservedScore;
        const logNormalizer = 60;
        const before = [...scores];
        const edits = editsOf(parameters, promptIds, answerIds, endingIds);
        const unbanned = Array.from(scores, (score, id) =>
          id === reserved ||
          (answerIds.length < parameters.minTokens && endingIds.includes(id)) ||
          parameters.allowedTokenIds?.includes(id) === false
            ? reservedScore
            : scoreNaively(score, id, logNormalizer, parameters, promptIds, answerIds),
        );
        const expected = banNaively(unbanned, parameters.bannedSequences, answerIds);
        edits.apply(scores, logNormalizer);
        if (!edits.isActive) expect([...scores]).toEqual(before);
        for (const [id, score] of expected.entries()) {
          expect(Math.abs((scores[id] ?? NaN) / score - 1) < 1e-4 || scores[id] === score).toBe(
            true,
          );
        }
      }),
      { numRuns: 2000, seed: 1 },
    );
  });

  it('is idle while it has nothing to change', () => {
    expect(editsOf({ presencePenalty: 1 }, [3, 4], []).isActive).toBe(false);
    expect(editsOf({ presencePenalty: 1 }, [3, 4], [5]).isActive).toBe(true);
    expect(editsOf({ repetitionPenalty: 2 }, [3, 4], []).isActive).toBe(true);
    expect(editsOf({ minTokens: 2 }, [3], [5], [2]).isActive).toBe(true);
    expect(editsOf({ minTokens: 2 }, [3], [5, 5], [2]).isActive).toBe(false);
    expect(editsOf({ minTokens: 2 }, [3], [], []).isActive).toBe(false);
  });

  it('lets a banned token through where no other is left', () => {
    const edits = editsOf({ allowedTokenIds: [3, 4], bannedSequences: [[3], [5, 4]] }, [], [5]);
    const scores = new Float32Array(vocabularySize).fill(-1);
    edits.apply(scores, 0);
    expect([scores[3], scores[4], scores[5]]).toEqual([-1, -1, reservedScore]);
  });

  it('has room for as many different tokens as there are', () => {
    const all = Array.from({ length: vocabularySize }, (_, id) => id);
    const edits = editsOf({ repetitionPenalty: 2 }, [...all, ...all], all);
    const scores = new Float32Array(vocabularySize).fill(-1);
    edits.apply(scores, 0);
    expect([...scores]).toEqual(all.map(() => -2));
  });
});
