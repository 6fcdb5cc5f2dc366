// How low the tokens of a top_p set may score, from one pass over the row: so that few tokens need a closer look.
// biome-ignore-all lint/style/noNonNullAssertion: hot loops over typed arrays, every index within bounds.
import { weightAt } from './relative-weight.ts';
import { reservedScore } from './reserved-score.ts';

const bins = 2048;
const binShift = 6;
const lastBinSteps = (bins - 1) << binShift;

/** More than rounding can add up to. */
const slack = 1 + 1e-9;

export class NucleusFloor {
  /** Masses of the row's tokens by the steps between the highest score and theirs. */
  readonly #binMasses = new Float64Array(bins);
  #mass = 0;

  /** Of the row at hand. */
  get mass(): number {
    return this.#mass;
  }

  /** A distance from the highest score below which no token is in the leading set that holds this share of the mass. */
  find(scores: Float32Array, highest: number, stepsPerScore: number, share: number): number {
    this.#fill(scores, highest, stepsPerScore);
    const enough = share * this.#mass * slack;
    let cumulative = 0;
    for (let bin = 0; bin < bins - 1; bin++) {
      cumulative += this.#binMasses[bin]!;
      if (cumulative >= enough) return (((bin + 1) << binShift) * slack) / stepsPerScore;
    }
    return Number.POSITIVE_INFINITY;
  }

  #fill(scores: Float32Array, highest: number, stepsPerScore: number): void {
    const binMasses = this.#binMasses.fill(0);
    let mass = 0;
    for (let id = 0; id < scores.length; id++) {
      const score = scores[id]!;
      if (score <= reservedScore) continue;
      const steps = (highest - score) * stepsPerScore;
      const weight = weightAt(steps);
      const bin = steps < lastBinSteps ? ((steps + 0.5) | 0) >> binShift : bins - 1;
      binMasses[bin]! += weight;
      mass += weight;
    }
    this.#mass = mass;
  }
}
