// Whether the policy's best token is another than the behavior model's.

/** No other token can be as probable as one that has more than half of it all. */
const logHalf = Math.log(0.5);

/** Mostly without a pass over the vocabulary, or with a part of one. Of equals in π_φ each is the best. */
export function bestMoved(behaviorLogprobs: Float32Array, policyBest: number): boolean {
  const best = behaviorLogprobs[policyBest];
  if (best === undefined) throw new Error(`There is no token ${policyBest}.`);
  if (best > logHalf) return false;
  for (let id = 0; id < behaviorLogprobs.length; id++) {
    if ((behaviorLogprobs[id] as number) > best) return true;
  }
  return false;
}
