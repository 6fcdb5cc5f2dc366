// The tokens of the highest scores at one position, in ascending id order: a row that is short.
// biome-ignore-all lint/style/noNonNullAssertion: loops over typed arrays, every index within bounds.
import { stepsPerScore, weightAt } from './relative-weight.ts';
import type { Truncation } from './sample.ts';
import type { TokenRating } from './step-scores.ts';

/** More than rounding can add up to. */
const slack = 1 + 1e-9;

/** What a graph lists of the best tokens, in any order. */
export interface ListedTokens {
  readonly ids: Int32Array;
  readonly scores: Float32Array;
  readonly behaviorLogprobs: Float32Array;
  readonly valueProbs: Float32Array;
}

export class Candidates {
  readonly ids: Int32Array;
  readonly scores: Float32Array;
  readonly highest: number;
  readonly #listed: ListedTokens;
  /** Where each of them is in that list. */
  readonly #places: Uint32Array;
  /** No other token scores more; null where there is no other. */
  readonly #floor: number | null;

  constructor(listed: ListedTokens, isWholeVocabulary: boolean) {
    const { ids, scores } = listed;
    const lowest = scores.reduce((least, score) => Math.min(least, score));
    // Of those that score as the lowest does, some may have been left out.
    const places = Uint32Array.from(ids.keys()).filter(
      (place) => isWholeVocabulary || scores[place]! > lowest,
    );
    this.#listed = listed;
    this.#places = places.sort((one, other) => ids[one]! - ids[other]!);
    this.#floor = isWholeVocabulary ? null : lowest;
    this.ids = Int32Array.from(places, (place) => ids[place]!);
    this.scores = Float32Array.from(places, (place) => scores[place]!);
    this.highest = scores.reduce((most, score) => Math.max(most, score));
  }

  /** Whether the `count` best tokens are here. */
  holdBest(count: number): boolean {
    return this.#floor === null || count <= this.ids.length;
  }

  /** Whether every token that truncation keeps is here, where all tokens together weigh `mass`. */
  hold({ temperature, topK, topP, minP }: Truncation, mass: number): boolean {
    const floor = this.#floor;
    if (floor === null) return true;
    if (topK > 0) return this.holdBest(topK);
    const scale = stepsPerScore(temperature);
    const weigh = (score: number): number => weightAt((this.highest - score) * scale);
    if (weigh(floor) < minP) return true;
    const held = this.scores.reduce((sum, score) => sum + weigh(score), 0);
    return topP < 1 && held >= topP * mass * slack;
  }

  /** Null for a token that is not here. */
  rate(id: number): TokenRating | null {
    const place = this.#places[this.ids.indexOf(id)];
    if (place === undefined) return null;
    const { scores, behaviorLogprobs, valueProbs } = this.#listed;
    return {
      score: scores[place]!,
      behaviorLogprob: behaviorLogprobs[place]!,
      valueProb: valueProbs[place]!,
    };
  }
}
