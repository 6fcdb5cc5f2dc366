// Random arrivals, cancellations and failures against everything the scheduler promises; a failure shrinks to a short story.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Scheduler } from '../../src/engine/scheduler.ts';
import type { PlannerLimits, StepPlan } from '../../src/engine/step-plan.ts';
import { drawingRows } from '../../src/policy/step-batch.ts';
import { SlotModel } from './slot-model.ts';
import { type Action, action, eosTokenId, type Submission, tokenAfter } from './stories.ts';
import { StoryClients } from './story-clients.ts';

const limits: fc.Arbitrary<PlannerLimits> = fc.record({
  maxSequences: fc.integer({ min: 1, max: 5 }),
  prefillChunk: fc.oneof(fc.integer({ min: 2, max: 12 }), fc.integer({ min: 64, max: 128 })),
  maxScored: fc.integer({ min: 5, max: 8 }),
  minReuse: fc.constantFrom(1, 2, 5, Number.POSITIVE_INFINITY),
  sharesAnswers: fc.boolean(),
  vocabularySize: fc.constant(1000),
  eosTokenIds: fc.constant(new Set([eosTokenId])),
});

class Interleaving {
  readonly #limits: PlannerLimits;
  readonly #scheduler: Scheduler;
  readonly #slots: SlotModel;
  readonly #clients = new StoryClients();
  readonly #priorities = new Map<number, number>();
  readonly #started = new Set<number>();
  /** Tokens prefilled since the last decode. */
  #prefilled = 0;

  constructor(bounds: PlannerLimits) {
    this.#limits = bounds;
    this.#slots = new SlotModel(bounds.maxSequences, bounds.sharesAnswers);
    this.#scheduler = new Scheduler(bounds);
  }

  run(actions: readonly Action[]): void {
    for (const next of actions) {
      if (next.kind === 'submit') this.#submit(next);
      else if (next.kind === 'cancel') this.#cancel(next.id);
      else this.#step(next.fails);
    }
    for (let round = 0; this.#clients.unfinished.size > 0; round++) {
      expect(round, 'steps to finish what is left').toBeLessThan(5000);
      this.#step(false);
    }
    expect(this.#scheduler.plan()).toBeNull();
    expect([this.#scheduler.running, this.#scheduler.waiting]).toEqual([0, 0]);
  }

  #submit(submission: Submission): void {
    for (const request of this.#clients.ask(submission)) {
      this.#priorities.set(request.id, request.priority);
      this.#scheduler.submit(request);
    }
  }

  #cancel(id: number): void {
    expect(this.#scheduler.cancel(id)).toBe(this.#clients.leave(id));
  }

  #step(fails: boolean): void {
    const plan = this.#scheduler.plan();
    if (!plan) {
      expect(this.#clients.unfinished.size, 'sequences left without a plan').toBe(0);
      return;
    }
    this.#checkPlan(plan);
    this.#slots.move(plan);
    if (fails) {
      this.#slots.fail(plan);
      this.#clients.lose(this.#scheduler.fail(plan));
      return;
    }
    this.#slots.run(plan);
    this.#commit(plan);
  }

  #commit(plan: StepPlan): void {
    const drawn = drawingRows(plan).map(({ request, length }) => tokenAfter(request.id, length));
    this.#clients.hear(this.#scheduler.commit(plan, drawn));
  }

  #checkPlan(plan: StepPlan): void {
    const { kind, firstSlot, rows, width } = plan;
    expect(firstSlot + rows.length).toBeLessThanOrEqual(this.#limits.maxSequences);
    const drawing = drawingRows(plan);
    expect(new Set(drawing).size, 'a row twice').toBe(drawing.length);
    expect(drawing.length).toBeLessThanOrEqual(this.#limits.maxSequences);
    for (const { request } of drawing) expect(this.#clients.unfinished.has(request.id)).toBe(true);
    this.#checkAdmitted(plan);
    if (kind === 'prefill') this.#checkPrefill(plan);
    else expect([firstSlot, width, plan.scoring]).toEqual([0, 1, 'last']);
    this.#prefilled = kind === 'decode' ? 0 : this.#prefilled + rows.length * width;
  }

  #checkPrefill({ rows, width, scoring }: StepPlan): void {
    expect(rows.length * width, 'budget').toBeLessThanOrEqual(this.#limits.prefillChunk);
    for (const { request, past } of rows) {
      const isOdd = width % 2 === 1;
      if (isOdd) expect(past + width, 'tokens').toBeGreaterThanOrEqual(request.promptIds.length);
      // A shorter row's part of the odd run's last token is padding.
      const isItsLast = past + width === request.promptIds.length;
      if (isOdd && isItsLast) expect(request.maxTokens, 'a prompt token alone').toBe(0);
      const { scoreFrom } = request;
      if (scoreFrom === null) continue;
      expect(rows.length).toBe(1);
      // Position `past` scores token past + 1.
      if (past + width >= scoreFrom) expect(scoring).toBe('every');
      if (scoring === 'every') expect(width).toBeLessThanOrEqual(this.#limits.maxScored);
    }
    if (rows.some(({ past }) => past > 0)) expect(rows.length).toBe(1);
    const own = rows.reduce((sum, { length, past }) => sum + Math.min(width, length - past), 0);
    const padding = rows.length * width - own;
    expect(padding, 'padding').toBeLessThanOrEqual(16 * (rows.length - 1) + rows.length);
    const decoding = this.#scheduler.running - rows.length;
    if (decoding === 0) return;
    const stalled = this.#prefilled + rows.length * width;
    expect(stalled, 'tokens before those that decode go on').toBeLessThanOrEqual(
      this.#limits.prefillChunk,
    );
  }

  /** Nobody starts before everyone of a better claim has; everyone begins with what it was given. */
  #checkAdmitted({ rows, width, admitted, followers = [] }: StepPlan): void {
    for (const sequence of admitted) {
      const { request, past, valuePast, cached, needsValue } = sequence;
      const isFollower = followers.includes(sequence);
      // What it follows runs the rest of its prompt, and it none.
      expect(isFollower ? request.promptIds.length - 1 : past).toBe(cached);
      if (isFollower)
        expect([rows.length, past + width >= request.promptIds.length]).toEqual([1, true]);
      expect(cached).toBeLessThan(request.scoreFrom ?? request.promptIds.length);
      if (cached > 0) expect(cached).toBeGreaterThanOrEqual(this.#limits.minReuse);
      if (needsValue) expect(valuePast).toBe(past);
      this.#started.add(request.id);
      for (const id of this.#clients.unfinished.keys()) {
        if (this.#claim(id) >= this.#claim(request.id)) continue;
        expect(this.#started.has(id), `${request.id} overtakes ${id}`).toBe(true);
      }
    }
  }

  /** By priority, then arrival. */
  #claim(id: number): number {
    return (this.#priorities.get(id) ?? Number.NaN) * 1e6 + id;
  }
}

describe('Scheduler, under random arrivals, cancellations and failures', () => {
  it('keeps its promises', () => {
    const stories = fc.array(action, { maxLength: 150, size: 'max' });
    fc.assert(
      fc.property(limits, stories, (bounds, actions) => new Interleaving(bounds).run(actions)),
      { numRuns: 120 },
    );
  });
});
