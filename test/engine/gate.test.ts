import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Gate, type GateLimits, type Visit } from '../../src/engine/gate.ts';
import { TokenQuota } from '../../src/engine/token-quota.ts';
import { ServerError } from '../../src/errors.ts';
import { sequenceInput } from './inputs.ts';

const MODEL = { device: 'cpu', maxSequences: 2, maxLength: 64, kvCacheBytes: 0 };
const LIMITS: GateLimits = { queueLimit: 3, queueTokens: 100, maxRequestMs: 30_000 };

function gateWith(limits: Partial<GateLimits> = {}, tokenQuota = new TokenQuota(0)) {
  const clock = { nowMs: 1000 };
  const gate = new Gate({ ...LIMITS, ...limits }, MODEL, tokenQuota, () => clock.nowMs);
  const enter = (count = 1, caller: string | null = 'a', promptTokens = 1): Visit => {
    const promptIds = Array.from({ length: promptTokens }, () => 4);
    return gate.enter(Array.from({ length: count }, () => sequenceInput({ caller, promptIds })));
  };
  const refusal = (...args: Parameters<typeof enter>): ServerError => {
    try {
      enter(...args);
    } catch (error) {
      if (error instanceof ServerError) return error;
    }
    throw new Error('it was let in');
  };
  return { gate, clock, enter, refusal };
}

describe('Gate', () => {
  it('lets wait as many as the queue takes, and one more when one has ended', () => {
    const { gate, enter, refusal } = gateWith();
    const visit = enter(5);
    expect(refusal()).toMatchObject({
      code: 'queue_full',
      message: 'The queue is full: with this request 4 sequences would wait, and the limit is 3.',
    });
    gate.leave(visit);
    enter();
    expect(refusal().code).toBe('queue_full');
  });

  it('refuses for good what even an empty queue has no place for', () => {
    const { enter, refusal } = gateWith();
    expect(refusal(6)).toMatchObject({
      code: 'invalid_request',
      message:
        'The request is for 6 sequences at once, and 5 is the most: 2 in slots and queue-limit 3 that wait.',
    });
    enter(5);
  });

  it('bounds the prompt tokens that wait, but never what finds a slot', () => {
    const { gate, enter, refusal } = gateWith();
    enter(1, 'a', 500);
    enter(1, 'a', 500);
    expect(refusal(1, 'a', 10).message).toContain('prompts of 1010 tokens would wait');
    gate.begin(500);
    gate.begin(500);
    enter(1, 'a', 60);
    expect(refusal(1, 'a', 60).message).toContain(
      'prompts of 120 tokens would wait, and the limit is 100',
    );
    enter(1, 'a', 40);
  });

  it('tells how long to wait by how fast sequences end', () => {
    const { gate, clock, enter, refusal } = gateWith();
    const visit = enter(5);
    for (let count = 0; count < 4; count += 1) {
      clock.nowMs += 3000;
      gate.leave(visit);
      enter();
    }
    // One ends every three seconds, and two are too many.
    expect((refusal(2).retryAfterMs ?? 0) / 1000).toBeCloseTo(6, 0);
  });

  it('tells those who come before anything has ended to wait as long as it has taken so far', () => {
    const { clock, enter, refusal } = gateWith();
    enter(5);
    clock.nowMs += 20_000;
    expect((refusal().retryAfterMs ?? 0) / 1000).toBeCloseTo(20, 0);
  });

  it('tells nobody to wait for longer than a request may take', () => {
    const { gate, clock, enter, refusal } = gateWith();
    const visit = enter(5);
    clock.nowMs += 20_000;
    gate.leave(visit);
    enter();
    // One in 20 s, and three are too many.
    expect(refusal(3).retryAfterMs).toBe(30_000);
  });

  it('lets a caller use its tokens a minute, whichever policy it uses, and tells when it has some again', () => {
    const quota = new TokenQuota(60);
    const { gate, enter } = gateWith({ queueTokens: 1e9 }, quota);
    const visit = enter(1, 'a', 50);
    for (let count = 0; count < 30; count += 1) gate.token(visit);
    const other = gateWith({}, quota);
    const { code, message, retryAfterMs } = other.refusal(1, 'a');
    expect([code, message]).toEqual([
      'quota_exceeded',
      'The key "a" has used up its 60 tokens a minute.',
    ]);
    other.enter(1, 'b');
    other.enter(1, null);
    other.clock.nowMs += (retryAfterMs ?? 0) - 1100;
    expect(other.refusal(1, 'a').code).toBe('quota_exceeded');
    other.clock.nowMs += 1100;
    other.enter(1, 'a');
  });

  it('charges a caller once for what its prompts share', () => {
    const quota = new TokenQuota(60);
    const { gate, refusal } = gateWith({ queueTokens: 1e9 }, quota);
    const promptIds = Array.from({ length: 50 }, () => 4);
    const inputs = [0, 1].map(() => sequenceInput({ caller: 'a', promptIds }));
    gate.enter(inputs, 55);
    gate.enter(inputs.slice(1), 4);
    gate.enter(inputs.slice(1), 2);
    expect(refusal(1, 'a').code).toBe('quota_exceeded');
  });

  it('is where it began once everyone has left, whatever happened', () => {
    const steps = fc.array(
      fc.record({
        enters: fc.boolean(),
        count: fc.integer({ min: 1, max: 3 }),
        caller: fc.constantFrom('a', 'b', null),
        tokens: fc.integer({ min: 1, max: 80 }),
        ms: fc.integer({ min: 0, max: 5000 }),
      }),
    );
    fc.assert(
      fc.property(steps, (sequence) => {
        const { gate, clock, enter } = gateWith();
        const inside: { visit: Visit; tokens: number }[] = [];
        const leave = () => {
          const [first] = inside.splice(0, 1);
          if (first === undefined) return;
          while (first.visit.sequences > 0) {
            gate.begin(first.tokens);
            gate.leave(first.visit);
          }
        };
        for (const { enters, count, caller, tokens, ms } of sequence) {
          clock.nowMs += ms;
          try {
            if (enters) inside.push({ visit: enter(count, caller, tokens), tokens });
            else leave();
          } catch (error) {
            expect(error).toBeInstanceOf(ServerError);
            const wait = (error as ServerError).retryAfterMs ?? -1;
            expect(wait >= 0 && Number.isFinite(wait)).toBe(true);
          }
        }
        while (inside.length > 0) leave();
        enter(5, 'a', 20);
        expect(() => enter(1, 'b', 1)).toThrow('4 sequences would wait');
      }),
    );
  });
});
