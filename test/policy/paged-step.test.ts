import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Policy } from '../../src/policy/policy.ts';
import type { PolicyRow } from '../../src/policy/policy-row.ts';
import type { StepScores } from '../../src/policy/step-scores.ts';
import {
  largestDifference,
  loadTinyPolicy,
  pagedPolicyFolder,
  policyRow,
  ratingsAt,
  scoresAfter,
  scoresAt,
} from './tiny-policy.ts';

/** Tokens of a block of it. */
const blockSize = 16;
/** Of its float16 against the tiny policy's float32, which has the same weights. */
const rounding = 0.2;
const long = Array.from({ length: 40 }, (_, index) => 4 + ((7 * index) % 50));
const short = [5, 9, 30, 12];

function row(tokens: readonly number[], past: number, blocks: readonly number[]): PolicyRow {
  return { ...policyRow(tokens, past), blocks };
}

describe('A policy with a paged cache', () => {
  let paged: Policy;
  let slots: Policy;
  beforeAll(() => {
    paged = loadTinyPolicy({ modelFolder: pagedPolicyFolder, blocks: 12 });
    slots = loadTinyPolicy();
  });
  afterAll(() => {
    paged.release();
    slots.release();
  });

  function last(rows: readonly PolicyRow[], width: number): Float32Array[] {
    const { scores } = paged.step({ firstSlot: 0, rows, width, scoring: 'last' });
    return rows.map((_, index) => scoresAt(scores, index));
  }

  function expectNear(found: readonly Float32Array[], expected: readonly Float32Array[]): void {
    expect(found).toHaveLength(expected.length);
    for (const [index, row] of found.entries()) {
      const difference = largestDifference(row, expected[index] ?? new Float32Array());
      expect(difference).toBeLessThan(rounding);
    }
  }

  it('takes memory by the block', () => {
    expect(paged.maxLength).toBe(64);
    expect(paged.cache.byteLength).toBe(12 * blockSize * 16 * 2 * 8);
  });

  it('scores as the one with slots does, wherever a row’s blocks are', () => {
    const found = last([row(long, 0, [7, 2, 11]), row(short, 0, [3])], long.length);
    expectNear(found, [scoresAfter(slots, long), scoresAfter(slots, short)]);
  });

  it('runs a later chunk of one row beside a decode of another', () => {
    last([row(long, 0, [0, 5, 1]), row(short.slice(0, 3), 0, [4])], 20);
    const found = last([row(long, 20, [0, 5, 1]), row(short, 3, [4])], 20);
    expectNear(found, [scoresAfter(slots, long), scoresAfter(slots, short)]);
  });

  it('reads blocks that two rows share, and a copy of the first tokens of another', () => {
    last([row(long, 0, [0, 1, 2])], long.length);
    const other = [...long.slice(0, 36), 9, 10];
    paged.cache.copy(2, 8, 4);
    const fork = last([row(other, 36, [0, 1, 8])], 2);
    expectNear(fork, [scoresAfter(slots, other)]);
    const again = last([row([...long, 6], 40, [0, 1, 2])], 1);
    expectNear(again, [scoresAfter(slots, [...long, 6])]);
  });

  it('scores every position of a prompt', () => {
    const rows = [row(long, 0, [9, 10, 6])];
    const { scores } = paged.step({ firstSlot: 0, rows, width: 40, scoring: 'every' });
    const read = (of: StepScores): Float32Array[] =>
      [0, 17, 39].map((position) => ratingsAt(of, position, 'behaviorLogprob'));
    const found = read(scores);
    const whole = { firstSlot: 0, rows: [policyRow(long)], width: 40, scoring: 'every' } as const;
    expectNear(found, read(slots.step(whole).scores));
  });

  it('keeps the value cache where the value model does not run', () => {
    last([row(short, 0, [3])], 4);
    last(
      [
        {
          ...row(long, 0, [0, 1, 2]),
          needsValue: false,
          weights: { beta: 0, behaviorWeight: 1, ratio: 0 },
        },
      ],
      40,
    );
    const after = last([row([...short, 8], 4, [3])], 1);
    expectNear(after, [scoresAfter(slots, [...short, 8])]);
  });
});
