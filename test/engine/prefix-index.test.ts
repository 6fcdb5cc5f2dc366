import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  longestPrefix,
  type Prefix,
  type Prompt,
  shareableTokens,
} from '../../src/engine/prefix-index.ts';

const scope = fc.constantFrom('a', 'b');
/** Of two letters, so that prompts and holders often begin alike. */
const tokens = fc.array(fc.nat(1), { minLength: 1, maxLength: 6 });

const holder: fc.Arbitrary<Prefix> = fc
  .record({ scope, tokens, past: fc.nat(6), valuePast: fc.nat(6), shareable: fc.nat(6) })
  .map((drawn) => {
    const past = Math.min(drawn.past, drawn.tokens.length);
    const valuePast = Math.min(drawn.valuePast, past);
    return { ...drawn, tokens: Int32Array.from(drawn.tokens), past, valuePast };
  });

const prompt: fc.Arbitrary<Prompt> = fc
  .record({ scope, tokens, needsValue: fc.boolean() })
  .map((drawn) => {
    return { ...drawn, tokens: Int32Array.from(drawn.tokens), length: drawn.tokens.length };
  });

const holders = fc.array(fc.option(holder, { freq: 4 }), { maxLength: 6 });

/** All leading tokens that a prompt may take, counted one by one. */
function takeable(asked: Prompt, from: Prefix): number {
  let count = 0;
  const mayGoOn = (): boolean =>
    asked.scope === from.scope &&
    count < asked.length - 1 &&
    count < from.past &&
    count < from.shareable &&
    (!asked.needsValue || count < from.valuePast) &&
    asked.tokens[count] === from.tokens[count];
  while (mayGoOn()) count += 1;
  return count;
}

describe('longestPrefix', () => {
  it('finds a holder of which no other has more to give, and of equals none has less to lose', () => {
    fc.assert(
      fc.property(holders, prompt, fc.integer({ min: 1, max: 4 }), (slots, asked, atLeast) => {
        const offers = slots
          .flatMap((from) => (from === null ? [] : [{ from, count: takeable(asked, from) }]))
          .filter(({ count }) => count >= atLeast);
        const match = longestPrefix(slots, asked, atLeast);
        if (match === null) {
          expect(offers).toEqual([]);
          return;
        }
        expect(match.tokens).toBe(Math.max(...offers.map(({ count }) => count)));
        const best = offers.filter(({ count }) => count === match.tokens);
        expect(best.map(({ from }) => from)).toContain(match.holder);
        expect(match.holder.past).toBe(Math.min(...best.map(({ from }) => from.past)));
      }),
      { numRuns: 2000 },
    );
  });

  it('finds nothing where nothing is enough', () => {
    fc.assert(
      fc.property(holders, prompt, (slots, asked) => {
        expect(longestPrefix(slots, asked, Number.POSITIVE_INFINITY)).toBeNull();
      }),
    );
  });
});

describe('shareableTokens', () => {
  it('are those that have run, up to where others may follow', () => {
    const [long, short] = [5, 2].map((shareable) => {
      const prefix = { scope: '', tokens: new Int32Array(6), past: 4, valuePast: 0, shareable };
      return shareableTokens(prefix);
    });
    expect([long, short]).toEqual([4, 2]);
  });
});
