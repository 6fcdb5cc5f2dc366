// Whether the policy's best token is another than the behavior model's.
import type { StepScores } from './step-outputs.ts';

/** No other token can be as probable as one that has more than half of it all. */
const logHalf = Math.log(0.5);

/** Mostly without a pass over the vocabulary, or with a part of one. Of equals in π_φ each is the best. */
export function movesArgmax(
  { behaviorLogprobs, argmaxWords }: StepScores,
  position: number,
): boolean {
  const row = behaviorLogprobs[position];
  const best = row?.[argmaxWords[2 * position] ?? -1];
  if (row === undefined || best === undefined) {
    throw new Error(`Position ${position} was not scored.`);
  }
  if (best > logHalf) return false;
  for (let id = 0; id < row.length; id++) if ((row[id] as number) > best) return true;
  return false;
}
