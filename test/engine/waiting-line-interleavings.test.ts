// Arrivals, turns, departures and ends in any order, against the definition of who is next.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSequence, type Sequence } from '../../src/engine/sequence.ts';
import { WaitingLine } from '../../src/engine/waiting-line.ts';
import { sequenceRequest } from './inputs.ts';

const CALLERS = ['a', 'b', 'c'] as const;
const vocabulary = { vocabularySize: 32, eosTokenIds: new Set([2]), sharesAnswers: false };

interface Arrival {
  readonly kind: 'push';
  readonly caller: string;
  readonly maxTokens: number;
  readonly priority: number;
}

type Action =
  | Arrival
  | { readonly kind: 'take'; readonly count: number }
  | { readonly kind: 'remove' | 'settle'; readonly index: number };

const arrival: fc.Arbitrary<Arrival> = fc.record({
  kind: fc.constant('push'),
  caller: fc.constantFrom(...CALLERS),
  maxTokens: fc.nat(50),
  priority: fc.integer({ min: -1, max: 1 }),
});

const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 3, arbitrary: arrival },
  fc.record({ kind: fc.constant('take' as const), count: fc.nat(3) }),
  fc.record({ kind: fc.constantFrom('remove' as const, 'settle' as const), index: fc.nat(20) }),
);

/** The definition, with a search where the line keeps order: the caller charged least, then the first to come. */
class PlainLine {
  /** In order of arrival. */
  waiting: readonly Sequence[] = [];
  readonly #charged = new Map<string | null, number>();
  readonly #backSince = new Map<string | null, number>();
  #clock = 0;

  push(arrived: Sequence): void {
    const { caller } = arrived.request;
    const isBack = this.waiting.every(({ request }) => request.caller !== caller);
    const charged = this.#chargedTo(arrived);
    if (isBack) {
      this.#backSince.set(caller, this.#clock);
      this.#charged.set(caller, Math.max(charged, this.#clock));
    }
    this.waiting = [...this.waiting, arrived];
  }

  take(count: number): Sequence[] {
    const taken: Sequence[] = [];
    while (taken.length < count && this.waiting.length > 0) taken.push(this.#takeOne());
    return taken;
  }

  settle(ended: Sequence): void {
    this.#charge(ended, ended.length - ended.tokens.length);
    const { caller } = ended.request;
    const least = this.#backSince.get(caller) ?? 0;
    this.#charged.set(caller, Math.max(least, this.#chargedTo(ended)));
  }

  #takeOne(): Sequence {
    const heads = CALLERS.flatMap((caller) => {
      const own = this.waiting.filter(({ request }) => request.caller === caller);
      const urgent = Math.min(...own.map(({ request }) => request.priority));
      return own.find(({ request }) => request.priority === urgent) ?? [];
    });
    const least = Math.min(...heads.map((head) => this.#chargedTo(head)));
    const candidates = heads.filter((head) => this.#chargedTo(head) === least);
    const next = this.waiting.find((each) => candidates.includes(each));
    if (next === undefined) throw new Error('nobody waits');
    this.waiting = this.waiting.filter((other) => other !== next);
    this.#clock = Math.max(this.#clock, least);
    this.#charge(next, next.tokens.length);
    return next;
  }

  #charge(each: Sequence, tokens: number): void {
    this.#charged.set(each.request.caller, this.#chargedTo(each) + tokens);
  }

  #chargedTo({ request }: Sequence): number {
    return this.#charged.get(request.caller) ?? 0;
  }
}

class TwoLines {
  readonly #line = new WaitingLine();
  readonly #plain = new PlainLine();
  readonly #running: Sequence[] = [];
  #nextId = 0;

  run(next: Action): void {
    if (next.kind === 'push') {
      const { kind: _, ...changes } = next;
      const request = sequenceRequest(this.#nextId++, { promptIds: [4], ...changes });
      const arrived = createSequence(request, vocabulary);
      this.#line.push(arrived);
      this.#plain.push(arrived);
    } else if (next.kind === 'take') {
      const taken = this.#line.take(next.count);
      expect(taken).toEqual(this.#plain.take(next.count));
      this.#running.push(...taken);
    } else if (next.kind === 'remove') this.#remove(next.index);
    else this.#settle(next.index);
    expect(this.#line.length).toBe(this.#plain.waiting.length);
  }

  #remove(index: number): void {
    const gone = this.#plain.waiting[index];
    expect(this.#line.remove(gone?.request.id ?? -1)).toBe(gone !== undefined);
    this.#plain.waiting = this.#plain.waiting.filter((other) => other !== gone);
  }

  #settle(index: number): void {
    const [ended] = this.#running.splice(index, 1);
    if (ended === undefined) return;
    ended.length = Math.ceil(ended.tokens.length / 2);
    this.#line.settle(ended);
    this.#plain.settle(ended);
  }
}

describe('WaitingLine, under random use', () => {
  it('gives turns as the definition does', () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 80, size: 'max' }), (actions) => {
        const lines = new TwoLines();
        for (const next of actions) lines.run(next);
      }),
      { numRuns: 300 },
    );
  });
});
