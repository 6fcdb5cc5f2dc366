import { expect, it } from 'vitest';
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
