import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSequence, type Sequence } from '../../src/engine/sequence.ts';
import { WaitingLine } from '../../src/engine/waiting-line.ts';
import { sequenceRequest } from './inputs.ts';

const VOCABULARY = { vocabularySize: 32, eosTokenIds: new Set([2]), sharesAnswers: false };
const CALLERS = ['a', 'b', 'c'] as const;

let nextId = 0;
function sequence(caller: string | null, tokens: number, priority = 0): Sequence {
  const request = sequenceRequest(nextId++, {
    caller,
    priority,
    promptIds: [4],
    maxTokens: tokens - 1,
  });
  return createSequence(request, VOCABULARY);
}

function line(sequences: readonly Sequence[]): WaitingLine {
  const waiting = new WaitingLine();
  for (const each of sequences) waiting.push(each);
  return waiting;
}

function callers(sequences: Iterable<Sequence>): string {
  return [...sequences].map(({ request }) => request.caller).join('');
}

const arrivals = fc.array(
  fc.record({
    caller: fc.constantFrom(...CALLERS),
    tokens: fc.integer({ min: 1, max: 50 }),
    priority: fc.integer({ min: -1, max: 1 }),
  }),
  { maxLength: 40 },
);

describe('WaitingLine', () => {
  it('lets callers take turns, however many sequences one of them has', () => {
    const many = Array.from({ length: 6 }, () => sequence('a', 10));
    expect(callers(line([...many, sequence('b', 10), sequence('b', 10)]))).toBe('ababaaaa');
  });

  it('counts tokens, not sequences', () => {
    const long = [sequence('a', 30), sequence('a', 30)];
    const short = Array.from({ length: 4 }, () => sequence('b', 10));
    expect(callers(line([...long, ...short]))).toBe('abbbab');
  });

  it('gives no credit for having been away', () => {
    const waiting = line(Array.from({ length: 8 }, () => sequence('a', 10)));
    waiting.take(4);
    for (let count = 0; count < 4; count += 1) waiting.push(sequence('b', 10));
    expect(callers(waiting)).toBe('babababa');
  });

  it('lets nobody jump the queue of another by a priority', () => {
    const eager = Array.from({ length: 3 }, () => sequence('a', 10, -1000));
    expect(callers(line([sequence('b', 10), ...eager]))).toBe('baaa');
  });

  it('gives back what a sequence was charged for and did not use', () => {
    const [long, ...rest] = [sequence('a', 100), sequence('a', 10), sequence('b', 10)];
    const waiting = line([long, ...rest]);
    const [taken] = waiting.take(1);
    waiting.push(sequence('b', 10));
    expect(callers(waiting)).toBe('bba');
    if (taken !== undefined) waiting.settle(taken);
    expect(callers(waiting)).toBe('bab');
  });

  it('gives no credit for a long sequence that ends early after its caller was away', () => {
    const waiting = line([sequence('a', 1000)]);
    const [long] = waiting.take(1);
    for (let count = 0; count < 60; count += 1) waiting.push(sequence('b', 10));
    waiting.take(50);
    for (let count = 0; count < 4; count += 1) waiting.push(sequence('a', 10));
    if (long !== undefined) waiting.settle(long);
    expect(callers(waiting).slice(0, 8)).toBe('abababab');
  });

  it('takes what it lists, each of its sequences once', () => {
    fc.assert(
      fc.property(arrivals, fc.array(fc.integer({ min: 0, max: 5 })), (given, counts) => {
        const sequences = given.map((each) => sequence(each.caller, each.tokens, each.priority));
        const waiting = line(sequences);
        const taken: Sequence[] = [];
        for (const count of [...counts, sequences.length]) {
          const listed = [...waiting].slice(0, count);
          const got = waiting.take(count);
          expect(got).toEqual(listed);
          taken.push(...got);
        }
        expect(new Set(taken)).toEqual(new Set(sequences));
        expect(waiting.length).toBe(0);
      }),
    );
  });

  it('keeps to priority and arrival within each caller', () => {
    fc.assert(
      fc.property(arrivals, (given) => {
        const sequences = given.map((each) => sequence(each.caller, each.tokens, each.priority));
        const taken = line(sequences).take(sequences.length);
        for (const caller of CALLERS) {
          const own = (each: Sequence) => each.request.caller === caller;
          const sorted = sequences
            .filter(own)
            .sort((one, other) => one.request.priority - other.request.priority);
          expect(taken.filter(own)).toEqual(sorted);
        }
      }),
    );
  });

  it('never lets one waiting caller get ahead of another by more than one sequence', () => {
    fc.assert(
      fc.property(arrivals, (given) => {
        const sequences = given.map((each) => sequence(each.caller, each.tokens, each.priority));
        const waiting = line(sequences);
        const longest = Math.max(...given.map(({ tokens }) => tokens));
        const served = new Map<string | null, number>(CALLERS.map((caller) => [caller, 0]));
        const left = (caller: string | null) =>
          [...waiting].some(({ request }) => request.caller === caller);
        for (let [next] = waiting.take(1); next !== undefined; [next] = waiting.take(1)) {
          const { caller } = next.request;
          served.set(caller, (served.get(caller) ?? 0) + next.tokens.length);
          const both = CALLERS.filter((other) => left(other) && left(caller));
          for (const other of both) {
            expect((served.get(caller) ?? 0) - (served.get(other) ?? 0)).toBeLessThanOrEqual(
              longest,
            );
          }
        }
      }),
    );
  });

  it('forgets a sequence that is removed, wherever it waits', () => {
    const sequences = [sequence('a', 10), sequence('b', 10), sequence('a', 10)];
    const waiting = line(sequences);
    expect(waiting.remove(sequences[2]?.request.id ?? -1)).toBe(true);
    expect(waiting.remove(-1)).toBe(false);
    expect(waiting.length).toBe(2);
    expect(callers(waiting)).toBe('ab');
  });
});
