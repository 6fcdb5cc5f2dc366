// How many leading tokens a prompt shares with others that have many blocks in common: each block is compared once.
import type { PagedPrefix } from './block-pool.ts';
import type { Prompt } from './prefix-index.ts';

export type SharedTokens = (other: PagedPrefix, limit: number) => number;

/** For one prompt and one moment. What several have of a block is the same: whoever shares one shares it whole. */
export function sharedByBlocks({ scope, tokens, length }: Prompt, blockSize: number): SharedTokens {
  const known = new Map<number, number>();
  const compare = (other: PagedPrefix, start: number): number => {
    const end = Math.min(blockSize, length - start, other.tokens.length - start);
    let count = 0;
    while (count < end && tokens[start + count] === other.tokens[start + count]) count += 1;
    return count;
  };
  /** How many of the leading ones are known to be equal; all before such a one are. */
  const equalBlocks = (blocks: readonly number[]): number => {
    let least = 0;
    let most = blocks.length;
    while (least < most) {
      const middle = (least + most) >> 1;
      if (known.get(blocks[middle] ?? -1) === blockSize) least = middle + 1;
      else most = middle;
    }
    return least;
  };
  return (other, limit) => {
    if (scope !== other.scope) return 0;
    const first = equalBlocks(other.blocks);
    let count = first * blockSize;
    for (let index = first; index < other.blocks.length; index++) {
      const block = other.blocks[index] ?? -1;
      const equal = known.get(block) ?? compare(other, count);
      known.set(block, equal);
      count += equal;
      if (equal < blockSize) break;
    }
    return Math.min(count, limit, length - 1);
  };
}
