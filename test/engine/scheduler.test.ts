import { describe, expect, it } from 'vitest';
import type { Outcome } from '../../src/engine/outcome.ts';
import { Scheduler } from '../../src/engine/scheduler.ts';
import type { StepPlan } from '../../src/engine/step-plan.ts';
import { sequenceRequest } from './inputs.ts';

const limits = {
  maxSequences: 3,
  prefillChunk: 8,
  maxScored: 4,
  vocabularySize: 58,
  minReuse: Number.POSITIVE_INFINITY,
  sharesAnswers: false,
  eosTokenIds: new Set([2]),
};
const token = 9;

function promptOf(length: number): number[] {
  return Array.from({ length }, (_, index) => 10 + index);
}

function mustPlan(scheduler: Scheduler): StepPlan {
  const plan = scheduler.plan();
  if (!plan) throw new Error('there is nothing to run');
  return plan;
}

/** Runs the next plan as if the policy drew `drawn` for every row. */
function step(scheduler: Scheduler, drawn = token): readonly Outcome[] {
  const plan = mustPlan(scheduler);
  return scheduler.commit(
    plan,
    plan.rows.map(() => drawn),
  );
}

function idsOf(plan: StepPlan): number[] {
  return plan.rows.map(({ request }) => request.id);
}

describe('Scheduler', () => {
  it('has nothing to do without sequences', () => {
    expect(new Scheduler(limits).plan()).toBeNull();
  });

  it('prefills prompts that arrive together in one padded run, then decodes them together', () => {
    const scheduler = new Scheduler(limits);
    scheduler.submit(sequenceRequest(0, { promptIds: promptOf(2) }));
    scheduler.submit(sequenceRequest(1, { promptIds: promptOf(4) }));
    const prefill = mustPlan(scheduler);
    expect(prefill).toMatchObject({ kind: 'prefill', firstSlot: 0, width: 4, scoring: 'last' });
    expect(idsOf(prefill)).toEqual([0, 1]);
    scheduler.commit(prefill, [token, token]);
    const decode = mustPlan(scheduler);
    expect(decode).toMatchObject({ kind: 'decode', firstSlot: 0, width: 1, moves: [] });
    expect(decode.rows.map(({ length, past }) => [length, past])).toEqual([
      [3, 2],
      [5, 4],
    ]);
  });

  it('groups only as many prompts as the chunk holds, padding included', () => {
    const scheduler = new Scheduler(limits);
    for (const length of [2, 3, 3]) {
      scheduler.submit(sequenceRequest(length, { promptIds: promptOf(length) }));
    }
    expect(mustPlan(scheduler)).toMatchObject({ rows: { length: 2 }, width: 4 });
  });

  it('leaves a prompt to a run of its own where the others would be padded by more than that costs', () => {
    const groups = (lengths: readonly number[]) => {
      const scheduler = new Scheduler({ ...limits, maxSequences: 8, prefillChunk: 512 });
      for (const [id, length] of lengths.entries()) {
        scheduler.submit(sequenceRequest(id, { promptIds: promptOf(length) }));
      }
      const runs: number[] = [];
      for (let plan = scheduler.plan(); plan?.kind === 'prefill'; plan = scheduler.plan()) {
        runs.push(plan.rows.length);
        scheduler.commit(
          plan,
          plan.rows.map(() => token),
        );
      }
      return runs;
    };
    expect(groups([32, 32, 30, 16, 38])).toEqual([4, 1]);
    expect(groups([100, 2, 2, 2])).toEqual([1, 3]);
    expect(groups([2, 2, 2, 100])).toEqual([3, 1]);
    expect(groups([4, 20, 28])).toEqual([3]);
  });

  it('runs a long prompt in chunks and decodes the others between two of them', () => {
    const scheduler = new Scheduler(limits);
    scheduler.submit(sequenceRequest(0, { promptIds: promptOf(2), maxTokens: 20 }));
    step(scheduler);
    scheduler.submit(sequenceRequest(1, { promptIds: promptOf(20) }));
    const kinds: string[] = [];
    for (let round = 0; round < 6; round++) {
      const plan = mustPlan(scheduler);
      kinds.push(`${plan.kind} ${plan.width}`);
      scheduler.commit(
        plan,
        plan.rows.map(() => token),
      );
    }
    expect(kinds).toEqual([
      'decode 1',
      'prefill 8',
      'decode 1',
      'prefill 8',
      'decode 1',
      'prefill 4',
    ]);
  });

  it('keeps later arrivals behind a long prompt', () => {
    const scheduler = new Scheduler(limits);
    scheduler.submit(sequenceRequest(0, { promptIds: promptOf(12) }));
    scheduler.submit(sequenceRequest(1));
    expect(idsOf(mustPlan(scheduler))).toEqual([0]);
    expect(scheduler.waiting).toBe(1);
  });

  it('serves the lowest priority first, in order of arrival among equals, and takes no slot away', () => {
    const scheduler = new Scheduler({ ...limits, maxSequences: 1 });
    for (const [id, priority] of [5, 0, -1, 0, 7, -1].entries()) {
      scheduler.submit(sequenceRequest(id, { priority, maxTokens: 2 }));
      if (id === 0) step(scheduler);
    }
    const order: number[] = [];
    for (let plan = scheduler.plan(); plan; plan = scheduler.plan()) {
      order.push(...plan.admitted.map(({ request }) => request.id));
      scheduler.commit(plan, [token]);
    }
    expect(order).toEqual([2, 5, 1, 3, 4]);
  });

  it('moves the last decoding sequence into the slot of one that ends', () => {
    const scheduler = new Scheduler(limits);
    for (const [id, maxTokens] of [8, 2, 8].entries()) {
      scheduler.submit(sequenceRequest(id, { promptIds: promptOf(2), maxTokens }));
    }
    step(scheduler);
    const outcomes = step(scheduler);
    expect(outcomes.map(({ finish }) => finish)).toEqual([null, 'length', null]);
    const decode = mustPlan(scheduler);
    expect(decode.moves).toEqual([{ kind: 'copy', from: 2, to: 1, tokens: 3 }]);
    expect(idsOf(decode)).toEqual([0, 2]);
  });

  it('closes the gap that opened while a long prompt was prefilled', () => {
    const scheduler = new Scheduler(limits);
    scheduler.submit(sequenceRequest(0, { promptIds: promptOf(2), maxTokens: 3 }));
    step(scheduler);
    step(scheduler);
    scheduler.submit(sequenceRequest(1, { promptIds: promptOf(12) }));
    step(scheduler);
    expect(step(scheduler)[0]).toMatchObject({ finish: 'length' });
    const rest = mustPlan(scheduler);
    expect(rest).toMatchObject({ kind: 'prefill', firstSlot: 1, width: 4 });
    scheduler.commit(rest, [token]);
    const decode = mustPlan(scheduler);
    expect(decode.moves).toEqual([{ kind: 'copy', from: 1, to: 0, tokens: 12 }]);
    expect(decode).toMatchObject({ kind: 'decode', firstSlot: 0, rows: { length: 1 } });
  });

  it('ends a sequence at an end-of-sequence token without reporting the token', () => {
    const scheduler = new Scheduler(limits);
    scheduler.submit(sequenceRequest(0));
    const [outcome] = step(scheduler, 2);
    expect(outcome).toMatchObject({ token: null, finish: 'eos' });
    expect(scheduler.running).toBe(0);
    expect(scheduler.plan()).toBeNull();
  });

  it('ends at a token of the request and says which', () => {
    const scheduler = new Scheduler(limits);
    scheduler.submit(sequenceRequest(0, { stopTokenIds: [5, 2] }));
    scheduler.submit(sequenceRequest(1, { stopTokenIds: [5] }));
    const outcomes = scheduler.commit(mustPlan(scheduler), [2, 5]);
    expect(outcomes[0]).toMatchObject({ token: null, finish: 'eos' });
    expect(outcomes[1]).toMatchObject({ token: null, finish: 'stop_token', endingToken: 5 });
    expect(scheduler.running).toBe(0);
  });

  it('takes the end of sequence for a token like others where the request ignores it', () => {
    const scheduler = new Scheduler(limits);
    scheduler.submit(sequenceRequest(0, { ignoreEos: true, maxTokens: 3 }));
    scheduler.submit(sequenceRequest(1, { ignoreEos: true, stopTokenIds: [2] }));
    const outcomes = step(scheduler, 2);
    expect(outcomes[0]).toMatchObject({ token: 2, finish: null });
    expect(outcomes[1]).toMatchObject({ token: null, finish: 'stop_token', endingToken: 2 });
    step(scheduler, 2);
    expect(step(scheduler, 2)[0]).toMatchObject({ token: 2, finish: 'length' });
  });

  it('never ends at a token when the policy has no end of sequence', () => {
    const scheduler = new Scheduler({ ...limits, eosTokenIds: new Set() });
    scheduler.submit(sequenceRequest(0));
    expect(step(scheduler, 2)[0]).toMatchObject({ token: 2, finish: null });
  });

  it('only scores a prompt whose answer may have no tokens', () => {
    const scheduler = new Scheduler(limits);
    const promptIds = promptOf(6);
    scheduler.submit(sequenceRequest(0, { promptIds, maxTokens: 0, scoreFrom: 1 }));
    scheduler.submit(sequenceRequest(1));
    const first = mustPlan(scheduler);
    expect(first).toMatchObject({ rows: { length: 1 }, width: 4, scoring: 'every' });
    expect(scheduler.commit(first, [-1])[0]).toMatchObject({ token: null, finish: null });
    expect(step(scheduler)[0]).toMatchObject({ token: null, finish: 'length' });
  });

  it('admits no more sequences than there are slots', () => {
    const scheduler = new Scheduler(limits);
    for (let id = 0; id < 5; id++) {
      scheduler.submit(sequenceRequest(id, { promptIds: promptOf(1) }));
    }
    step(scheduler);
    expect([scheduler.running, scheduler.waiting]).toEqual([3, 2]);
  });

  it('cancels a sequence wherever it is, and says when there is none', () => {
    const scheduler = new Scheduler(limits);
    scheduler.submit(sequenceRequest(0));
    step(scheduler);
    scheduler.submit(sequenceRequest(1, { promptIds: promptOf(12) }));
    step(scheduler);
    step(scheduler);
    scheduler.submit(sequenceRequest(2));
    for (const id of [2, 1, 0]) expect(scheduler.cancel(id)).toBe(true);
    expect(scheduler.cancel(0)).toBe(false);
    expect([scheduler.running, scheduler.waiting, scheduler.plan()]).toEqual([0, 0, null]);
  });

  it('drops the rows of a run that failed and goes on with the others', () => {
    const scheduler = new Scheduler(limits);
    scheduler.submit(sequenceRequest(0));
    step(scheduler);
    scheduler.submit(sequenceRequest(1));
    expect(scheduler.fail(mustPlan(scheduler)).map(({ request }) => request.id)).toEqual([1]);
    expect(idsOf(mustPlan(scheduler))).toEqual([0]);
  });
});
