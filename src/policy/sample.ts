// One token from a row of scores, exactly: no approximation of the distribution, no allocation per token.
//
// The order in which a request's fields act on the combined scores is:
// repetition, presence and frequency penalties, logit_bias, min_tokens (all in `score-edits.ts`), then, here,
// temperature, top_k, top_p, min_p and one draw from the whole of what is left.
// biome-ignore-all lint/style/noNonNullAssertion: hot loops over typed arrays, every index within bounds.
import { NucleusFloor } from './nucleus-floor.ts';
import { RankedIds } from './ranked-ids.ts';
import { stepsPerScore, weightAt } from './relative-weight.ts';
import { reservedScore } from './reserved-score.ts';
import { Shortlist } from './shortlist.ts';

/** Ids in a row whose weights are summed together, so that a draw searches the sums and then one run. */
export const runLength = 64;

/** Lowers a floor by more than rounding could raise it: no token that is kept may be lost. */
const slack = 1 - 1e-6;

export interface Truncation {
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
  readonly minP: number;
}

export class Sampler {
  readonly #runMasses: Float64Array;
  readonly #runHighs: Float32Array;
  readonly #rankedRuns: RankedIds;
  readonly #nucleusFloor = new NucleusFloor();
  readonly #shortlist: Shortlist;
  #scores: Float32Array = new Float32Array(0);
  #highest = 0;
  #stepsPerScore = 0;

  constructor(vocabularySize: number) {
    const runs = Math.ceil(vocabularySize / runLength);
    this.#runMasses = new Float64Array(runs);
    this.#runHighs = new Float32Array(runs);
    this.#rankedRuns = new RankedIds(runs);
    this.#shortlist = new Shortlist(vocabularySize);
  }

  /**
   * 1. A token weighs exp((score − highest) / temperature) (above 0: the caller takes the best for 0).
   * 2. Keep the topK highest scores; of those, the smallest leading set that holds topP of their weight; of those,
   *    the ones that weigh at least minP.
   * 3. Of what is kept, in ascending id order, the first token whose cumulative weight exceeds draw · all of it.
   *
   * `highest` is the highest of `scores`.
   */
  sample(scores: Float32Array, highest: number, truncation: Truncation, draw: number): number {
    const { temperature, topK, topP, minP } = truncation;
    this.#scores = scores;
    this.#highest = highest;
    this.#stepsPerScore = stepsPerScore(temperature);
    if (topK === 0 && topP === 1 && minP === 0) return this.#pickFromAll(draw);
    const kept = this.#shortlist;
    if (topK > 0) {
      this.#gatherBest(topK);
      kept.keepCount(topK);
      if (topP < 1) kept.keepMass(topP * kept.mass);
    } else {
      const reach = Math.min(this.#reachOfShare(topP), -temperature * Math.log(minP * slack));
      kept.begin(scores, highest, this.#stepsPerScore, highest - reach);
      kept.gather(0, scores.length);
      if (topP < 1) kept.keepMass(topP * this.#nucleusFloor.mass);
    }
    if (minP > 0) kept.keepWeights(minP);
    return kept.pick(draw);
  }

  /** The same draw from all at temperature 1, where `runMasses` says what each run holds of π̂. */
  sampleByRuns(
    scores: Float32Array,
    highest: number,
    runMasses: Float32Array,
    draw: number,
  ): number {
    this.#scores = scores;
    this.#highest = highest;
    this.#stepsPerScore = stepsPerScore(1);
    this.#runMasses.set(runMasses);
    const { run, rest } = this.#pickRun(draw);
    // What the sums leave of the draw, in the weights of this run.
    return this.#pickFromRun(run, (rest / this.#runMasses[run]!) * this.#weighRun(run));
  }

  /**
   * The same draw where `scores` are only the highest of a row, in its order, among them all that truncation keeps.
   * `mass` is what the whole row weighs.
   */
  sampleBest(
    scores: Float32Array,
    highest: number,
    { temperature, topK, topP, minP }: Truncation,
    mass: number,
    draw: number,
  ): number {
    const kept = this.#shortlist;
    kept.begin(scores, highest, stepsPerScore(temperature), reservedScore);
    kept.gather(0, scores.length);
    if (topK > 0) kept.keepCount(topK);
    if (topP < 1) kept.keepMass(topP * (topK > 0 ? kept.mass : mass));
    if (minP > 0) kept.keepWeights(minP);
    return kept.pick(draw);
  }

  #pickFromAll(draw: number): number {
    const runMasses = this.#runMasses;
    for (let run = 0; run < runMasses.length; run++) runMasses[run] = this.#weighRun(run);
    const { run, rest } = this.#pickRun(draw);
    return this.#pickFromRun(run, rest);
  }

  #weighRun(run: number): number {
    const scores = this.#scores;
    const highest = this.#highest;
    const scale = this.#stepsPerScore;
    const end = Math.min((run + 1) * runLength, scores.length);
    let mass = 0;
    for (let id = run * runLength; id < end; id++) {
      const score = scores[id]!;
      if (score > reservedScore) mass += weightAt((highest - score) * scale);
    }
    return mass;
  }

  /** The run in which a draw lies by the runs' masses, and what of it is left there. */
  #pickRun(draw: number): { run: number; rest: number } {
    const runMasses = this.#runMasses;
    let mass = 0;
    for (let run = 0; run < runMasses.length; run++) mass += runMasses[run]!;
    const target = draw * mass;
    let picked = 0;
    let before = 0;
    let cumulative = 0;
    for (let run = 0; run < runMasses.length; run++) {
      const runMass = runMasses[run]!;
      if (runMass === 0) continue;
      picked = run;
      before = cumulative;
      cumulative += runMass;
      if (cumulative > target) break;
    }
    return { run: picked, rest: target - before };
  }

  /** Where rounding leaves no token beyond the target, the last one with weight. */
  #pickFromRun(run: number, target: number): number {
    const end = Math.min((run + 1) * runLength, this.#scores.length);
    let cumulative = 0;
    let last = 0;
    for (let id = run * runLength; id < end; id++) {
      const score = this.#scores[id]!;
      if (score <= reservedScore) continue;
      const weight = weightAt((this.#highest - score) * this.#stepsPerScore);
      if (weight === 0) continue;
      cumulative += weight;
      last = id;
      if (cumulative > target) break;
    }
    return last;
  }

  /** How far below the highest score the smallest leading set with this share of the mass can go. */
  #reachOfShare(share: number): number {
    if (share === 1) return Number.POSITIVE_INFINITY;
    return this.#nucleusFloor.find(this.#scores, this.#highest, this.#stepsPerScore, share);
  }

  /** Lists at least the `count` highest scores: none is in a run whose highest is below the floor. */
  #gatherBest(count: number): void {
    const scores = this.#scores;
    const floor = this.#floorOfCount(count);
    this.#shortlist.begin(scores, this.#highest, this.#stepsPerScore, floor);
    if (floor === reservedScore) {
      this.#shortlist.gather(0, scores.length);
      return;
    }
    for (let run = 0; run < this.#runHighs.length; run++) {
      if (this.#runHighs[run]! < floor) continue;
      const start = run * runLength;
      this.#shortlist.gather(start, Math.min(start + runLength, scores.length));
    }
  }

  /** A score that at least `count` tokens reach, because so many runs hold one; the lowest there is if there are fewer. */
  #floorOfCount(count: number): number {
    const runHighs = this.#runHighs;
    if (count > runHighs.length) return reservedScore;
    const scores = this.#scores;
    const ranked = this.#rankedRuns;
    ranked.clear(runHighs);
    for (let run = 0; run < runHighs.length; run++) {
      const end = Math.min((run + 1) * runLength, scores.length);
      let high = reservedScore;
      for (let id = run * runLength; id < end; id++) {
        const score = scores[id]!;
        if (score > high) high = score;
      }
      runHighs[run] = high;
      ranked.add(run);
    }
    ranked.heapify();
    for (let rank = 1; rank < count; rank++) ranked.pop();
    return runHighs[ranked.pop()]!;
  }
}

/** The token of the highest score, of equals the lowest id: what the graph's argmax is for scores that no one edited. */
export function bestToken(scores: Float32Array): number {
  let best = 0;
  let highest = scores[0]!;
  for (let id = 1; id < scores.length; id++) {
    if (scores[id]! > highest) {
      best = id;
      highest = scores[id]!;
    }
  }
  return best;
}
