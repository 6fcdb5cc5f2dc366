import { describe, expect, it } from 'vitest';
import { Scheduler, type StepPlan } from '../../src/engine/scheduler.ts';
import { type Random, seededRandom } from '../random.ts';
import { sequenceRequest } from './inputs.ts';
import { SlotModel } from './slot-model.ts';

const eosTokenId = 2;

/** What a sequence would answer alone: a function of its id and length, so that a mix-up of rows shows. */
function tokenAfter(id: number, length: number): number {
  const token = (id * 31 + length * 17) % 23;
  return token === 0 ? eosTokenId : token + 3;
}

/** Drives one scheduler through random arrivals, cancellations and failures, and checks every promise it makes. */
class Interleaving {
  readonly #random: Random;
  readonly #maxSequences: number;
  readonly #prefillChunk: number;
  readonly #scheduler: Scheduler;
  readonly #slots: SlotModel;
  readonly #unfinished = new Map<number, number[]>();
  readonly #priorities = new Map<number, number>();
  readonly #started = new Set<number>();
  /** What clients know: prompts with their answers so far, to go on from. */
  readonly #transcripts: number[][] = [[]];
  readonly #minReuse: number;
  #reused = 0;
  #lastKind: StepPlan['kind'] | null = null;
  #nextId = 0;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
    this.#maxSequences = 1 + this.#random.below(5);
    this.#prefillChunk = 1 + this.#random.below(12);
    this.#minReuse = this.#random.pick([1, 2, 5, Number.POSITIVE_INFINITY]);
    this.#slots = new SlotModel(this.#maxSequences);
    this.#scheduler = new Scheduler({
      maxSequences: this.#maxSequences,
      prefillChunk: this.#prefillChunk,
      maxScored: Math.max(this.#maxSequences, 4),
      vocabularySize: 1000,
      minReuse: this.#minReuse,
      eosTokenIds: new Set([eosTokenId]),
    });
  }

  run(): void {
    for (let round = 0; round < 150; round++) {
      if (this.#random.below(3) === 0) this.#submit();
      if (this.#random.below(8) === 0) this.#cancel();
      this.#step();
    }
    for (let round = 0; this.#unfinished.size > 0; round++) {
      expect(round, 'steps to finish what is left').toBeLessThan(5000);
      this.#step();
    }
    expect(this.#scheduler.plan()).toBeNull();
    expect([this.#scheduler.running, this.#scheduler.waiting]).toEqual([0, 0]);
    if (this.#minReuse > 30) expect(this.#reused).toBe(0);
  }

  #submit(): void {
    const random = this.#random;
    const id = this.#nextId++;
    const known = random.pick(this.#transcripts);
    const promptIds = [
      ...known.slice(0, random.pick([known.length, random.below(known.length + 1)])),
      ...Array.from({ length: 1 + random.below(10) }, () => 100 + random.below(3)),
    ].slice(0, 40);
    const scoreFrom = random.below(6) === 0 ? 1 + random.below(promptIds.length) : null;
    const maxTokens = random.below(12);
    const cacheScope = random.pick(['a', 'a', 'b']);
    this.#transcripts.push(promptIds);
    const priority = random.pick([0, 0, 0, -1, 1]);
    this.#priorities.set(id, priority);
    const beta = random.pick([0, 4, 4, 4]);
    const policy = { extraction: 'kl', beta, q: 'probability' } as const;
    const changes = { promptIds, maxTokens, scoreFrom, cacheScope, priority, policy };
    this.#scheduler.submit(sequenceRequest(id, changes));
    this.#unfinished.set(id, []);
  }

  #cancel(): void {
    if (this.#nextId === 0) return;
    const id = this.#random.below(this.#nextId);
    expect(this.#scheduler.cancel(id)).toBe(this.#unfinished.delete(id));
  }

  #step(): void {
    const plan = this.#scheduler.plan();
    if (!plan) {
      expect(this.#unfinished.size).toBe(0);
      return;
    }
    this.#checkPlan(plan);
    this.#slots.move(plan);
    if (this.#random.below(40) === 0) {
      this.#slots.fail(plan);
      for (const { request } of this.#scheduler.fail(plan)) this.#finish(request.id);
      return;
    }
    this.#slots.run(plan);
    const outcomes = this.#scheduler.commit(
      plan,
      plan.rows.map(({ request, length }) => tokenAfter(request.id, length)),
    );
    for (const { sequence, token, finish } of outcomes) {
      const { id, maxTokens } = sequence.request;
      const answer = this.#unfinished.get(id) ?? [];
      if (token !== null) answer.push(token);
      expect(answer.length).toBeLessThanOrEqual(maxTokens);
      if (finish === 'length') expect(answer.length).toBe(maxTokens);
      if (finish === null) continue;
      this.#transcripts.push([...sequence.request.promptIds, ...answer]);
      this.#finish(id);
    }
  }

  #checkPlan(plan: StepPlan): void {
    const { kind, firstSlot, rows, width, scoring } = plan;
    expect(firstSlot + rows.length).toBeLessThanOrEqual(this.#maxSequences);
    this.#checkAdmitted(plan);
    if (kind === 'prefill') {
      expect(rows.length * width).toBeLessThanOrEqual(this.#prefillChunk);
      for (const { request, past } of rows) {
        if (request.scoreFrom === null) continue;
        expect(rows.length).toBe(1);
        const scores = past + width >= request.scoreFrom;
        expect(scoring).toBe(scores ? 'every' : 'last');
        if (scores) expect(past).toBeGreaterThanOrEqual(request.scoreFrom - 1);
      }
      if (rows.some(({ past }) => past > 0)) expect(rows.length).toBe(1);
      const decoding = this.#scheduler.running - rows.length;
      const stalls = this.#lastKind === 'prefill' && decoding > 0;
      expect(stalls, 'two prefills in a row').toBe(false);
    }
    this.#lastKind = kind;
  }

  /** Nobody starts before everyone of a better claim has; everyone begins with what it was given. */
  #checkAdmitted({ admitted }: StepPlan): void {
    for (const { request, past, cached } of admitted) {
      expect(past, `cached tokens of ${request.id}`).toBe(cached);
      expect(cached).toBeLessThan(request.promptIds.length);
      if (request.scoreFrom !== null) expect(cached).toBeLessThan(request.scoreFrom);
      this.#reused += cached;
      this.#started.add(request.id);
      for (const id of this.#unfinished.keys()) {
        if (this.#claim(id) >= this.#claim(request.id)) continue;
        expect(this.#started.has(id), `${request.id} overtakes ${id}`).toBe(true);
      }
    }
  }

  /** By priority, then arrival. */
  #claim(id: number): number {
    return (this.#priorities.get(id) ?? NaN) * 1e6 + id;
  }

  /** Exactly once. */
  #finish(id: number): void {
    expect(this.#unfinished.delete(id), `sequence ${id} finishes`).toBe(true);
  }
}

describe('Scheduler, under random arrivals, cancellations and failures', () => {
  it.each(Array.from({ length: 24 }, (_, seed) => seed))('keeps its promises (seed %i)', (seed) => {
    new Interleaving(seed).run();
  });
});
