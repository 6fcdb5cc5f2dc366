// Random arrivals, cancellations and failures against everything the paged scheduler promises.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type PagedLimits, PagedScheduler } from '../../src/engine/paged-scheduler.ts';
import type { StepPlan } from '../../src/engine/step-plan.ts';
import { tokensRun } from '../../src/policy/step-batch.ts';
import { BlockModel } from './block-model.ts';
import { type Action, action, eosTokenId, longestPrompt, tokenAfter } from './stories.ts';
import { StoryClients } from './story-clients.ts';

const longest = longestPrompt + 11;

const limits: fc.Arbitrary<PagedLimits> = fc
  .record({
    maxSequences: fc.integer({ min: 1, max: 6 }),
    prefillChunk: fc.integer({ min: 2, max: 12 }),
    maxScored: fc.integer({ min: 5, max: 8 }),
    minReuse: fc.constantFrom(1, 2, 5, Number.POSITIVE_INFINITY),
    sharesAnswers: fc.boolean(),
    vocabularySize: fc.constant(1000),
    eosTokenIds: fc.constant(new Set([eosTokenId])),
    blockSize: fc.constantFrom(1, 3, 4, 16),
    spare: fc.nat(20),
  })
  .map(({ spare, ...rest }) => ({ ...rest, blocks: Math.ceil(longest / rest.blockSize) + spare }));

class Interleaving {
  readonly #limits: PagedLimits;
  readonly #scheduler: PagedScheduler;
  readonly #blocks: BlockModel;
  readonly #clients = new StoryClients();
  readonly #started = new Set<number>();

  constructor(bounds: PagedLimits) {
    this.#limits = bounds;
    this.#blocks = new BlockModel(bounds.blocks, bounds.blockSize);
    this.#scheduler = new PagedScheduler(bounds);
  }

  /** How many were put back. */
  run(actions: readonly Action[]): number {
    let preempted = 0;
    for (const next of actions) {
      if (next.kind === 'submit') {
        for (const request of this.#clients.ask(next)) this.#scheduler.submit(request);
      } else if (next.kind === 'cancel') this.#cancel(next.id);
      else preempted += this.#step(next.fails);
    }
    for (let round = 0; this.#clients.unfinished.size > 0; round++) {
      expect(round, 'steps to finish what is left').toBeLessThan(5000);
      preempted += this.#step(false);
    }
    expect(this.#scheduler.plan()).toBeNull();
    const { running, waiting, cacheUsage } = this.#scheduler;
    expect([running, waiting, cacheUsage]).toEqual([0, 0, 0]);
    return preempted;
  }

  #cancel(id: number): void {
    expect(this.#scheduler.cancel(id)).toBe(this.#clients.leave(id));
  }

  #step(fails: boolean): number {
    const plan = this.#scheduler.plan();
    if (!plan) {
      expect(this.#clients.unfinished.size, 'sequences left without a plan').toBe(0);
      return 0;
    }
    this.#checkPlan(plan);
    this.#blocks.move(plan);
    if (fails) this.#clients.lose(this.#scheduler.fail(plan));
    else {
      this.#blocks.run(plan);
      this.#commit(plan);
    }
    return plan.preempted.length;
  }

  #commit(plan: StepPlan): void {
    const drawn = plan.rows.map(({ request, length }) => tokenAfter(request.id, length));
    this.#clients.hear(this.#scheduler.commit(plan, drawn));
  }

  #checkPlan({ kind, rows, width, scoring, admitted }: StepPlan): void {
    const { maxSequences, prefillChunk, maxScored, minReuse } = this.#limits;
    expect(rows.length).toBeLessThanOrEqual(maxSequences);
    expect(new Set(rows).size, 'a row twice').toBe(rows.length);
    const counts = rows.map((row) => tokensRun(row, width));
    const decoding = rows.filter(({ length, past }) => length - past === 1).length;
    const prefilled = counts.reduce((sum, count) => sum + count, 0) - decoding;
    expect(prefilled, 'a chunk').toBeLessThanOrEqual(prefillChunk);
    if (kind === 'decode') expect([width, prefilled]).toEqual([1, 0]);
    for (const { request, past, drawn } of rows) {
      expect(this.#clients.unfinished.has(request.id)).toBe(true);
      const { scoreFrom } = request;
      if (scoreFrom === null || drawn > 0) continue;
      expect(rows.length).toBe(1);
      // Position `past` scores token past + 1.
      if (past + width >= scoreFrom) expect(scoring).toBe('every');
      if (scoring === 'every') expect(width).toBeLessThanOrEqual(maxScored);
    }
    for (const { request, cached } of admitted) {
      expect(cached).toBeLessThan(request.scoreFrom ?? request.promptIds.length);
      if (cached > 0) expect(cached).toBeGreaterThanOrEqual(minReuse);
      expect(this.#started.has(request.id), `${request.id} starts twice`).toBe(false);
      this.#started.add(request.id);
    }
  }
}

describe('PagedScheduler, under random arrivals, cancellations and failures', () => {
  it('keeps its promises', () => {
    const stories = fc.array(action, { maxLength: 150, size: 'max' });
    let preempted = 0;
    fc.assert(
      fc.property(limits, stories, (bounds, actions) => {
        preempted += new Interleaving(bounds).run(actions);
      }),
      { numRuns: 120 },
    );
    expect(preempted, 'stories in which blocks run out').toBeGreaterThan(0);
  });
});
