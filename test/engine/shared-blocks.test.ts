import fc from 'fast-check';
import { expect, it } from 'vitest';
import { sharedTokens } from '../../src/engine/prefix-index.ts';
import { sharedByBlocks } from '../../src/engine/shared-blocks.ts';

const prompt = {
  scope: '',
  tokens: Int32Array.of(1, 2, 3, 4, 5, 6, 7),
  length: 7,
  needsValue: true,
};

function holder(tokens: readonly number[], blocks: readonly number[], scope = '') {
  const past = tokens.length;
  const all = Int32Array.from(tokens);
  return { scope, tokens: all, past, valuePast: past, shareable: past, blocks };
}

it('counts common tokens over whole blocks and into the next, never the prompt’s last', () => {
  const shared = sharedByBlocks(prompt, 2);
  expect(shared(holder([1, 2, 3, 9], [0, 1]), 4)).toBe(3);
  // The same first block, of which it knows, and another behind it.
  expect(shared(holder([1, 2, 3, 4, 5], [0, 2, 3]), 5)).toBe(5);
  expect(shared(holder([1, 2, 3, 4, 5], [0, 2, 3]), 4)).toBe(4);
  expect(shared(holder([1, 2, 3, 4, 5, 6, 7, 8], [4, 5, 6, 7]), 8)).toBe(6);
  expect(shared(holder([8], [8]), 1)).toBe(0);
  expect(shared(holder([1, 2], [0], 'another’s'), 2)).toBe(0);
});

it('counts as one token after the other would, for holders that have blocks of each other', () => {
  const letters = fc.array(fc.nat(1), { minLength: 1, maxLength: 9 });
  /** Goes on from what an earlier one has, and has its whole blocks. */
  const branch = fc.record({ from: fc.nat(20), kept: fc.nat(9), added: letters });
  const blockSize = 2;
  fc.assert(
    fc.property(letters, fc.array(branch, { maxLength: 12 }), fc.nat(9), (ids, branches, limit) => {
      const asked = { ...prompt, tokens: Int32Array.from(ids), length: ids.length };
      const holders: { tokens: readonly number[]; blocks: readonly number[] }[] = [];
      let block = 0;
      for (const { from, kept, added } of branches) {
        const parent = holders[from % Math.max(1, holders.length)];
        const begin = parent?.tokens.slice(0, kept) ?? [];
        const tokens = [...begin, ...added];
        const blocks = parent?.blocks.slice(0, Math.floor(begin.length / blockSize)) ?? [];
        while (blocks.length * blockSize < tokens.length) blocks.push(block++);
        holders.push({ tokens, blocks });
      }
      const shared = sharedByBlocks(asked, blockSize);
      for (const { tokens, blocks } of holders) {
        const other = holder(tokens, blocks);
        const least = Math.min(limit, tokens.length);
        expect(shared(other, least)).toBe(sharedTokens(asked, other, least));
      }
    }),
    { numRuns: 500 },
  );
});
