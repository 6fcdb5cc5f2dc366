import { describe, expect, it } from 'vitest';
import { affordableSequences } from '../../scripts/bench/cache-size.ts';
import { manyTable, turnTable } from '../../scripts/bench/conversation-tables.ts';
import { shuffled } from '../../scripts/bench/many-conversations.ts';
import { predictMinutes } from '../../scripts/bench/prediction.ts';
import { promptTokens } from '../../scripts/bench/transcript.ts';

describe('a benchmarked conversation', () => {
  it('grows by an observation and an answer each turn', () => {
    expect([1, 2, 20].map(promptTokens)).toEqual([32, 80, 944]);
  });

  it('shows one conversation turn by turn', () => {
    const turn = { turn: 20, promptTokens: 944, cachedTokens: 911, withoutMs: 2400, withMs: 120 };
    expect(turnTable([{ ...turn, ratio: 20.04 }]).split('\n')[2]).toBe(
      '| 20 | 944 | 911 | 2400 | 120 | 20.0 × |',
    );
  });

  it('compares every later wave of many conversations with the first', () => {
    const wave = {
      turn: 19,
      order: 'same',
      medianMs: 8000,
      lastMs: 16_000,
      cachedShare: 0,
    } as const;
    const reusing = { ...wave, turn: 20, medianMs: 400, cachedShare: 0.96 };
    const random = { ...reusing, turn: 21, order: 'random' } as const;
    const rows = manyTable([{ conversations: 16, slots: 8, waves: [wave, reusing, random] }]);
    expect(rows.split('\n').slice(2)).toEqual([
      '| 16 | 8 | as the turn before | 96 % | 8.00 (16.00) | 0.40 (16.00) | 20.0 × |',
      '| 16 | 8 | random | 96 % | 8.00 (16.00) | 0.40 (16.00) | 20.0 × |',
    ]);
  });

  it('arrives in the same other order each time', () => {
    const items = Array.from({ length: 64 }, (_, index) => index);
    const order = shuffled(items);
    expect(order).not.toEqual(items);
    expect(order.toSorted((a, b) => a - b)).toEqual(items);
    expect(shuffled(items)).toEqual(order);
  });
});

describe('what a benchmark can afford', () => {
  it('is predicted from a smaller measurement', () => {
    expect(predictMinutes({ concurrency: 4, seconds: 30 }, 16)).toBe(2);
  });

  it('leaves a third of the memory free', () => {
    expect(affordableSequences(1024, 3 * 10 * 1024 * 92_160)).toBe(20);
  });
});
