// The most probable tokens of a row, to be reported beside the one that was chosen.
// biome-ignore-all lint/style/noNonNullAssertion: hot loops over typed arrays, every index within bounds.
import { reservedScore } from './reserved-score.ts';

/** Ids of the `count` highest scores, highest first, ties by id; reserved tokens never. */
export function topTokens(scores: Float32Array, count: number): number[] {
  const top: number[] = [];
  if (count === 0) return top;
  for (let id = 0; id < scores.length; id++) {
    const score = scores[id]!;
    if (score === reservedScore) continue;
    if (top.length === count) {
      if (score <= scores[top[count - 1]!]!) continue;
      top.pop();
    }
    let rank = top.length;
    while (rank > 0 && scores[top[rank - 1]!]! < score) rank -= 1;
    top.splice(rank, 0, id);
  }
  return top;
}
