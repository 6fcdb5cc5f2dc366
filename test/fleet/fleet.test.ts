import { describe, expect, it } from 'vitest';
import { type Capacity, capacityOf, stepSeconds } from '../../scripts/fleet/capacity.ts';
import { simulateReplica } from '../../scripts/fleet/replica.ts';
import { mostAgents, sizeFleet } from '../../scripts/fleet/size.ts';

const capacity: Capacity = {
  prefillTokensPerSecond: 1000,
  steps: [
    { batch: 1, seconds: 0.01 },
    { batch: 8, seconds: 0.02 },
  ],
};
const habits = { thinkSeconds: 5, promptTokens: 100, prefixHitRate: 0, answerTokens: 20 };
const target = { ttftP95Seconds: 0.5, paceP95Seconds: 0.1, simulatedSeconds: 400, seed: 1 };

describe('capacity', () => {
  it('reads step times and prompt speed from timings', () => {
    const read = capacityOf(
      {
        machine: 'some',
        workloads: [{ concurrency: 4, promptTokens: 50, answerTokens: 11 }],
        timings: { server: [[{ prefillSeconds: 0.5, seconds: 1.5, tokens: 44 }]] },
      },
      'server',
    );
    expect(read).toEqual({ prefillTokensPerSecond: 400, steps: [{ batch: 4, seconds: 0.1 }] });
  });

  it('interpolates between measured batch sizes', () => {
    expect(stepSeconds(capacity, 1)).toBe(0.01);
    expect(stepSeconds(capacity, 4.5)).toBeCloseTo(0.015);
    expect(stepSeconds(capacity, 8)).toBe(0.02);
  });
});

describe('a replica', () => {
  it('serves one agent as fast as it can read and decode', () => {
    const load = simulateReplica(capacity, 1, habits, 2000, 1);
    // 5 s of thought, 0.1 s for the prompt, 19 steps: a turn of 20 tokens each 5.29 s.
    expect(load.ttftP95Seconds).toBeCloseTo(0.1);
    expect(load.tokensPerSecond).toBeGreaterThan(3);
    expect(load.tokensPerSecond).toBeLessThan(4.6);
  });

  it('gives the same numbers again', () => {
    const runs = [1, 2].map(() => simulateReplica(capacity, 20, habits, 200, 7));
    expect(runs[0]).toEqual(runs[1]);
  });

  it('keeps its agents waiting when there are too many', () => {
    const load = simulateReplica(capacity, 500, habits, 400, 1);
    expect(load.ttftP95Seconds).toBeGreaterThan(10);
  });
});

describe('a fleet', () => {
  it('has as many replicas as keep first tokens in time', () => {
    const most = mostAgents(capacity, habits, target);
    expect(most).toBeGreaterThan(5);
    const size = sizeFleet(capacity, habits, target, 10 * most);
    expect(size).toMatchObject({ replicas: 10, agentsPerReplica: most });
    expect(size?.load.ttftP95Seconds).toBeLessThanOrEqual(0.5);
    expect(size?.load.paceP95Seconds).toBeLessThanOrEqual(0.1);
  });

  it('is smaller where prefixes are warm', () => {
    expect(mostAgents(capacity, { ...habits, prefixHitRate: 0.9 }, target)).toBeGreaterThan(
      mostAgents(capacity, habits, target),
    );
  });

  it('cannot be had where one agent alone waits too long', () => {
    const slow = { ...habits, promptTokens: 10_000 };
    expect(sizeFleet(capacity, slow, target, 10)).toBeNull();
  });
});
