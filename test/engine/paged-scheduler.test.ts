import { describe, expect, it } from 'vitest';
import { PagedScheduler } from '../../src/engine/paged-scheduler.ts';
import type { StepPlan } from '../../src/engine/step-plan.ts';
import { tokensRun } from '../../src/policy/step-batch.ts';
import { sequenceRequest } from './inputs.ts';

const limits = {
  maxSequences: 4,
  prefillChunk: 8,
  maxScored: 4,
  vocabularySize: 58,
  minReuse: Number.POSITIVE_INFINITY,
  sharesAnswers: false,
  eosTokenIds: new Set([2]),
  blocks: 12,
  blockSize: 4,
};
const token = 9;

function promptOf(length: number, first = 10): number[] {
  return Array.from({ length }, (_, index) => first + index);
}

function mustPlan(scheduler: PagedScheduler): StepPlan {
  const plan = scheduler.plan();
  if (!plan) throw new Error('there is nothing to run');
  return plan;
}

/** Runs the next plan; which tokens of whom it ran, as `id: count`. */
function step(scheduler: PagedScheduler): string {
  const plan = mustPlan(scheduler);
  const rows = plan.rows.map((row) => `${row.request.id}: ${tokensRun(row, plan.width)}`);
  scheduler.commit(
    plan,
    plan.rows.map(() => token),
  );
  return `${plan.kind} ${rows.join(', ')}`;
}

function steps(scheduler: PagedScheduler, count: number): string[] {
  return Array.from({ length: count }, () => step(scheduler));
}

describe('PagedScheduler', () => {
  it('has nothing to do without sequences', () => {
    expect(new PagedScheduler(limits).plan()).toBeNull();
  });

  it('prefills a long prompt in chunks beside those that decode', () => {
    const scheduler = new PagedScheduler(limits);
    scheduler.submit(sequenceRequest(0, { promptIds: promptOf(2) }));
    step(scheduler);
    scheduler.submit(sequenceRequest(1, { promptIds: promptOf(20) }));
    expect(steps(scheduler, 4)).toEqual([
      'mixed 0: 1, 1: 8',
      'mixed 0: 1, 1: 8',
      'mixed 0: 1, 1: 4',
      'decode 0: 1, 1: 1',
    ]);
  });

  it('fills a chunk with prompts in the order in which they came, and cuts none for a later one', () => {
    const scheduler = new PagedScheduler(limits);
    for (const [id, length] of [5, 6, 2].entries()) {
      scheduler.submit(sequenceRequest(id, { promptIds: promptOf(length) }));
    }
    // Of the second three tokens would fit, but a row is cut at one width for all, and that would cut the first.
    expect(steps(scheduler, 2)).toEqual(['prefill 0: 5', 'mixed 0: 1, 1: 6, 2: 2']);
  });

  it('gives a sequence blocks as it grows', () => {
    const scheduler = new PagedScheduler(limits);
    scheduler.submit(sequenceRequest(0, { promptIds: promptOf(3), maxTokens: 8 }));
    const taken = Array.from({ length: 8 }, () => {
      const plan = mustPlan(scheduler);
      scheduler.commit(plan, [token]);
      return plan.rows[0]?.blocks.length ?? scheduler.cacheUsage;
    });
    // What ended holds nothing.
    expect(taken).toEqual([1, 1, 2, 2, 2, 2, 3, 0]);
  });

  it('lets nobody in for whose prompt there are no blocks', () => {
    const scheduler = new PagedScheduler({ ...limits, blocks: 5, prefillChunk: 64 });
    scheduler.submit(sequenceRequest(0, { promptIds: promptOf(12), maxTokens: 2 }));
    scheduler.submit(sequenceRequest(1, { promptIds: promptOf(12), maxTokens: 2 }));
    expect(step(scheduler)).toBe('prefill 0: 12');
    expect([scheduler.running, scheduler.waiting]).toEqual([1, 1]);
    expect(steps(scheduler, 2)).toEqual(['decode 0: 1', 'prefill 1: 12']);
  });

  it('puts the youngest back where a block is missing, and lets it go on before anyone new', () => {
    const scheduler = new PagedScheduler({ ...limits, blocks: 4, maxSequences: 2 });
    for (const id of [0, 1, 2]) {
      scheduler.submit(sequenceRequest(id, { promptIds: promptOf(3), maxTokens: 8 }));
    }
    // Each has two blocks at five tokens; the ninth of the first takes the other's.
    expect(steps(scheduler, 6).at(-1)).toBe('decode 0: 1, 1: 1');
    const plan = mustPlan(scheduler);
    expect(plan.rows.map(({ request }) => request.id)).toEqual([0]);
    expect(plan.preempted.map(({ request }) => request.id)).toEqual([1]);
    expect([scheduler.running, scheduler.waiting]).toEqual([1, 2]);
    scheduler.commit(plan, [token]);
    // Its prompt and the six tokens it had, with nothing drawn anew.
    expect(steps(scheduler, 3)).toEqual(['decode 0: 1', 'prefill 1: 8', 'decode 1: 1']);
  });

  it('never puts back the only one that runs', () => {
    const scheduler = new PagedScheduler({ ...limits, blocks: 4 });
    scheduler.submit(sequenceRequest(0, { promptIds: promptOf(5), maxTokens: 11 }));
    expect(steps(scheduler, 11)).toEqual(['prefill 0: 5', ...Array(10).fill('decode 0: 1')]);
    expect(scheduler.plan()).toBeNull();
  });

  it('shares whole blocks of a prompt and copies what is behind them', () => {
    const scheduler = new PagedScheduler({ ...limits, minReuse: 2 });
    scheduler.submit(sequenceRequest(0, { promptIds: promptOf(6) }));
    step(scheduler);
    scheduler.submit(sequenceRequest(1, { promptIds: [...promptOf(6), 5, 6] }));
    const plan = mustPlan(scheduler);
    const [first, second] = plan.rows;
    expect(second).toMatchObject({ past: 6, cached: 6 });
    expect(second?.blocks[0]).toBe(first?.blocks[0]);
    const [from, to] = [first?.blocks[1], second?.blocks[1]];
    expect(plan.moves).toEqual([{ kind: 'copy', from, to, tokens: 2 }]);
  });

  it('lets a prompt wait for one that begins like it and is about to run', () => {
    const scheduler = new PagedScheduler({ ...limits, minReuse: 2 });
    scheduler.submit(sequenceRequest(0, { promptIds: promptOf(6) }));
    scheduler.submit(sequenceRequest(1, { promptIds: promptOf(6) }));
    expect(steps(scheduler, 2)).toEqual(['prefill 0: 6', 'decode 0: 1, 1: 1']);
  });

  it('reuses what an ended sequence has left, until its blocks are needed', () => {
    const scheduler = new PagedScheduler({ ...limits, minReuse: 2, blocks: 4 });
    const run = (id: number, promptIds: readonly number[]): number => {
      scheduler.submit(sequenceRequest(id, { promptIds, maxTokens: 1 }));
      const plan = mustPlan(scheduler);
      scheduler.commit(plan, [token]);
      return plan.rows[0]?.cached ?? Number.NaN;
    };
    expect(run(0, promptOf(6))).toBe(0);
    expect(run(1, promptOf(6))).toBe(5);
    expect(run(2, promptOf(8, 30))).toBe(0);
    expect(run(3, promptOf(8, 40))).toBe(0);
    expect(run(4, promptOf(6))).toBe(0);
  });

  it('runs a prompt that is scored alone, in turns with others', () => {
    const scheduler = new PagedScheduler(limits);
    scheduler.submit(sequenceRequest(0, { promptIds: promptOf(2) }));
    step(scheduler);
    scheduler.submit(sequenceRequest(1, { promptIds: promptOf(9), scoreFrom: 3 }));
    expect(steps(scheduler, 6)).toEqual([
      'prefill 1: 2',
      'decode 0: 1',
      'prefill 1: 4',
      'decode 0: 1',
      'prefill 1: 3',
      'decode 0: 1, 1: 1',
    ]);
  });

  it('forgets one that is cancelled, wherever it is', () => {
    const scheduler = new PagedScheduler({ ...limits, blocks: 4, maxSequences: 2 });
    for (const id of [0, 1, 2]) {
      scheduler.submit(sequenceRequest(id, { promptIds: promptOf(3), maxTokens: 8 }));
    }
    steps(scheduler, 7);
    expect([scheduler.running, scheduler.waiting]).toEqual([1, 2]);
    for (const id of [2, 1, 0]) expect(scheduler.cancel(id)).toBe(true);
    expect(scheduler.cancel(1)).toBe(false);
    expect([scheduler.running, scheduler.waiting, scheduler.cacheUsage]).toEqual([0, 0, 0]);
    expect(scheduler.plan()).toBeNull();
  });
});
