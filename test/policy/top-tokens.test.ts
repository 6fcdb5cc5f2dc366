import { describe, expect, it } from 'vitest';
import { reservedScore } from '../../src/policy/reserved-score.ts';
import { topTokens } from '../../src/policy/top-tokens.ts';

describe('topTokens', () => {
  const scores = Float32Array.of(reservedScore, 1, 3, 2, 3, reservedScore);

  it('lists the highest first, ties by id', () => {
    expect(topTokens(scores, 3)).toEqual([2, 4, 3]);
  });

  it('leaves out reserved tokens, so it may list fewer', () => {
    expect(topTokens(scores, 6)).toEqual([2, 4, 3, 1]);
  });

  it('lists nothing when asked for nothing', () => {
    expect(topTokens(scores, 0)).toEqual([]);
  });
});
