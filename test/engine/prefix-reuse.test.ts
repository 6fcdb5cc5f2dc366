import { beforeEach, describe, expect, it } from 'vitest';
import { Scheduler } from '../../src/engine/scheduler.ts';
import type { Sequence } from '../../src/engine/sequence.ts';
import type { StepPlan } from '../../src/engine/step-plan.ts';
import { drawingRows } from '../../src/policy/step-batch.ts';
import { sequenceRequest } from './inputs.ts';
import { SlotModel } from './slot-model.ts';

const maxSequences = 3;
const token = 9;

/** A prompt that shares nothing with one of another letter. */
function promptOf(letter: number, length: number): number[] {
  return Array.from({ length }, (_, index) => 100 * letter + index);
}

describe('Scheduler, with caches of sequences that ended', () => {
  let scheduler: Scheduler;
  let slots: SlotModel;
  let nextId = 0;

  function start(sharesAnswers: boolean): void {
    nextId = 0;
    slots = new SlotModel(maxSequences, sharesAnswers);
    scheduler = new Scheduler({
      ...{ maxSequences, prefillChunk: 8, maxScored: 4, minReuse: 2, sharesAnswers },
      vocabularySize: 1000,
      eosTokenIds: new Set([2]),
    });
  }

  beforeEach(() => start(false));

  function submit(promptIds: number[], changes: Parameters<typeof sequenceRequest>[1] = {}) {
    const id = nextId++;
    scheduler.submit(sequenceRequest(id, { promptIds, maxTokens: 1, ...changes }));
    return id;
  }

  /** Checks the next plan against the model of the slots and runs it. */
  function step(): StepPlan {
    const plan = scheduler.plan();
    if (!plan) throw new Error('there is nothing to run');
    slots.move(plan);
    slots.run(plan);
    const summary = { ...plan, admitted: plan.admitted.map((sequence) => ({ ...sequence })) };
    scheduler.commit(
      plan,
      drawingRows(plan).map(() => token),
    );
    return summary;
  }

  function runToTheEnd(): Sequence[] {
    const admitted: Sequence[] = [];
    while (scheduler.running + scheduler.waiting > 0) admitted.push(...step().admitted);
    return admitted;
  }

  /** Prompt tokens that a prompt finds in the cache. */
  function cachedOf(promptIds: number[], changes?: Parameters<typeof submit>[1]): number {
    submit(promptIds, changes);
    const [sequence] = runToTheEnd();
    return sequence?.cached ?? NaN;
  }

  it('takes over the slot of the transcript that a prompt goes on from, and runs the answer as part of it', () => {
    submit(promptOf(1, 4), { maxTokens: 3 });
    runToTheEnd();
    submit([...promptOf(1, 4), token, token, token, 50, 51]);
    // Five tokens are run in six.
    expect(step()).toMatchObject({ kind: 'prefill', width: 6, moves: [], rows: { length: 1 } });
    runToTheEnd();
    expect(cachedOf([...promptOf(1, 4), token, token, token, 50, 51, 52])).toBe(9);
  });

  it('runs the answer of a sequence that is still going on as part of a prompt that goes on from it', () => {
    submit(promptOf(1, 4), { maxTokens: 20 });
    for (const _ of ['prefill', 'decode', 'decode']) step();
    submit([...promptOf(1, 4), token, token, 50]);
    expect(step().admitted[0]?.cached).toBe(4);
  });

  it('runs the last token of a prompt it knows whole, padded', () => {
    cachedOf(promptOf(1, 6));
    submit(promptOf(1, 6));
    const { kind, width, rows, admitted } = step();
    expect([kind, width, rows.length, admitted[0]?.cached]).toEqual(['prefill', 2, 1, 5]);
  });

  it('prefills identical prompts once, draws from it for all and copies the slot for the others', () => {
    for (let choice = 0; choice < 3; choice++) submit(promptOf(1, 6), { maxTokens: 4 });
    const plans = Array.from({ length: 4 }, step);
    expect(plans.map(({ kind, rows, width }) => [kind, rows.length, width])).toEqual([
      ['prefill', 1, 6],
      ...Array.from({ length: 3 }, () => ['decode', 3, 1]),
    ]);
    expect(plans[0]?.admitted.map(({ cached }) => cached)).toEqual([0, 5, 5]);
    expect(plans.flatMap(({ moves }) => moves)).toEqual([
      { kind: 'copy', from: 0, to: 1, tokens: 6 },
      { kind: 'copy', from: 0, to: 2, tokens: 6 },
    ]);
    expect(scheduler.running).toBe(0);
  });

  it('draws for those alone that are next in line with the same prompt, for whom there are slots', () => {
    submit(promptOf(1, 6), { maxTokens: 4 });
    submit(promptOf(1, 6), { maxTokens: 4, policy: { extraction: 'kl', beta: 0, q: 'ratio' } });
    submit([...promptOf(1, 6), 50]);
    submit(promptOf(1, 6));
    const [first, second] = [step(), step()];
    expect(first.followers?.map(({ request }) => request.id)).toEqual([1]);
    expect(second).toMatchObject({ kind: 'prefill', width: 2, rows: [{ request: { id: 2 } }] });
    runToTheEnd();
    const strangers = [
      { cacheScope: 'another' },
      { scoreFrom: 3 },
      { promptIds: [...promptOf(1, 5), 50] },
      { promptIds: promptOf(1, 7) },
    ];
    for (const changes of strangers) {
      start(false);
      submit(promptOf(1, 6));
      submit(promptOf(1, 6), changes);
      expect(step().followers).toEqual([]);
      expect(runToTheEnd()).toHaveLength(1);
    }
  });

  it('follows no prompt that the value model does not run', () => {
    submit(promptOf(1, 6), { policy: { extraction: 'kl', beta: 0, q: 'probability' } });
    submit(promptOf(1, 6));
    expect(step().followers).toEqual([]);
  });

  it('loses those who follow with whom they follow where the run fails', () => {
    for (let choice = 0; choice < 2; choice++) submit(promptOf(1, 6));
    const plan = scheduler.plan();
    if (!plan) throw new Error('there is nothing to run');
    expect(scheduler.fail(plan).map(({ request }) => request.id)).toEqual([0, 1]);
    expect([scheduler.running, scheduler.waiting]).toEqual([0, 0]);
  });

  it('prefills what is new in several prompts before others go on, as long as it is no more than a chunk', () => {
    for (const letter of [1, 2]) cachedOf(promptOf(letter, 6));
    submit(promptOf(3, 6), { maxTokens: 20 });
    for (const kind of ['prefill', 'decode']) expect(step().kind).toBe(kind);
    for (const letter of [1, 2]) submit([...promptOf(letter, 6), 50, 51, 52], { maxTokens: 20 });
    const plans = Array.from({ length: 3 }, step);
    expect(plans.map(({ kind, width }) => [kind, width])).toEqual([
      ['prefill', 4],
      ['prefill', 4],
      ['decode', 1],
    ]);
  });

  it('copies a prefix of which the rest is worth keeping', () => {
    cachedOf(promptOf(1, 8));
    expect(cachedOf([...promptOf(1, 4), 50, 51])).toBe(4);
    expect(cachedOf(promptOf(1, 8))).toBe(7);
  });

  it('takes over a prefix when there is no other slot to copy it to', () => {
    for (const letter of [1, 2]) submit(promptOf(letter, 4), { maxTokens: 20 });
    step();
    cachedOf(promptOf(3, 8), { maxTokens: 1 });
    submit([...promptOf(3, 4), 50, 51]);
    const [taken] = runToTheEnd();
    expect(taken?.cached).toBe(4);
  });

  it('drops the cache that was used least recently', () => {
    for (const letter of [1, 2, 3]) cachedOf(promptOf(letter, 6));
    expect(cachedOf(promptOf(1, 6))).toBe(5);
    cachedOf(promptOf(4, 6));
    expect(cachedOf(promptOf(2, 6))).toBe(0);
    expect(cachedOf(promptOf(4, 6))).toBe(5);
    expect(cachedOf(promptOf(1, 6))).toBe(5);
  });

  it('spares a cache that the next in line goes on from, however long it was not used', () => {
    for (const letter of [1, 2, 3]) cachedOf(promptOf(letter, 6));
    submit(promptOf(4, 6));
    submit([...promptOf(1, 6), token, 50]);
    submit([...promptOf(3, 6), token, 50]);
    expect(runToTheEnd().map(({ cached }) => cached)).toEqual([0, 6, 6]);
    expect(cachedOf(promptOf(2, 6))).toBe(0);
  });

  it('takes a copy of a cache, and never its slot, where others in line want all other caches', () => {
    for (const letter of [1, 2, 3]) cachedOf(promptOf(letter, 8));
    submit([...promptOf(1, 4), 50, 51]);
    for (const letter of [2, 3]) submit([...promptOf(letter, 8), 50]);
    const [first] = runToTheEnd();
    expect(first?.cached).toBe(4);
  });

  it('counts a copy as use', () => {
    cachedOf(promptOf(1, 8));
    cachedOf(promptOf(2, 6));
    cachedOf([...promptOf(1, 4), 50, 51]);
    cachedOf(promptOf(3, 6));
    expect(cachedOf(promptOf(1, 8))).toBe(7);
  });

  it('keeps a cache whose slot another sequence needs to decode in', () => {
    submit(promptOf(1, 2), { maxTokens: 2 });
    for (const letter of [2, 3]) submit(promptOf(letter, 2), { maxTokens: 9 });
    for (const _ of ['prefill', 'decode']) step();
    expect(step().moves).toEqual([{ kind: 'swap', from: 2, to: 0, tokens: 3 }]);
    expect(cachedOf([...promptOf(1, 2), token, 50])).toBe(2);
  });

  it('shares nothing between scopes', () => {
    cachedOf(promptOf(1, 6), { cacheScope: 'a' });
    expect(cachedOf(promptOf(1, 6), { cacheScope: 'b' })).toBe(0);
    expect(cachedOf(promptOf(1, 6), { cacheScope: 'a' })).toBe(5);
  });

  it('runs every token of a prompt that is to be scored, and lets others reuse it', () => {
    cachedOf(promptOf(1, 6));
    expect(cachedOf(promptOf(1, 6), { scoreFrom: 1 })).toBe(0);
    expect(cachedOf(promptOf(1, 6))).toBe(5);
  });

  it('keeps what a cancelled sequence had run, also in the middle of its prefill', () => {
    cachedOf(promptOf(1, 5));
    const id = submit(promptOf(1, 30));
    expect(step().admitted[0]?.cached).toBe(5);
    expect(scheduler.cancel(id)).toBe(true);
    expect(cachedOf(promptOf(1, 30))).toBe(13);
  });

  it('keeps nothing of a run that failed', () => {
    submit(promptOf(1, 6));
    const plan = scheduler.plan();
    if (!plan) throw new Error('there is nothing to run');
    slots.fail(plan);
    scheduler.fail(plan);
    expect(cachedOf(promptOf(1, 6))).toBe(0);
  });

  describe('of which some ran without the value model', () => {
    const idle = { policy: { extraction: 'kl', beta: 0, q: 'probability' } } as const;

    it('gives a sequence that needs the value model nothing that this has not run', () => {
      cachedOf(promptOf(1, 6), idle);
      expect(cachedOf(promptOf(1, 6))).toBe(0);
      expect(cachedOf(promptOf(1, 6))).toBe(5);
    });

    it('gives one that asks for details of its tokens none of it either', () => {
      cachedOf(promptOf(1, 6), idle);
      expect(cachedOf(promptOf(1, 6), { ...idle, details: true })).toBe(0);
    });

    it('gives a sequence of β 0 whatever is there', () => {
      cachedOf(promptOf(1, 6));
      expect(cachedOf(promptOf(1, 6), idle)).toBe(5);
      cachedOf(promptOf(2, 6), idle);
      expect(cachedOf(promptOf(2, 6), idle)).toBe(5);
    });

    it('still knows how far the value model came in a slot that changed hands', () => {
      cachedOf(promptOf(1, 6));
      expect(cachedOf([...promptOf(1, 6), 7, 8, 9], idle)).toBe(6);
      expect(cachedOf([...promptOf(1, 6), 7, 8, 9])).toBe(6);
    });

    it('counts what a run did for others in the batch', () => {
      submit(promptOf(1, 4), { maxTokens: 3 });
      submit(promptOf(2, 4), { ...idle, maxTokens: 3 });
      runToTheEnd();
      expect(cachedOf([...promptOf(2, 4), token, token, 7])).toBe(4);
    });

    it('does not let a prompt wait for one whose run will be of no use to it', () => {
      submit(promptOf(1, 4), idle);
      submit(promptOf(1, 4));
      expect(step().rows).toHaveLength(2);
    });
  });

  describe('of which answers are shared as well', () => {
    beforeEach(() => start(true));

    it('takes over what both prompt and answer have run', () => {
      submit(promptOf(1, 4), { maxTokens: 3 });
      runToTheEnd();
      // The last token of an answer has been drawn and not run.
      expect(cachedOf([...promptOf(1, 4), token, token, token, 50, 51])).toBe(6);
    });

    it('gives the answer of a sequence that is still going on', () => {
      submit(promptOf(1, 4), { maxTokens: 20 });
      for (const _ of ['prefill', 'decode', 'decode']) step();
      submit([...promptOf(1, 4), token, token, 50]);
      expect(step().admitted[0]?.cached).toBe(6);
    });
  });
});
