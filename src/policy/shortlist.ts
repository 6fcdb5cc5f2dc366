// The tokens of a row that truncation may keep, in ascending id order, and what it then does keep.
// Nothing is sorted but the few tokens around a cut; the work is linear in the tokens listed.
// biome-ignore-all lint/style/noNonNullAssertion: hot loops over typed arrays, every index within bounds.
import { RankedIds } from './ranked-ids.ts';
import { weightAt } from './relative-weight.ts';
import { reservedScore } from './reserved-score.ts';

const bins = 1024;

export class Shortlist {
  readonly #ids: Int32Array;
  readonly #weights: Float64Array;
  readonly #binCounts = new Uint32Array(bins);
  readonly #binMasses = new Float64Array(bins);
  readonly #ranked: RankedIds;
  #scores: Float32Array = new Float32Array(0);
  #highest = 0;
  /** Of all that have been listed. */
  #lowest = 0;
  #stepsPerScore = 0;
  #floor = 0;
  #size = 0;

  constructor(vocabularySize: number) {
    this.#ids = new Int32Array(vocabularySize);
    this.#weights = new Float64Array(vocabularySize);
    this.#ranked = new RankedIds(vocabularySize);
  }

  /** Starts over, for tokens that score `floor` or more. */
  begin(scores: Float32Array, highest: number, stepsPerScore: number, floor: number): void {
    this.#scores = scores;
    this.#highest = highest;
    this.#stepsPerScore = stepsPerScore;
    this.#floor = floor;
    this.#lowest = highest;
    this.#size = 0;
  }

  /** Lists those of the ids from `start` to before `end` that reach the floor; reserved ones never. */
  gather(start: number, end: number): void {
    const scores = this.#scores;
    const highest = this.#highest;
    const scale = this.#stepsPerScore;
    const floor = this.#floor;
    let size = this.#size;
    let lowest = this.#lowest;
    for (let id = start; id < end; id++) {
      const score = scores[id]!;
      if (score < floor || score <= reservedScore) continue;
      if (score < lowest) lowest = score;
      this.#ids[size] = id;
      this.#weights[size] = weightAt((highest - score) * scale);
      size += 1;
    }
    this.#size = size;
    this.#lowest = lowest;
  }

  get mass(): number {
    let mass = 0;
    for (let index = 0; index < this.#size; index++) mass += this.#weights[index]!;
    return mass;
  }

  /** Keeps the `count` highest scores, of equals the lower ids. */
  keepCount(count: number): void {
    if (count < this.#size) this.#cut(count, Number.POSITIVE_INFINITY);
  }

  /** Keeps the smallest set of highest scores, of equals the lower ids first, that weighs at least `mass`. */
  keepMass(mass: number): void {
    this.#cut(this.#size, mass);
  }

  /** Keeps the tokens of at least this weight; the most probable one's is 1. */
  keepWeights(least: number): void {
    let kept = 0;
    for (let index = 0; index < this.#size; index++) {
      if (this.#weights[index]! >= least) this.#place(index, kept++);
    }
    this.#size = kept;
  }

  /** The first token whose cumulative weight exceeds this share of all; if rounding leaves none, the last with weight. */
  pick(draw: number): number {
    const target = draw * this.mass;
    let cumulative = 0;
    let last = 0;
    for (let index = 0; index < this.#size; index++) {
      const weight = this.#weights[index]!;
      if (weight === 0) continue;
      cumulative += weight;
      last = this.#ids[index]!;
      if (cumulative > target) return last;
    }
    return last;
  }

  /** Finds the last token kept: the bin of scores it is in, then its rank there. */
  #cut(count: number, mass: number): void {
    const scale = this.#fillBins();
    let countLeft = count;
    let massLeft = mass;
    let bin = 0;
    for (; bin < bins - 1; bin++) {
      if (this.#binCounts[bin]! >= countLeft || this.#binMasses[bin]! >= massLeft) break;
      countLeft -= this.#binCounts[bin]!;
      massLeft -= this.#binMasses[bin]!;
    }
    const ranked = this.#ranked;
    ranked.clear(this.#scores);
    for (let index = 0; index < this.#size; index++) {
      if (this.#binOf(this.#ids[index]!, scale) === bin) ranked.add(this.#ids[index]!);
    }
    ranked.heapify();
    const last = this.#lastKept(countLeft, massLeft);
    // Rounding may leave all of them short of the mass, and the last bin may be empty: all are kept.
    if (last >= 0) this.#keepUpTo(last);
  }

  /** In the bin at hand, the token with which what is left to keep is reached; −1 in an empty one. */
  #lastKept(count: number, mass: number): number {
    let last = -1;
    let cumulative = 0;
    for (let kept = 0; kept < count && cumulative < mass; kept++) {
      const next = this.#ranked.pop();
      if (next < 0) break;
      last = next;
      cumulative += this.#weightOf(last);
    }
    return last;
  }

  #keepUpTo(last: number): void {
    const lastScore = this.#scores[last]!;
    let kept = 0;
    for (let index = 0; index < this.#size; index++) {
      const id = this.#ids[index]!;
      const score = this.#scores[id]!;
      if (score > lastScore || (score === lastScore && id <= last)) this.#place(index, kept++);
    }
    this.#size = kept;
  }

  #place(from: number, to: number): void {
    this.#ids[to] = this.#ids[from]!;
    this.#weights[to] = this.#weights[from]!;
  }

  #weightOf(id: number): number {
    return weightAt((this.#highest - this.#scores[id]!) * this.#stepsPerScore);
  }

  /** Bins of equal width between the highest and the lowest score listed; returns how many there are to a unit. */
  #fillBins(): number {
    this.#binCounts.fill(0);
    this.#binMasses.fill(0);
    const spread = this.#highest - this.#lowest;
    const scale = spread > 0 ? (bins - 1) / spread : 0;
    for (let index = 0; index < this.#size; index++) {
      const bin = this.#binOf(this.#ids[index]!, scale);
      this.#binCounts[bin]! += 1;
      this.#binMasses[bin]! += this.#weights[index]!;
    }
    return scale;
  }

  #binOf(id: number, scale: number): number {
    return ((this.#highest - this.#scores[id]!) * scale) | 0;
  }
}
