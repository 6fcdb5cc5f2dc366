// How many leading tokens a prompt shares with others that have many blocks in common: each block is compared once.
import type { PagedPrefix } from './block-pool.ts';
import type { Prompt } from './prefix-index.ts';

/** For one prompt and one moment. What several have of a block is the same: whoever shares one shares it whole. */
export function sharedByBlocks(
  { scope, tokens, length }: Prompt,
  blockSize: number,
): (other: PagedPrefix, limit: number) => number {
  const known = new Map<number, number>();
  const compare = (other: PagedPrefix, start: number): number => {
    const end = Math.min(blockSize, length - start, other.tokens.length - start);
    let count = 0;
    while (count < end && tokens[start + count] === other.tokens[start + count]) count += 1;
    return count;
  };
  return (other, limit) => {
    if (scope !== other.scope) return 0;
    let count = 0;
    for (const block of other.blocks) {
      const equal = known.get(block) ?? compare(other, count);
      known.set(block, equal);
      count += equal;
      if (equal < blockSize) break;
    }
    return Math.min(count, limit, length - 1);
  };
}
