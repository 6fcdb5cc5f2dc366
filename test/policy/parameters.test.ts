import { describe, expect, it } from 'vitest';
import { betaAt, needsValue, stepWeights } from '../../src/policy/parameters.ts';

describe('β', () => {
  it('goes from start to end over the tokens of an answer', () => {
    const schedule = { start: 8, end: 2 };
    expect([0, 1, 2, 3].map((drawn) => betaAt(schedule, drawn, 4))).toEqual([8, 6, 4, 2]);
    expect(betaAt({ start: 0, end: 16 }, 2, 5)).toBe(8);
  });

  it('is the start of a schedule where there is one token or none', () => {
    expect([0, 1].map((maxTokens) => betaAt({ start: 3, end: 5 }, 0, maxTokens))).toEqual([3, 3]);
  });

  it('is what a step weighs q with, token by token', () => {
    const policy = { extraction: 'kl', beta: { start: 0, end: 4 }, q: 'ratio' } as const;
    expect(stepWeights(policy, 1, 3)).toEqual({ beta: 2, behaviorWeight: 1, ratio: 1 });
  });
});

describe('needsValue', () => {
  it.each([
    ['kl', 0, false],
    ['kl', 1e-9, true],
    ['kl', { start: 0, end: 1 }, true],
    ['kl', { start: 0, end: 0 }, false],
    ['behavior', 8, false],
    ['entropy', 0, true],
    ['greedy', 0, true],
  ] as const)('of %s with β %j is %s', (extraction, beta, expected) => {
    expect(needsValue({ extraction, beta, q: 'ratio' })).toBe(expected);
  });
});
